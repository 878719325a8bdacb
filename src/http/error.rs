//! Errors become answers, in one place.

use http::{StatusCode, header};
use jiff::SignedDuration;
use serde_json::json;
use warp::{Reply, reject::Rejection, reply::Response};

use super::{body::BodyError, documents, gate::WrongMethod};
use crate::{
    domain::{compile::Problem, numbers::count},
    services::{Error, Stranger},
};

/// What callers read about an error that they cannot help.
const INTERNAL: &str = "internal error; the log of the Manager says more";

/// The code of the answer to people whom nobody knows.
const UNAUTHENTICATED: &str = "unauthenticated";

/// The status by which pages of 2.x know that the Server's word about somebody has expired.
pub fn expired() -> StatusCode {
    StatusCode::from_u16(498).unwrap_or(StatusCode::UNAUTHORIZED)
}

/// Rounded up: who comes back then does not come too early.
fn whole_seconds(wait: SignedDuration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000)
}

/// An error as a caller sees it: `{"error": {"code", "message"}}` with a fitting status.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// What is wrong with which setting of a job.
    problems: Vec<Problem>,
    /// After so many seconds it may be tried again.
    retry_after: Option<u64>,
}

impl ApiError {
    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "bad-request",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not-found",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// Nothing here can be done with a body of this kind.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_ACCEPTABLE,
            code: "not-acceptable",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// The request is understood, and still cannot be carried out.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "unprocessable",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// The caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: "forbidden",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// What the caller sends must not be sent unencrypted.
    pub fn needs_https(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: "needs-https",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// Nobody knows who asks.
    pub fn unauthenticated(stranger: Stranger) -> Self {
        let (status, code, message) = match stranger {
            Stranger::Nobody => (
                StatusCode::UNAUTHORIZED,
                UNAUTHENTICATED,
                "the Manager has to know who asks: log in on its page, or send an access token as \
                 \"Authorization: Bearer TOKEN\" (an admin makes one with flamenco-manager user token create)"
                    .to_owned(),
            ),
            Stranger::Unknown | Stranger::LoggedOut => (
                StatusCode::UNAUTHORIZED,
                UNAUTHENTICATED,
                "what was sent to log in is not valid, or no longer: log in again, or send another access token"
                    .to_owned(),
            ),
            Stranger::Expired => (expired(), "expired", "JWT token expired".to_owned()),
            Stranger::TooOften(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-often",
                format!("there were too many wrong tries to log in; try again in {}", count(whole_seconds(wait), "second")),
            ),
            Stranger::Trouble => (StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL.to_owned()),
        };
        let retry_after =
            if let Stranger::TooOften(wait) = stranger { Some(whole_seconds(wait)) } else { None };
        Self { status, code, message, problems: Vec::new(), retry_after }
    }

    /// A worker's credentials are missing or wrong.
    pub fn unauthorized() -> Self {
        let message = "unknown worker or wrong secret";
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "unauthorized",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// A part of the Manager does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unhealthy",
            message: message.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// Something went wrong that the caller cannot help. What it was is in the log.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = whole_story(error), "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: INTERNAL.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in a word that programs know.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, in words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The answer, as JSON.
    pub fn into_response(self) -> Response {
        let body = warp::reply::json(&documents::error(self.code, &self.message, &self.problems));
        let response = warp::reply::with_status(body, self.status).into_response();
        self.with_challenge(response)
    }

    /// The answer, as a line of text: what scripts of 2.x expect.
    pub fn into_text(self) -> Response {
        let response = warp::reply::with_status(format!("{}\n", self.message), self.status).into_response();
        self.with_challenge(response)
    }

    /// Says as well how to be let in, and when. Workers prove who they are in another way than people; a browser that read `Basic` would ask for a password.
    fn with_challenge(&self, mut response: Response) -> Response {
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = if self.code == UNAUTHENTICATED {
                "Bearer realm=\"Flamenco Manager\""
            } else {
                "Basic realm=\"Flamenco Manager\""
            };
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::UnknownTask(_)
            | Error::UnknownJob(_)
            | Error::UnknownWorker(_)
            | Error::UnknownToken(_) => (StatusCode::NOT_FOUND, "not-found"),
            Error::NameTaken(_) => (StatusCode::CONFLICT, "name-taken"),
            Error::NotYours { .. } => (StatusCode::CONFLICT, "not-yours"),
            Error::Illegal(_) | Error::IllegalAction(_) => (StatusCode::CONFLICT, "too-late"),
            Error::Unfinished(_) => (StatusCode::CONFLICT, "too-early"),
            Error::Busy => (StatusCode::CONFLICT, "busy"),
            Error::OfServer(_) => (StatusCode::CONFLICT, "of-server"),
            Error::KeyReused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused"),
            Error::NoTaskTypes => (StatusCode::NOT_ACCEPTABLE, "no-task-types"),
            Error::Refused(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            Error::BadSettings(_) => (StatusCode::BAD_REQUEST, "bad-settings"),
            Error::NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "no-room"),
            Error::Log(_) | Error::TestFile { .. } | Error::Store(_) | Error::Panicked => {
                return Self::internal(&error);
            }
        };
        let message = error.to_string();
        let problems = if let Error::BadSettings(problems) = error { problems } else { Vec::new() };
        Self { status, code, message, problems, retry_after: None }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too-slow"),
            BodyError::Broken => (StatusCode::BAD_REQUEST, "bad-request"),
        };
        Self { status, code, message: error.to_string(), problems: Vec::new(), retry_after: None }
    }
}

/// An error with everything behind it: what a log shows by itself is only the outermost.
fn whole_story(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |story, cause| format!("{story}: {cause}"))
}

/// The answer to a request that no route took.
pub fn no_route(rejection: &Rejection) -> Response {
    let wrong_method = rejection.find::<WrongMethod>().is_some()
        || rejection.find::<warp::reject::MethodNotAllowed>().is_some();
    let (status, code, message) = if wrong_method {
        (StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this cannot be done with this method")
    } else {
        (StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
    };
    ApiError { status, code, message: message.into(), problems: Vec::new(), retry_after: None }
        .into_response()
}

/// The answer to a request whose handler panicked. What a worker asks of its task is always answered in the
/// one form that it understands; in case of doubt it goes on (`worker-protocol.md`, sections 0.1 and 13).
pub fn on_panic(path: &str) -> Response {
    let body = if path.starts_with("/may-i-run/") {
        warp::reply::json(&json!({"may_keep_running": true, "reason": "internal error"}))
    } else {
        warp::reply::json(&documents::error("internal", INTERNAL, &[]))
    };
    warp::reply::with_status(body, StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
