//! The Server vouches for people: where its public keys are, and where a browser gets its word (`server-protocol.md`,
//! section 1.9).

use aws_lc_rs::hmac;
use http::{Method, header::IF_MODIFIED_SINCE, request::Builder};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Link;

/// How long a browser may take to ask with an address that it was given.
const VALID: SignedDuration = SignedDuration::from_secs(30);

/// What is needed to send browsers to the Server. Other than all other paths, these go on behind a path in its URL.
pub(super) struct Vouching {
    /// Where the Server is; ends in a slash.
    base: String,
    manager_id: String,
    key: hmac::Key,
}

impl Vouching {
    pub fn new(link: &Link) -> Self {
        Self {
            base: format!("{}/", link.url.trim_end_matches('/')),
            manager_id: link.manager_id.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, link.manager_secret.as_bytes()),
        }
    }

    /// Asks for the public keys, if they were changed since. Nobody has to be known for that.
    pub fn keys(&self, modified: Option<&str>) -> Builder {
        let uri = format!("{}api/flamenco/jwt/public-keys", self.base);
        let request = Builder::new().method(Method::GET).uri(uri);
        match modified {
            Some(modified) => request.header(IF_MODIFIED_SINCE, modified),
            None => request,
        }
    }

    /// Where a browser that has logged in at the Server gets its word, for a moment.
    pub fn token_url(&self, now: Timestamp) -> String {
        let expires = (now + VALID).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let hmac = self.hmac(&expires);
        let Self { base, manager_id, .. } = self;
        format!(
            "{base}api/flamenco/jwt/generate-token/{manager_id}?expires={}&hmac={hmac}",
            encoded(&expires)
        )
    }

    /// Where a browser logs in at the Server, to come back to `page` then.
    pub fn login_url(&self, page: &str) -> String {
        format!("{}login?next={}", self.base, encoded(page))
    }

    fn hmac(&self, expires: &str) -> String {
        let message = format!("{expires}-{}", self.manager_id);
        let tag = hmac::sign(&self.key, message.as_bytes());
        tag.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouching(url: &str) -> Vouching {
        Vouching::new(&Link {
            url: url.to_owned(),
            manager_id: "5852bc5198377351f95d103e".to_owned(),
            manager_secret: "SRVsecret".to_owned(),
        })
    }

    #[test]
    fn the_hmac_is_the_one_of_the_specification() {
        let now = "2019-01-02T15:03:35.7Z".parse().unwrap();
        assert_eq!(
            vouching("https://cloud.example.com/sub/").token_url(now),
            "https://cloud.example.com/sub/api/flamenco/jwt/generate-token/5852bc5198377351f95d103e\
             ?expires=2019%2D01%2D02T15%3A04%3A05Z\
             &hmac=18d7b295eb2726ad738a22fac251cf42641718de0e7d8f6e9cc2c346a18ce8dc"
        );
    }

    #[test]
    fn a_page_to_come_back_to_is_one_parameter() {
        assert_eq!(
            vouching("http://server").login_url("http://farm:8080/?a&b"),
            "http://server/login?next=http%3A%2F%2Ffarm%3A8080%2F%3Fa%26b"
        );
    }
}
