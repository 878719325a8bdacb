//! A simulated worker's calls, one method each, as strict about the answers as the genuine worker.

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::client::{Client, ClientError, Credentials};

/// What went wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// There was no answer.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The Manager said no where a worker cannot go on without a yes.
    #[error("{call} was answered with {status}: {body}")]
    Refused {
        /// Method and path.
        call: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// The answer's text.
        body: String,
    },
    /// An answer on which the genuine worker breaks, for good.
    #[error("{call} was answered with what breaks a genuine worker: {body:?}")]
    Breaking {
        /// Method and path.
        call: &'static str,
        /// The answer's text.
        body: String,
        /// What the genuine worker would stumble over.
        source: serde_json::Error,
    },
    /// The registration token could not be made.
    #[error("cannot sign the registration token")]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// What a worker says about itself.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The host name of a genuine worker; need not be unique.
    pub nickname: String,
    /// `linux`, `windows` or `darwin`.
    pub platform: String,
    /// The task types that it asks for.
    pub task_types: Vec<String>,
}

impl Profile {
    /// A Linux worker.
    pub fn linux(nickname: &str, task_types: &[&str]) -> Self {
        Self {
            nickname: nickname.to_owned(),
            platform: "linux".to_owned(),
            task_types: task_types.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

/// What the Manager answered to `POST /task`.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// 200: the document of the task to run.
    Task(Value),
    /// 204: ask again later.
    Nothing,
    /// 423: change to this status first.
    ChangeStatus(String),
    /// Anything else: an error, ask again later.
    Other(StatusCode),
}

/// The answer of `GET /may-i-run/{id}`: these keys and no others, else the genuine worker breaks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayIRun {
    /// Whether the task is still this worker's to run.
    pub may_keep_running: bool,
    /// For people.
    pub reason: Option<String>,
    /// The status to change to; looked at only when the task must stop.
    pub status_requested: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusChange {
    status_requested: String,
}

/// A registered worker with its one connection to the Manager.
#[derive(Debug)]
pub struct SimWorker {
    id: String,
    secret: String,
    profile: Profile,
    credentials: Credentials,
    client: Client,
}

impl SimWorker {
    /// Registers a new worker. `token` is needed when the Manager has a registration secret.
    pub async fn register(
        manager_url: &str,
        profile: Profile,
        token: Option<&Credentials>,
    ) -> Result<Self, WorkerError> {
        const CALL: &str = "POST /register-worker";
        #[derive(Deserialize)]
        struct Registered {
            #[serde(rename = "_id")]
            id: String,
        }
        let mut client = Client::new(manager_url)?;
        let secret = new_secret();
        let about = json!({
            "secret": secret,
            "platform": profile.platform,
            "supported_task_types": profile.task_types,
            "nickname": profile.nickname,
        });
        let (status, body) =
            client.request(Method::POST, "/register-worker", token, Some(to_bytes(&about))).await?;
        if !status.is_success() {
            return Err(WorkerError::Refused { call: CALL, status, body: text(&body) });
        }
        let Registered { id } = understood(CALL, &body)?;
        Ok(Self { credentials: Credentials::basic(&id, &secret), id, secret, profile, client })
    }

    /// A worker that registered before and has been started again. It signs on before anything else.
    pub fn returning(
        manager_url: &str,
        profile: Profile,
        id: &str,
        secret: &str,
    ) -> Result<Self, WorkerError> {
        Ok(Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            profile,
            credentials: Credentials::basic(id, secret),
            client: Client::new(manager_url)?,
        })
    }

    /// The ID that the Manager gave it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret that it registered with: 64 letters and digits.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What it says about itself.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// `POST /sign-on` with the profile's nickname and task types.
    pub async fn sign_on(&mut self) -> Result<StatusCode, WorkerError> {
        let about =
            json!({ "supported_task_types": self.profile.task_types, "nickname": self.profile.nickname });
        self.post("/sign-on", Some(&about)).await
    }

    /// `POST /sign-off`.
    pub async fn sign_off(&mut self) -> Result<StatusCode, WorkerError> {
        self.post("/sign-off", None).await
    }

    /// `POST /task`.
    pub async fn ask_task(&mut self) -> Result<Asked, WorkerError> {
        const CALL: &str = "POST /task";
        let (status, body) = self.call(Method::POST, "/task", None).await?;
        Ok(match status {
            StatusCode::OK => Asked::Task(understood(CALL, &body)?),
            StatusCode::NO_CONTENT => Asked::Nothing,
            StatusCode::LOCKED => {
                Asked::ChangeStatus(understood::<StatusChange>(CALL, &body)?.status_requested)
            }
            other => Asked::Other(other),
        })
    }

    /// `POST /tasks/{id}/update`. The genuine worker is done with an update after 2xx, 404 and 409.
    pub async fn update(&mut self, task_id: &str, update: &Value) -> Result<StatusCode, WorkerError> {
        self.post(&format!("/tasks/{task_id}/update"), Some(update)).await
    }

    /// `POST /tasks/{id}/return`: gives the task back. Any answer but 204 must carry JSON.
    pub async fn return_task(&mut self, task_id: &str) -> Result<StatusCode, WorkerError> {
        let (status, body) = self.call(Method::POST, &format!("/tasks/{task_id}/return"), None).await?;
        if status != StatusCode::NO_CONTENT {
            understood::<Value>("POST /tasks/{id}/return", &body)?;
        }
        Ok(status)
    }

    /// `GET /may-i-run/{id}`. The status is not looked at, the body must be right.
    pub async fn may_i_run(&mut self, task_id: &str) -> Result<MayIRun, WorkerError> {
        let (_, body) = self.call(Method::GET, &format!("/may-i-run/{task_id}"), None).await?;
        understood("GET /may-i-run/{id}", &body)
    }

    /// `GET /status-change`: the status to change to, if any.
    pub async fn status_change(&mut self) -> Result<Option<String>, WorkerError> {
        const CALL: &str = "GET /status-change";
        let (status, body) = self.call(Method::GET, "/status-change", None).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK => Ok(Some(understood::<StatusChange>(CALL, &body)?.status_requested)),
            _ => Err(WorkerError::Refused { call: CALL, status, body: text(&body) }),
        }
    }

    /// `POST /ack-status-change/{status}`.
    pub async fn ack(&mut self, status: &str) -> Result<StatusCode, WorkerError> {
        self.post(&format!("/ack-status-change/{status}"), None).await
    }

    /// `POST /output-produced`.
    pub async fn output_produced(&mut self, paths: &[&str]) -> Result<StatusCode, WorkerError> {
        self.post("/output-produced", Some(&json!({ "paths": paths }))).await
    }

    /// Any call in this worker's name, with any body: for what no genuine worker would send.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        self.client.request(method, path, Some(&self.credentials), body).await
    }

    async fn post(&mut self, path: &str, body: Option<&Value>) -> Result<StatusCode, WorkerError> {
        Ok(self.call(Method::POST, path, body.map(to_bytes)).await?.0)
    }
}

/// The token with which a worker proves that it knows the Manager's registration secret. Like the
/// genuine one it lasts 15 minutes, and its times have fractions.
pub fn registration_token(registration_secret: &str, now: Timestamp) -> Result<Credentials, WorkerError> {
    let issued = now.as_duration().as_secs_f64();
    let claims = json!({ "iat": issued, "exp": issued + 900.0 });
    let key = jsonwebtoken::EncodingKey::from_secret(registration_secret.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?;
    Ok(Credentials::bearer(&token)?)
}

fn new_secret() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0; 64];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's source of randomness works");
    bytes.iter().map(|&byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}

fn understood<T: DeserializeOwned>(call: &'static str, body: &[u8]) -> Result<T, WorkerError> {
    serde_json::from_slice(body).map_err(|source| WorkerError::Breaking { call, body: text(body), source })
}

fn to_bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_64_letters_and_digits_and_never_the_same() {
        let secret = new_secret();
        assert_eq!(secret.len(), 64);
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{secret}");
        assert_ne!(secret, new_secret());
    }

    #[test]
    fn a_may_i_run_answer_with_one_key_too_many_is_not_understood() {
        let answer = br#"{"may_keep_running": true, "status": 200}"#;
        let error = understood::<MayIRun>("GET /may-i-run/{id}", answer).unwrap_err();
        assert!(matches!(error, WorkerError::Breaking { .. }), "{error:?}");
    }

    #[test]
    fn a_registration_token_can_be_made() {
        let now = "2026-11-21T19:20:14.339Z".parse().unwrap();
        assert!(registration_token("between us", now).is_ok());
    }
}
