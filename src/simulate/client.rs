//! One keep-alive HTTP/1.1 connection to a Manager, as a worker holds it.

use std::{io, time::Duration};

use bytes::Bytes;
use headers::{Authorization, Header};
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long the genuine worker waits for an answer.
pub const GENUINE_TIME_LIMIT: Duration = Duration::from_secs(3);

/// Why a call brought no answer. An answer of any status is not an error.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The Manager's URL cannot be used.
    #[error("{0:?} is not a URL like http://host:port/")]
    BadUrl(String),
    /// Something that cannot stand in a request: a path with blanks, a token with line ends.
    #[error("this cannot be sent in a request")]
    Unsendable(#[from] http::Error),
    /// Nobody listens there.
    #[error("cannot connect to {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The connection ended before the answer did, or what came was not HTTP.
    #[error("the connection to the Manager broke")]
    Broken(#[from] hyper::Error),
    /// The time limit passed.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
}

/// An `Authorization` header, ready to send. Its `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// A worker's own: user = worker ID, password = the secret it registered with.
    pub fn basic(user: &str, password: &str) -> Self {
        Self::from_header(&Authorization::basic(user, password))
    }

    /// A token, for registration or for the API.
    pub fn bearer(token: &str) -> Result<Self, ClientError> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(http::Error::from)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    fn from_header(header: &impl Header) -> Self {
        let mut values = Vec::with_capacity(1);
        header.encode(&mut values);
        Self(values.pop().expect("an Authorization header has one value"))
    }
}

/// A connection that is opened at the first call, kept, and opened anew when the Manager closed it.
/// Calls follow one another: whoever wants several under way at once takes several clients.
#[derive(Debug)]
pub struct Client {
    address: String,
    host: HeaderValue,
    time_limit: Duration,
    /// The connection while no call is under way. A call takes it, and puts it back only after a
    /// whole answer: a call that fails or is dropped half-way closes its connection.
    idle: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of the Manager at `manager_url`. Like the genuine worker it drops any path in it.
    pub fn new(manager_url: &str) -> Result<Self, ClientError> {
        let bad_url = || ClientError::BadUrl(manager_url.to_owned());
        let url: Uri = manager_url.parse().map_err(|_| bad_url())?;
        let authority = url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or_else(bad_url)?;
        Ok(Self {
            address: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
            host: HeaderValue::try_from(authority.as_str()).map_err(|_| bad_url())?,
            time_limit: GENUINE_TIME_LIMIT,
            idle: None,
        })
    }

    /// The same client with another limit for each call, from connecting to the answer's last byte.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Makes one call; `body` is JSON. Returns the status and the whole body of the answer.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        auth: Option<&Credentials>,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = self.compose(method, path, auth, body)?;
        let limit = self.time_limit;
        tokio::time::timeout(limit, self.exchange(request)).await.map_err(|_| ClientError::TooSlow(limit))?
    }

    /// Without a body there is no `Content-Type` either, as on the genuine worker's calls.
    fn compose(
        &self,
        method: Method,
        path: &str,
        auth: Option<&Credentials>,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(USER_AGENT, HeaderValue::from_static("Flamenco-Worker/2.5"))
            .header(ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(Credentials(value)) = auth {
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request.body(Full::new(body.unwrap_or_default()))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), ClientError> {
        let mut connection = self.connection().await?;
        let answer = match connection.try_send_request(request).await {
            Ok(answer) => answer,
            Err(mut error) => {
                // Handed back: the Manager had closed the idle connection and saw nothing of the
                // request. Everything else may have been acted upon and is not sent twice.
                let Some(unsent) = error.take_message() else { return Err(error.into_error().into()) };
                connection = self.connect().await?;
                connection.send_request(unsent).await?
            }
        };
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.idle = Some(connection);
        Ok((status, body))
    }

    async fn connection(&mut self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        if let Some(mut kept) = self.idle.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let cannot = |source| ClientError::Connect { address: self.address.clone(), source };
        let stream = TcpStream::connect(&self.address).await.map_err(cannot)?;
        stream.set_nodelay(true).map_err(cannot)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped; what breaks it, the next answer tells.
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A listener that lets each connection answer `answers` requests and then closes it.
    async fn short_lived_manager(answers: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for connection in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                for _ in 0..answers {
                    assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
                    let body = format!("connection {connection}");
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        url
    }

    async fn get(client: &mut Client) -> Bytes {
        client.request(Method::GET, "/", None, None).await.unwrap().1
    }

    #[tokio::test]
    async fn a_connection_is_kept_and_replaced_when_the_manager_closed_it() {
        let mut client = Client::new(&short_lived_manager(2).await).unwrap();
        assert_eq!(get(&mut client).await, "connection 0");
        assert_eq!(get(&mut client).await, "connection 0");
        let closed = |client: &Client| client.idle.as_ref().is_none_or(SendRequest::is_closed);
        let noticed = async {
            while !closed(&client) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GENUINE_TIME_LIMIT, noticed).await.unwrap();
        assert_eq!(get(&mut client).await, "connection 1");
    }

    #[tokio::test]
    async fn a_silent_manager_is_given_up_after_the_time_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut client = Client::new(&url).unwrap().with_time_limit(Duration::from_millis(30));
        let error = client.request(Method::GET, "/", None, None).await.unwrap_err();
        assert!(matches!(error, ClientError::TooSlow(_)), "{error:?}");
    }

    #[test]
    fn only_urls_with_http_and_a_host_are_taken() {
        for url in ["", "manager:8080", "https://manager/", "/task", "http://"] {
            assert!(matches!(Client::new(url), Err(ClientError::BadUrl(_))), "{url}");
        }
    }

    #[test]
    fn credentials_do_not_show_in_debug_output() {
        let shown =
            format!("{:?} {:?}", Credentials::basic("me", "s3cret"), Credentials::bearer("t0ken").unwrap());
        assert!(!shown.contains("t0ken") && !shown.contains("czNjcmV0"), "{shown}");
        assert!(shown.contains("Sensitive"), "{shown}");
    }
}
