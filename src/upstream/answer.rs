//! An answer of the Server, and what it means when it is not the one that was asked for.

use std::sync::Arc;

use http::{HeaderMap, header::LOCATION};
use serde::Deserialize;

use super::credentials::Credentials;

/// Why a call did not bring what was asked for. No text has the Manager's secret in it.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer, or half of one: nobody listens, a time limit passed, the certificate is wrong, the connection broke.
    #[error("no answer from the Flamenco Server to {call}: {reason}")]
    Unreachable {
        /// Method and URL.
        call: String,
        /// What happened.
        reason: String,
    },
    /// 401 or 403: the Server does not take this Manager for the one that it says it is.
    #[error(
        "the Flamenco Server does not accept this Manager: status {status} to {call}: {message}; check `manager_id` \
         and `manager_secret`"
    )]
    Credentials {
        /// Method and URL.
        call: String,
        /// The status of the answer.
        status: u16,
        /// What the Server says.
        message: String,
    },
    /// Any other 4xx, or a redirect, which is not followed: repeating the call as it is will not help.
    #[error("the Flamenco Server refuses {call} with status {status}: {message}")]
    Refused {
        /// Method and URL.
        call: String,
        /// The status of the answer.
        status: u16,
        /// What the Server says, or where it redirects to.
        message: String,
    },
    /// 5xx, a 4xx that asks for patience, or an answer that cannot be understood.
    #[error("trouble at the Flamenco Server: status {status} to {call}: {message}")]
    Trouble {
        /// Method and URL.
        call: String,
        /// The status of the answer.
        status: u16,
        /// What the Server says, or what is wrong with its answer.
        message: String,
    },
}

/// An answer of any status.
pub(super) struct Answer {
    /// Method and URL of the question.
    pub call: String,
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    /// What must not appear in errors.
    pub credentials: Arc<Credentials>,
}

/// What Pillar and Eve say with an error (`server-protocol.md`, section 1.0).
#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(rename = "_status")]
    status: Option<String>,
    #[serde(rename = "_message")]
    message: Option<String>,
    #[serde(rename = "_error")]
    error: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    message: Option<String>,
}

impl Answer {
    /// A header of the answer, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it is an error that the Server itself made, and no proxy on the way to it.
    pub fn is_error_of_the_server(&self) -> bool {
        self.error_document().is_some_and(|document| document.status.as_deref() == Some("ERR"))
    }

    /// What the caller is told about an answer with a status that is no success.
    pub fn refusal(self) -> CallError {
        let message = self.message();
        let Self { call, status, .. } = self;
        match status {
            401 | 403 => CallError::Credentials { call, status, message },
            // It says that it is too busy, or too slow: the same call may well be taken later.
            408 | 425 | 429 => CallError::Trouble { call, status, message },
            300..=499 => CallError::Refused { call, status, message },
            _ => CallError::Trouble { call, status, message },
        }
    }

    /// The answer makes no sense; `what` says why.
    pub fn trouble(&self, what: &str) -> CallError {
        let message = self.credentials.plain(what);
        CallError::Trouble { call: self.call.clone(), status: self.status, message }
    }

    fn error_document(&self) -> Option<ErrorDocument> {
        serde_json::from_slice(&self.body).ok()
    }

    fn message(&self) -> String {
        if let Some(place) = self.header(LOCATION.as_str()).filter(|_| (300..400).contains(&self.status)) {
            let place = self.credentials.plain(place);
            return format!("it redirects to {place}; set `flamenco` to where the Server really is");
        }
        let from_document = self
            .error_document()
            .and_then(|document| document.message.or_else(|| document.error.and_then(|error| error.message)));
        let text = from_document.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        let plain = self.credentials.plain(&text);
        if plain.is_empty() { "it does not say why".to_owned() } else { plain }
    }
}
