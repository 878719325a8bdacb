//! `GET /`: the dashboard, from the files in `assets/page/`. They are in the binary; a debug build reads them from the disk,
//! so that a changed file is seen by reloading the page.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use warp::{Filter, Reply, path::Tail, reply::Response};

use super::{
    Site,
    error::ApiError,
    routes::{Answer, Route, endpoint},
};
use crate::domain::people::Authentication;

#[derive(RustEmbed)]
#[folder = "assets/page"]
struct Page;

/// `GET /` and the files that the page is made of. An address without a file is none of its business, whatever
/// the method: another route may know better what is wrong.
pub fn page(site: &Site) -> Route {
    let is_asked = site.services.authentication() == Authentication::Server;
    let policy = content_policy(if is_asked { &site.server.1 } else { "" });
    let file = warp::path::tail().and_then(async |tail: Tail| {
        let name = if tail.as_str().is_empty() { "index.html" } else { tail.as_str() };
        Page::get(name).map(|file| (name.to_owned(), file)).ok_or_else(warp::reject::not_found)
    });
    let route = file
        .and(warp::get())
        .and(warp::header::optional("accept-encoding"))
        .and(warp::header::optional("if-none-match"))
        .and(warp::any().map(move || policy.clone()));
    endpoint(route.then(async |(name, file): (String, EmbeddedFile), accepts, known, policy| -> Answer {
        answer(&name, file, accepts, known, policy).map_err(|error| ApiError::internal(&error))
    }))
}

/// A file, compressed for whoever takes it so; or that it is the one that the browser has.
fn answer(
    name: &str,
    file: EmbeddedFile,
    accepts: Option<String>,
    known: Option<String>,
    policy: HeaderValue,
) -> io::Result<Response> {
    let is_packed = accepts.is_some_and(|accepts| takes_gzip(&accepts));
    let hash = URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash());
    let tag = if is_packed { format!("\"{hash}-gzip\"") } else { format!("\"{hash}\"") };
    let mut response = if known.is_some_and(|known| names(&known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if is_packed {
        Response::new(packed(&file)?.into())
    } else {
        Response::new(file.data.into_owned().into())
    };
    let is_whole = response.status() == StatusCode::OK;
    let headers = response.headers_mut();
    if is_whole {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
        if is_packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    headers.extend(HeaderValue::try_from(tag).map(|tag| (header::ETAG, tag)));
    // A browser keeps the files, and asks each time whether they are still the same: they are, until an upgrade.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// What the page may do: use what the Manager serves, and nothing else. Text never becomes HTML, let alone a script. Where the
/// Flamenco Server knows who people are it may also ask that Server for the token of whoever sits before it.
fn content_policy(server: &str) -> HeaderValue {
    let origin = server.split('/').take(3).collect::<Vec<_>>().join("/");
    let connect = format!("'self' {origin}");
    let policy = format!(
        "default-src 'self'; connect-src {}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        connect.trim_end()
    );
    // A URL that is not fit for a header is not fit to be asked, either.
    policy.parse().unwrap_or_else(|_| content_policy(""))
}

/// Does this `Accept-Encoding` let gzip through?
fn takes_gzip(accepts: &str) -> bool {
    accepts.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        matches!(name.trim(), "gzip" | "*") && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// Does this `If-None-Match` name the tag? A proxy that compresses makes tags weak.
fn names(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// The file, compressed: once, however often it is asked for.
fn packed(file: &EmbeddedFile) -> io::Result<Bytes> {
    static PACKED: Mutex<BTreeMap<[u8; 32], Bytes>> = Mutex::new(BTreeMap::new());
    let mut all = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(packed) = all.get(&file.metadata.sha256_hash()) {
        return Ok(packed.clone());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&file.data)?;
    let packed = Bytes::from(encoder.finish()?);
    all.insert(file.metadata.sha256_hash(), packed.clone());
    Ok(packed)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") | None => "text/plain; charset=utf-8",
        Some(_) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(name: &str) -> String {
        let file = Page::get(name).unwrap_or_else(|| panic!("there is no {name}"));
        String::from_utf8(file.data.into_owned()).unwrap()
    }

    fn ending(name: &str) -> &str {
        name.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// Our own files that are programs or documents.
    fn own_files() -> impl Iterator<Item = String> {
        Page::iter().map(|name| name.to_string()).filter(|name| !name.starts_with("vendor/"))
    }

    fn compressed_size(names: impl IntoIterator<Item = String>) -> usize {
        names.into_iter().map(|name| packed(&Page::get(&name).unwrap()).unwrap().len()).sum()
    }

    /// Our scripts that one of them names: all of them, or only those that it cannot begin without.
    fn scripts_named_in(name: &str, only_at_once: bool) -> Vec<String> {
        let text = text(name);
        let lines = text.lines().filter(|line| !only_at_once || !line.contains("import("));
        let quoted = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
        let addresses = quoted.filter(|quoted| quoted.starts_with('.') && ending(quoted) == "js");
        addresses.map(|address| resolve(name, address)).collect()
    }

    /// Which file is meant by a relative address in another one.
    fn resolve(name: &str, address: &str) -> String {
        let mut path: Vec<_> = name.split('/').collect();
        path.pop();
        for step in address.split('/') {
            match step {
                "." => {}
                ".." => drop(path.pop()),
                step => path.push(step),
            }
        }
        path.join("/")
    }

    /// The scripts that have to be there before the page of the farm can be drawn.
    fn first_scripts() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut needed = vec!["main.js".to_owned(), "pages/farm.js".to_owned()];
        while let Some(name) = needed.pop() {
            if found.insert(name.clone()) {
                needed.extend(scripts_named_in(&name, true));
            }
        }
        found
    }

    #[test]
    fn a_browser_knows_what_each_file_is() {
        for file in Page::iter() {
            assert_ne!(kind(&file), "application/octet-stream", "{file}");
        }
    }

    #[test]
    fn no_file_has_what_the_policy_forbids() {
        for name in own_files() {
            let text = text(&name);
            let mut forbidden =
                vec!["innerHTML", "InnerHTML", "outerHTML", "insertAdjacentHTML", "document.write"];
            forbidden.extend(["http://", "https://", "eval(", "new Function"]);
            if ending(&name) == "html" {
                forbidden.extend(["style=", "<style", " on", "<script>", "javascript:"]);
            }
            for forbidden in forbidden {
                let text = text.replace("http://www.w3.org/", "");
                assert!(!text.contains(forbidden), "{name}: {forbidden}");
            }
        }
    }

    #[test]
    fn whatever_a_file_brings_in_is_there() {
        for name in own_files().filter(|name| ending(name) == "js") {
            for needed in scripts_named_in(&name, false) {
                assert!(Page::get(&needed).is_some(), "{name} needs {needed}");
            }
        }
        let index = text("index.html");
        for attribute in ["href=\"", "src=\""] {
            for needed in index.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(needed.starts_with('#') || Page::get(needed).is_some(), "index.html needs {needed}");
            }
        }
    }

    #[test]
    fn the_first_page_is_asked_for_at_once() {
        let index = text("index.html");
        let links = index.split("rel=\"modulepreload\" href=\"").skip(1);
        let preloaded: Vec<_> = links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
        let mut needed = first_scripts();
        needed.remove("main.js");
        assert_eq!(preloaded, needed.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_others_made_is_what_they_published() {
        for line in text("vendor/SHA256SUMS").lines().filter(|line| !line.starts_with('#')) {
            let (sum, name) = line.split_once("  ").unwrap();
            let hash = Page::get(&format!("vendor/{name}")).unwrap().metadata.sha256_hash();
            let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hash: String = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect();
            assert_eq!(hash, sum, "{name}");
        }
    }

    #[test]
    fn it_is_small() {
        let all = compressed_size(Page::iter().map(|name| name.to_string()));
        assert!(all < 400_000, "all files together: {all} bytes");
        // What a browser loads to show the farm: the style sheets, and the scripts that cannot begin without each other.
        let first = compressed_size(own_files().filter(|name| ending(name) != "js").chain(first_scripts()));
        assert!(first < 150_000, "the first page: {first} bytes");
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for accepts in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "*", "deflate,gzip; q=0.1"] {
            assert!(takes_gzip(accepts), "{accepts}");
        }
        for accepts in ["", "identity", "br", "gzip;q=0", "x-gzip2", "gzip;q=nonsense"] {
            assert!(!takes_gzip(accepts), "{accepts}");
        }
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        for known in ["\"a\"", "\"b\", \"a\"", "W/\"a\"", "*"] {
            assert!(names(known, "\"a\""), "{known}");
        }
        for known in ["", "\"b\"", "a", "\"a-gzip\""] {
            assert!(!names(known, "\"a\""), "{known}");
        }
    }

    #[test]
    fn only_the_server_above_may_be_asked_besides_the_manager() {
        let policy = |server| content_policy(server).to_str().unwrap().to_owned();
        assert!(
            policy("https://cloud.example/flamenco/").contains("connect-src 'self' https://cloud.example;")
        );
        assert!(policy("").contains("connect-src 'self';"));
        assert_eq!(policy("https://a\nb/"), policy(""));
        for unsafe_source in ["unsafe", "data:", "*"] {
            assert!(!policy("").contains(unsafe_source));
        }
    }
}
