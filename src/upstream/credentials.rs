//! The Manager's secret: how it is shown to the Server, and kept from everybody else.

use headers::{Authorization, Header};
use http::HeaderValue;

/// How much of a text from the Server stands in an error, in characters.
const SHOWN: usize = 200;

/// Who the Manager is: HTTP Basic with the secret as the user name and no password.
pub(super) struct Credentials {
    /// The `Authorization` header, which does not show in debug output.
    pub header: HeaderValue,
    secret: String,
}

impl Credentials {
    pub fn new(secret: &str) -> Self {
        let mut values = Vec::with_capacity(1);
        Authorization::basic(secret, "").encode(&mut values);
        let header = values.pop().expect("an Authorization header has one value");
        Self { header, secret: secret.to_owned() }
    }

    /// `text` as it may stand in an error: one short line without the secret, should the Server repeat it.
    pub fn plain(&self, text: &str) -> String {
        let header = self.header.to_str().unwrap_or_default();
        let token = header.trim_start_matches("Basic ");
        let mut text = text.to_owned();
        for secret in [token, &self.secret] {
            if !secret.is_empty() {
                text = text.replace(secret, "(secret)");
            }
        }
        let line: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
        line.trim().chars().take(SHOWN).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_the_server_becomes_one_short_line_without_the_secret() {
        let credentials = Credentials::new("s3cret");
        let echoed = credentials.plain("You sent\r\nBasic czNjcmV0Og== for s3cret\u{7}");
        assert_eq!(echoed, "You sent  Basic (secret) for (secret)");
        assert_eq!(credentials.plain(&"é".repeat(300)), "é".repeat(SHOWN));
        assert_eq!(Credentials::new("").plain("as it is"), "as it is");
    }
}
