//! What people did: who, when, what, from where, and how it ended.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::people::Role;

/// So long it is remembered,
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// and so many deeds at the most; older ones are forgotten.
pub const KEPT: u64 = 50_000;

/// As many deeds of those whom nobody knows are remembered in a minute: whoever guesses tokens must not be able to push
/// everything else out.
pub const STRANGERS: u32 = 20;

/// As many characters of a name and of a request are kept.
const LONGEST_NAME: usize = 200;
const LONGEST_DETAIL: usize = 1000;

/// Of a longer request only the length is kept.
const LARGEST_BODY: usize = 64 << 10;

/// What stands in for a secret.
const HIDDEN: &str = "…";

/// The fields of requests that hold secrets.
const SECRETS: [&str; 4] = ["code", "password", "secret", "token"];

/// Something that somebody did, or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When it was done.
    pub at: Timestamp,
    /// Who did it, if that is known.
    pub who: Option<String>,
    /// As what they are known.
    pub role: Option<Role>,
    /// The machine that asked; `None` for a command on the Manager's own, without the Manager.
    pub from: Option<IpAddr>,
    /// What was done, in words.
    pub action: String,
    /// To what: IDs, with the names at that time.
    pub target: String,
    /// What more was said.
    pub detail: String,
    /// The status of the answer; `None` if nobody waited for it.
    pub status: Option<u16>,
}

impl Deed {
    /// The same deed, with its texts no longer than is kept.
    #[must_use]
    pub fn cut(self) -> Self {
        Self {
            who: self.who.map(|who| cut(&who, LONGEST_NAME)),
            target: cut(&self.target, LONGEST_DETAIL),
            detail: cut(&self.detail, LONGEST_DETAIL),
            ..self
        }
    }
}

/// What a request says beside its address, without secrets: what stands behind the question mark, and its body, which is
/// JSON or a form.
pub fn detail(query: &str, body: &[u8]) -> String {
    let parts = [form(query), of_body(body)];
    cut(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "), LONGEST_DETAIL)
}

fn of_body(body: &[u8]) -> Option<String> {
    if body.len() > LARGEST_BODY {
        return Some(format!("({} bytes)", body.len()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Null) => None,
        Ok(document) => Some(without_secrets(document).to_string()),
        Err(_) => form(std::str::from_utf8(body).ok()?),
    }
}

fn without_secrets(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            let shown = |(name, value): (String, Value)| {
                let value = if is_secret(&name) { HIDDEN.into() } else { without_secrets(value) };
                (name, value)
            };
            fields.into_iter().map(shown).collect()
        }
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

/// `name=value&other=value`; nothing if it is anything else, which may hold whatever it likes.
fn form(text: &str) -> Option<String> {
    let pairs = text.split('&').map(|pair| pair.split_once('='));
    let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let shown = pairs?.into_iter().map(|(name, value)| {
        is_plain(name).then(|| format!("{name}={}", if is_secret(name) { HIDDEN } else { value }))
    });
    Some(shown.collect::<Option<Vec<_>>>()?.join("&"))
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How many deeds of strangers were remembered in this minute.
#[derive(Debug, Default)]
pub struct Strangers {
    minute: i64,
    deeds: u32,
}

impl Strangers {
    /// Is another one remembered?
    pub fn admit(&mut self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            *self = Self { minute, deeds: 0 };
        }
        self.deeds = self.deeds.saturating_add(1);
        self.deeds <= STRANGERS
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_request_says_is_kept() {
        for (query, body, expected) in [
            ("", "", ""),
            ("force=true", "", "force=true"),
            ("tasks=failed", r#"{ "priority": 70 }"#, r#"tasks=failed {"priority":70}"#),
            ("", "action=set-status&status=asleep", "action=set-status&status=asleep"),
            ("", "null", ""),
            ("", "nonsense", ""),
        ] {
            assert_eq!(detail(query, body.as_bytes()), expected);
        }
        assert_eq!(detail("", &vec![b'x'; LARGEST_BODY + 1]), "(65537 bytes)");
        let ids = json!({"ids": vec!["5c7d0000000000000000abc9"; 1000]}).to_string();
        assert_eq!(detail("", ids.as_bytes()).chars().count(), LONGEST_DETAIL + 1);
    }

    #[test]
    fn secrets_are_not() {
        for body in [
            r#"{"token": "hush"}"#,
            r#"{"CODE": "hush", "a": [{"secret": {"b": "hush"}}]}"#,
            "password=hush&a=b",
            r#"{"token": "hush""#,
            r#"{"token"="hush"}"#,
            "token: hush=",
        ] {
            let detail = detail("token=hush", body.as_bytes());
            assert!(!detail.contains("hush"), "{detail}");
        }
    }

    #[test]
    fn strangers_are_remembered_up_to_a_number_in_a_minute() {
        let mut strangers = Strangers::default();
        let now: Timestamp = "2026-03-02T11:00:59Z".parse().unwrap();
        let admitted = (0..100).filter(|_| strangers.admit(now)).count();
        assert_eq!(admitted, STRANGERS as usize);
        assert!(strangers.admit(now + 1.second()));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_the_detail_is_short(query in "(?s).{0,50}", body in prop::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert!(detail(&query, &body).chars().count() <= LONGEST_DETAIL + 1);
        }
    }
}
