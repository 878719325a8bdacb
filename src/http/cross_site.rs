//! Web pages of others may not use a visitor's browser to command the farm: a job is a command that runs on the workers.

use std::net::IpAddr;

use http::{HeaderMap, uri::Authority};

/// Whose page asks, by what the browser says. No page can say something else.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    Own,
    Foreign,
    /// Nobody says so: it is a script, or a very old browser.
    Unsaid,
}

/// Whether a request that would change something is to be refused because of the page that it comes from. One that only a
/// cookie speaks for has to say that the page is ours: browsers send cookies along by themselves.
pub fn forbids(headers: &HeaderMap, by_cookie: bool) -> bool {
    match page(headers) {
        Page::Own => false,
        Page::Foreign => true,
        Page::Unsaid => by_cookie,
    }
}

fn page(headers: &HeaderMap) -> Page {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // It is right behind a proxy that gives its own name as the host, too; but browsers say it on safe connections only.
    match text("sec-fetch-site") {
        // `none` is what somebody typed, or has among their bookmarks.
        Some("same-origin" | "none") => return Page::Own,
        Some(_) => return Page::Foreign,
        None => {}
    }
    match text("origin") {
        Some(origin) if is_own(origin, text("host")) => Page::Own,
        Some(_) => Page::Foreign,
        None => Page::Unsaid,
    }
}

/// Is the page of this origin served by the host that was asked?
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let page_host = origin.split_once("://").map(|(_, host)| host);
    page_host.zip(host).is_some_and(|(page, asked)| page.eq_ignore_ascii_case(asked))
}

/// Endings of names that nobody outside of this network gives away.
const LOCAL: [&str; 6] = ["localhost", "local", "lan", "internal", "localdomain", "home.arpa"];

/// Could somebody elsewhere make this name lead here? The page of such a name counts as our own then, and where nobody has to
/// log in it could do everything ("DNS rebinding"). An address is what it is, a name without a dot is of this network, and
/// `own` are the names that the configuration gives.
pub fn may_lead_astray(host: &str, own: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return true };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let ends_locally = LOCAL.iter().any(|ending| {
        name.strip_suffix(ending).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    let is_own = own.iter().any(|own| own.eq_ignore_ascii_case(&name));
    !(is_address || !name.contains('.') || ends_locally || is_own)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn page_of(headers: &[(&'static str, &'static str)]) -> Page {
        let headers = headers.iter();
        page(
            &headers
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect(),
        )
    }

    #[test]
    fn only_a_page_of_the_host_that_was_asked_is_our_own() {
        assert!(is_own("http://farm:8080", Some("farm:8080")));
        assert!(is_own("https://Farm.example", Some("farm.example")));
        for origin in ["http://evil.example", "http://farm:81", "null", "", "farm:8080"] {
            assert!(!is_own(origin, Some("farm:8080")), "{origin}");
        }
        assert!(!is_own("http://farm:8080", None));
    }

    #[test]
    fn what_the_browser_says_of_the_site_goes_before_the_names_of_hosts() {
        let (evil, host) = (("origin", "http://evil.example"), ("host", "farm"));
        assert_eq!(page_of(&[host]), Page::Unsaid);
        assert_eq!(page_of(&[host, evil]), Page::Foreign);
        assert_eq!(page_of(&[host, evil, ("sec-fetch-site", "same-origin")]), Page::Own);
        for site in ["cross-site", "same-site", "what"] {
            let said = HeaderMap::from_iter([(
                HeaderName::from_static("sec-fetch-site"),
                HeaderValue::from_str(site).unwrap(),
            )]);
            assert_eq!(page(&said), Page::Foreign, "{site}");
        }
    }

    #[test]
    fn only_a_name_that_others_may_give_away_leads_astray() {
        let own = ["render.example.com".to_owned()];
        for host in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost:8080",
            "farm",
            "farm.local",
            "farm.lan:80",
            "a.home.arpa",
            "Render.Example.com:8080",
        ] {
            assert!(!may_lead_astray(host, &own), "{host}");
        }
        for host in ["evil.example.com", "127.0.0.1.evil.com:8080", "evillocal.com", "x.evillan", "", "a b"] {
            assert!(may_lead_astray(host, &own), "{host}");
        }
    }

    #[test]
    fn a_cookie_alone_commands_nothing() {
        assert!(forbids(&HeaderMap::new(), true));
        assert!(!forbids(&HeaderMap::new(), false));
    }
}
