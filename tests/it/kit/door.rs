//! Plain HTTP calls, with everything of the answer in sight.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::contract;

/// Where a Manager is reached; the same after a restart.
#[derive(Clone)]
pub struct Door {
    address: Arc<Mutex<SocketAddr>>,
    /// Whether answers have to be what the API's document says.
    has_contract: bool,
}

impl Door {
    /// To a Manager.
    pub fn new(address: SocketAddr) -> Self {
        Self { address: Arc::new(Mutex::new(address)), has_contract: true }
    }

    /// To anything else.
    pub fn without_contract(address: SocketAddr) -> Self {
        Self { has_contract: false, ..Self::new(address) }
    }

    pub fn moved_to(&self, address: SocketAddr) {
        *self.address.lock().unwrap() = address;
    }

    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Posts a form.
    pub async fn post_form(&self, path: &str, form: &str) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.call(Method::POST, path, &kind, form.to_owned()).await
    }

    /// Any call, on a connection of its own. The Manager is called `manager`, unless a header says otherwise.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap()
    }

    /// Any call, where the answer may not come.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn Error>> {
        let request = body.into();
        let answer = self.unchecked(method.clone(), path, headers, request.clone()).await?;
        if self.has_contract && contract::is_of_api(path) {
            let Answer { status, headers, body } = &answer;
            let contract = contract::contract().await;
            let verified = contract
                .expected(&method, path, &request, *status, headers)
                .and_then(|schema| schema.map_or(Ok(()), |schema| contract::verify(schema, body)));
            assert_eq!(verified, Ok(()), "{method} {path} and the API's document differ");
        }
        Ok(answer)
    }

    /// Any call, whatever the API's document says about it.
    pub async fn unchecked(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn Error>> {
        let stream = TcpStream::connect(self.address()).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let host = headers.iter().find(|(name, _)| *name == "host").map_or("manager", |(_, host)| host);
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Full::new(body.into()))?).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        connection.await??;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// All of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The value of a header; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The code of an error in its JSON form.
    #[track_caller]
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("{:?}", self.body)).to_owned()
    }

    /// What an error says, be it JSON or a line of text.
    pub fn says(&self) -> String {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => body["error"]["message"].as_str().unwrap_or_default().to_owned(),
            Err(_) => self.text().trim_end().to_owned(),
        }
    }

    /// That it is a line of text, and no JSON.
    #[track_caller]
    pub fn assert_line_of_text(&self) {
        assert!(self.header("content-type").starts_with("text/plain"), "{:?}", self.headers);
        assert!(self.text().ends_with('\n') && self.text().lines().count() == 1, "{:?}", self.text());
    }
}
