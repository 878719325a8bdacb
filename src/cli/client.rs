//! Talks to a running Manager, for the commands that need one.

use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, Body, http::Response};

use super::Failure;
use crate::config::{Config, HttpUrl};

/// No answer takes longer than this, not even to a job of 200,000 tasks.
const LIMIT: Duration = Duration::from_mins(1);

/// The largest answer, in bytes.
const LARGEST: u64 = 256 << 20;

/// A running Manager.
pub struct Client {
    url: HttpUrl,
    agent: Agent,
}

impl Client {
    /// The Manager at `url`, or else the one that the configuration describes, on this machine.
    pub fn new(url: Option<&HttpUrl>, config: &Config) -> Result<Self, Failure> {
        let url = url.cloned().or_else(|| config.local_url()).ok_or_else(|| {
            Failure::new("the configuration does not say where the Manager listens; give its address with --manager URL")
        })?;
        // The Manager is on this machine or in this network; a proxy in the environment is for the web.
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT))
            .proxy(None)
            .build();
        Ok(Self { url, agent: settings.into() })
    }

    /// `GET path`
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.agent.get(self.at(path)).call())
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        self.answer(self.agent.post(self.at(path)).content_type("application/json").send(body))
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        self.answer(self.agent.patch(self.at(path)).content_type("application/json").send(body))
    }

    /// `DELETE path`
    pub fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.agent.delete(self.at(path)).call())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{}", self.url, path.trim_start_matches('/'))
    }

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        let url = &self.url;
        let unreachable = |error: ureq::Error| {
            Failure::new(format!(
                "no Manager answers at {url} ({error}); start one, or say with --manager URL where it is"
            ))
        };
        let mut response = answer.map_err(unreachable)?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(LARGEST).read_to_string().map_err(unreachable)?;
        let document: Value = serde_json::from_str(&text).map_err(|_| {
            Failure::new(format!("what answers at {url} is no Flamenco Manager (status {status})"))
        })?;
        if status.is_success() {
            return Ok(document);
        }
        let message = document["error"]["message"].as_str().unwrap_or("it does not say why");
        Err(Failure::new(format!("the Manager refused: {message}")))
    }
}
