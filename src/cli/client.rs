//! Talks to a running Manager, for the commands that need one.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use http::StatusCode;
use rustls::crypto::aws_lc_rs::default_provider;
use serde_json::Value;
use ureq::{
    Agent, Body, RequestBuilder,
    http::Response,
    tls::{RootCerts, TlsConfig},
};
use uuid::Uuid;

use super::{Failure, here::Here};
use crate::{
    app::token_file::{self, Local},
    config::{Config, HttpUrl},
};

/// No answer takes longer than this, not even to a job of 200,000 tasks. What is read as it comes is never silent for so
/// long.
const LIMIT: Duration = Duration::from_mins(1);

/// So long the answer is waited for to something of which everybody knows that it takes its time.
const LONG: Duration = Duration::from_hours(1);

/// The largest answer, in bytes.
const LARGEST: u64 = 256 << 20;

/// The variable of the environment that has an access token.
const TOKEN_VARIABLE: &str = "FLAMENCO_MANAGER_TOKEN";

/// A running Manager.
#[derive(Clone)]
pub struct Client {
    url: HttpUrl,
    agent: Agent,
    /// What it shows to be let in.
    token: Option<String>,
    /// Why it shows nothing, if that is not as it should be.
    why_no_token: Option<String>,
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody is there, or the connection broke.
    #[error(
        "no Manager answers at {url}: is it running? Start it with `flamenco-manager`, or say with --manager URL where \
         it is ({reason})"
    )]
    Unreachable {
        /// Where it should be.
        url: HttpUrl,
        /// What went wrong.
        reason: ureq::Error,
    },
    /// Somebody else is there.
    #[error("what answers at {url} is no Flamenco Manager (status {status})")]
    Stranger {
        /// Where the Manager should be.
        url: HttpUrl,
        /// What the stranger says.
        status: StatusCode,
    },
    /// The Manager has to know who asks.
    #[error(
        "the Manager at {url} has to know who asks{because}: run this as the Manager's user, on its machine and with its \
         configuration; or set {TOKEN_VARIABLE}, or --token-file FILE, to an access token"
    )]
    Unknown {
        /// Where the Manager is.
        url: HttpUrl,
        /// Why it was shown nothing, if that is not as it should be.
        because: String,
    },
    /// The Manager says no.
    #[error("the Manager refused: {why}")]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// What it says; a line for each problem if there are several.
        why: String,
    },
}

impl CallError {
    /// Whether it may be over in a moment: a Manager that is being restarted, or whose disk has trouble.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Unknown { .. } => false,
            Self::Stranger { status, .. } | Self::Refused { status, .. } => status.is_server_error(),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::new(error.to_string())
    }
}

impl Client {
    /// The Manager at `url`, or else the one that the configuration describes, on this machine. It is shown the access token
    /// of `token_file` or of the environment; else the one that a Manager keeps for commands on its machine, which no other
    /// Manager is ever shown.
    pub fn new(url: Option<&HttpUrl>, token_file: Option<&Path>, config: &Config) -> Result<Self, Failure> {
        let (local, why_no_token) = match Local::read(&config.database_path) {
            Ok(local) => (local, None),
            Err(error) => {
                (None, Some(format!("{}: {error}", token_file::path(&config.database_path).display())))
            }
        };
        // The Manager is on this machine or in this network; a proxy in the environment is for the web.
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT))
            // What is shown to this Manager is shown to no other.
            .max_redirects(0)
            .proxy(None);
        let given = given_token(token_file)?;
        if let (None, Some(here)) = (url, Here::find(config)) {
            let token = given.or(local.map(|local| local.token));
            return Ok(Self { url: here.url.clone(), agent: here.agent(settings), token, why_no_token });
        }
        let own = local.as_ref().and_then(|local| local.url.parse().ok()).or_else(|| config.local_url());
        let url = url.cloned().or_else(|| own.clone()).ok_or_else(|| {
            Failure::new("the configuration does not say where the Manager listens; give its address with --manager URL")
        })?;
        let is_own = [own.as_ref(), config.local_url().as_ref()].contains(&Some(&url));
        let token = given.or(local.filter(|_| is_own).map(|local| local.token));
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()));
        let agent = settings.tls_config(tls.build()).build().into();
        Ok(Self { url, agent, token, why_no_token })
    }

    /// Where the Manager is.
    pub fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// `GET path`
    pub fn get(&self, path: &str) -> Result<Value, CallError> {
        self.get_with(path, &[])
    }

    /// `GET path?query`
    pub fn get_with(&self, path: &str, query: &[(&str, String)]) -> Result<Value, CallError> {
        let request = self.known(self.agent.get(self.at(path)));
        self.answer(request.query_pairs(query.iter().map(|(name, value)| (name, value))).call())
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &[u8]) -> Result<Value, CallError> {
        self.answer(self.known(self.agent.post(self.at(path))).content_type("application/json").send(body))
    }

    /// `POST path` of something new. When the connection breaks it is sent once more: by the key the Manager knows it again
    /// if it has it already.
    pub fn create(&self, path: &str, body: &[u8]) -> Result<Value, CallError> {
        let key = Uuid::new_v4().to_string();
        let send = || {
            let request = self.known(self.agent.post(self.at(path))).header("Idempotency-Key", &key);
            self.answer(request.content_type("application/json").send(body))
        };
        match send() {
            Err(CallError::Unreachable { .. }) => send(),
            answer => answer,
        }
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: &str, body: &[u8]) -> Result<Value, CallError> {
        self.answer(self.known(self.agent.patch(self.at(path))).content_type("application/json").send(body))
    }

    /// `DELETE path`
    pub fn delete(&self, path: &str) -> Result<Value, CallError> {
        self.answer(self.known(self.agent.delete(self.at(path))).call())
    }

    /// `GET path` of something long or endless, which is read as it comes; events go on behind `last_event`.
    pub fn stream(&self, path: &str, last_event: Option<&str>) -> Result<impl BufRead + use<>, CallError> {
        let mut request = self.endless(self.agent.get(self.at(path)));
        if let Some(id) = last_event {
            request = request.header("Last-Event-ID", id);
        }
        self.opened(request.call()).map(BufReader::new)
    }

    /// `GET path` of something that takes its time.
    pub fn get_slow(&self, path: &str) -> Result<Value, CallError> {
        self.answer(self.patient(self.agent.get(self.at(path))).call())
    }

    /// `POST path` of something that takes its time.
    pub fn post_slow(&self, path: &str) -> Result<Value, CallError> {
        self.answer(self.patient(self.agent.post(self.at(path))).send_empty())
    }

    /// `POST path` of something with a long answer, which is read as it comes.
    pub fn download(&self, path: &str) -> Result<impl Read + use<>, CallError> {
        self.opened(self.endless(self.agent.post(self.at(path))).send_empty())
    }

    /// A request of which the answer may take its time.
    fn patient<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        self.known(request).config().timeout_global(Some(LONG)).timeout_connect(Some(LIMIT)).build()
    }

    /// A request of which the answer comes piece by piece, without a limit for it as a whole. What is compressed would come
    /// in larger pieces, and later.
    fn endless<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let settings = self.known(request).config().timeout_global(None).timeout_connect(Some(LIMIT));
        settings.timeout_per_read(Some(LIMIT)).accept_encoding("").build()
    }

    /// What can be read of an answer, unless it is a refusal.
    fn opened(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<impl Read + use<>, CallError> {
        let response = answer.map_err(|reason| self.unreachable(reason))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body().into_reader());
        }
        Err(self.answer(Ok(response)).err().unwrap_or(CallError::Stranger { url: self.url.clone(), status }))
    }

    fn known<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{}", self.url, path.trim_start_matches('/'))
    }

    fn unreachable(&self, reason: ureq::Error) -> CallError {
        CallError::Unreachable { url: self.url.clone(), reason }
    }

    /// The document that is the answer; null if there is none.
    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, CallError> {
        let mut response = answer.map_err(|reason| self.unreachable(reason))?;
        let status = response.status();
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let text = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let text = text.map_err(|reason| self.unreachable(reason))?;
        let document: Value =
            serde_json::from_str(&text).map_err(|_| CallError::Stranger { url: self.url.clone(), status })?;
        if status.is_success() {
            return Ok(document);
        }
        if status == StatusCode::UNAUTHORIZED {
            let because = self.why_no_token.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            return Err(CallError::Unknown { url: self.url.clone(), because });
        }
        Err(refusal(status, &document["error"]))
    }
}

/// The access token that somebody gives for this command.
fn given_token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let token = match file {
        Some(file) => Some(
            fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?,
        ),
        None => env::var(TOKEN_VARIABLE).ok(),
    };
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Failure::new("the access token that is given has signs in it that no token has"));
    }
    Ok(token)
}

fn refusal(status: StatusCode, error: &Value) -> CallError {
    let problems: Vec<_> = error["problems"].as_array().into_iter().flatten().filter_map(problem).collect();
    let why = if problems.is_empty() {
        error["message"].as_str().unwrap_or("it does not say why").to_owned()
    } else {
        format!("the settings make no sense:\n  {}", problems.join("\n  "))
    };
    CallError::Refused { status, why }
}

/// What is wrong with a setting: the message goes on behind its name.
fn problem(problem: &Value) -> Option<String> {
    Some(format!("{} {}", problem["setting"].as_str()?, problem["message"].as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_problem_of_the_settings_has_its_line() {
        let problems = [("frames", "cannot be read"), ("fps", "must be a number")];
        let problems = problems.map(|(setting, message)| json!({"setting": setting, "message": message}));
        let error = json!({"message": "all in one line", "problems": problems});
        assert_eq!(
            refusal(StatusCode::BAD_REQUEST, &error).to_string(),
            "the Manager refused: the settings make no sense:\n  frames cannot be read\n  fps must be a number"
        );
        let error = json!({"message": "job x is not known"});
        let refused = refusal(StatusCode::NOT_FOUND, &error);
        assert_eq!(refused.to_string(), "the Manager refused: job x is not known");
        assert!(!refused.may_pass());
    }
}
