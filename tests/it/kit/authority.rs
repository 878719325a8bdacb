//! A certificate authority that speaks ACME (RFC 8555): it believes nobody. Signatures, nonces and addresses are looked at, and
//! whose a domain is, is asked there.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use flamenco_manager::{
    clock::{Clock, ManualClock},
    http::{
        on_panic,
        server::{Limits, Listener, of_filter, serve},
    },
};
use http::{Method, Response, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};
use warp::{Filter, filters::path::FullPath};
use x509_parser::parse_x509_certificate;

use super::https::{handshake_with_anybody, lasts, server_config};

/// What is asked for in the handshake.
const PROTOCOL: &[u8] = b"acme-tls/1";

pub struct Authority {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Option<(DropGuard, JoinHandle<()>)>,
}

struct Shared {
    base: String,
    clock: Arc<ManualClock>,
    root: String,
    issuer: Issuer<'static, KeyPair>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nonces: HashSet<String>,
    /// The public keys of the accounts.
    accounts: Vec<Value>,
    orders: Vec<Order>,
    /// Where port 443 of every domain leads.
    port_443: Option<SocketAddr>,
    days: i64,
    complaints: Vec<String>,
}

#[derive(Clone)]
struct Order {
    domain: String,
    status: &'static str,
    certificate: Option<String>,
}

impl Authority {
    /// One whose certificates last for 90 days.
    pub async fn start(clock: &Arc<ManualClock>) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let root = params.self_signed(&key).unwrap().pem();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = port.local_addr().unwrap();
        let state = State { days: 90, ..State::default() };
        let shared = Shared {
            base: format!("https://{address}"),
            clock: Arc::clone(clock),
            root,
            issuer: Issuer::new(params, key),
            state: Mutex::new(state),
        };
        let mut authority = Self { shared: Arc::new(shared), address, running: None };
        authority.open(port);
        authority
    }

    fn open(&mut self, port: TcpListener) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.shared.issuer).unwrap();
        let listener = Listener::https(port, server_config(&certificate.pem(), &key.serialize_pem()));
        let shared = Arc::clone(&self.shared);
        let route = warp::method().and(warp::path::full()).and(warp::body::bytes()).then(
            move |method: Method, path: FullPath, body: Bytes| {
                let shared = Arc::clone(&shared);
                async move { shared.answer(&method, path.as_str(), &body).await }
            },
        );
        let route = route.recover(async |_| Ok::<_, std::convert::Infallible>(StatusCode::BAD_REQUEST));
        let stop = CancellationToken::new();
        let serving = serve(vec![listener], of_filter(route), on_panic, Limits::default(), stop.clone());
        self.running = Some((stop.drop_guard(), tokio::spawn(serving)));
    }

    pub async fn goes_away(&mut self) {
        let (stop, serving) = self.running.take().expect("it is there");
        drop(stop);
        serving.await.unwrap();
    }

    pub async fn comes_back(&mut self) {
        self.open(TcpListener::bind(self.address).await.unwrap());
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.shared.base)
    }

    /// The certificate by which everything is known that it hands out, and itself.
    pub fn root(&self) -> &str {
        &self.shared.root
    }

    /// Port 443 of every domain leads there.
    pub fn finds_at(&self, address: SocketAddr) {
        self.shared.state().port_443 = Some(address);
    }

    /// How many accounts and orders there were.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.shared.state();
        (state.accounts.len(), state.orders.len())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.shared.state().complaints, Vec::<String>::new());
        }
    }
}

type Answer = warp::reply::Response;

/// What an account sent, and proved to have sent.
struct Message {
    payload: Value,
    key: Value,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn nonce(&self) -> String {
        let nonce = uuid::Uuid::new_v4().to_string();
        self.state().nonces.insert(nonce.clone());
        nonce
    }

    /// What is at this URL; and the number in it.
    async fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let mut parts = path.trim_start_matches('/').split('/');
        let (what, number) = (parts.next().unwrap(), parts.next().and_then(|number| number.parse().ok()));
        let number = number.unwrap_or_default();
        if *method == Method::GET {
            return match what {
                "directory" => self.directory(),
                "nonce" => self.with_nonce(200, &json!(null)),
                _ => self.problem("malformed", "POST it"),
            };
        }
        let message = match self.read(path, body) {
            Ok(message) => message,
            Err(why) => {
                self.state().complaints.push(format!("{path}: {why}"));
                return self.problem("malformed", &why);
            }
        };
        match what {
            "account" => self.open_account(message.key),
            "order" if path == "/order" => self.take_order(&message.payload),
            "order" => self.with_nonce(200, &self.about_order(number)),
            "authorization" => self.with_nonce(200, &self.about_authorization(number)),
            "challenge" => self.challenge(number, &message.key).await,
            "finalize" => self.finalize(number, &message.payload),
            "certificate" => {
                let chain = self.state().orders[number].certificate.clone().unwrap();
                Response::builder().header("replay-nonce", self.nonce()).body(chain.into()).unwrap()
            }
            _ => self.problem("malformed", "there is nothing here"),
        }
    }

    fn directory(&self) -> Answer {
        let at = |what: &str| format!("{}/{what}", self.base);
        self.with_nonce(
            200,
            &json!({
                "newNonce": at("nonce"), "newAccount": at("account"), "newOrder": at("order"),
                "revokeCert": at("revoke"), "keyChange": at("key"), "meta": {},
            }),
        )
    }

    fn with_nonce(&self, status: u16, body: &Value) -> Answer {
        let answer = Response::builder().status(status).header("replay-nonce", self.nonce());
        answer.header("content-type", "application/json").body(body.to_string().into()).unwrap()
    }

    fn problem(&self, kind: &str, why: &str) -> Answer {
        self.with_nonce(
            400,
            &json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": why, "status": 400}),
        )
    }

    /// A request as it must be (RFC 8555, section 6).
    fn read(&self, path: &str, body: &[u8]) -> Result<Message, String> {
        let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string());
        let body = parse(body)?;
        let part = |name: &str| body[name].as_str().ok_or(format!("no {name}"));
        let bytes = |text: &str| BASE64.decode(text).map_err(|error| error.to_string());
        let protected = parse(&bytes(part("protected")?)?)?;
        if !self.state().nonces.remove(protected["nonce"].as_str().unwrap_or_default()) {
            return Err("this nonce is used, or nobody's".to_owned());
        }
        if protected["url"] != format!("{}{path}", self.base) || protected["alg"] != "ES256" {
            return Err(format!("not what is in the head: {protected}"));
        }
        let key = match protected["kid"].as_str() {
            Some(account) => {
                let number = account.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
                let key = number.and_then(|number| self.state().accounts.get(number).cloned());
                key.ok_or(format!("there is no account {account}"))?
            }
            None => protected["jwk"].clone(),
        };
        let coordinate = |name: &str| bytes(key[name].as_str().unwrap_or_default());
        let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
        let signed = format!("{}.{}", part("protected")?, part("payload")?);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &bytes(part("signature")?)?)
            .map_err(|_| "the signature is not good".to_owned())?;
        let payload = bytes(part("payload")?)?;
        Ok(Message { payload: if payload.is_empty() { Value::Null } else { parse(&payload)? }, key })
    }

    fn open_account(&self, key: Value) -> Answer {
        let number = {
            let mut state = self.state();
            state.accounts.push(key);
            state.accounts.len() - 1
        };
        let mut answer = self.with_nonce(201, &json!({"status": "valid"}));
        let url = format!("{}/account/{number}", self.base);
        answer.headers_mut().insert("location", url.parse().unwrap());
        answer
    }

    fn take_order(&self, payload: &Value) -> Answer {
        let domain = payload["identifiers"][0]["value"].as_str().unwrap().to_owned();
        let number = {
            let mut state = self.state();
            state.orders.push(Order { domain, status: "pending", certificate: None });
            state.orders.len() - 1
        };
        let mut answer = self.with_nonce(201, &self.about_order(number));
        let url = format!("{}/order/{number}", self.base);
        answer.headers_mut().insert("location", url.parse().unwrap());
        answer
    }

    fn order(&self, number: usize) -> Order {
        self.state().orders[number].clone()
    }

    fn about_order(&self, number: usize) -> Value {
        let Order { domain, status, certificate } = self.order(number);
        let at = |what: &str| format!("{}/{what}/{number}", self.base);
        json!({
            "status": status, "identifiers": [{"type": "dns", "value": domain}],
            "authorizations": [at("authorization")], "finalize": at("finalize"),
            "certificate": certificate.map(|_| at("certificate")),
        })
    }

    fn about_authorization(&self, number: usize) -> Value {
        let Order { domain, status, .. } = self.order(number);
        let status = if status == "ready" { "valid" } else { status };
        json!({
            "status": status, "identifier": {"type": "dns", "value": domain},
            "challenges": [self.about_challenge(number, status)],
        })
    }

    fn about_challenge(&self, number: usize, status: &str) -> Value {
        json!({
            "type": "tls-alpn-01", "status": status, "token": token(number),
            "url": format!("{}/challenge/{number}", self.base),
        })
    }

    async fn challenge(&self, number: usize, key: &Value) -> Answer {
        let Order { domain, .. } = self.order(number);
        let port_443 = self.state().port_443;
        let proved = prove(&domain, port_443, &format!("{}.{}", token(number), thumbprint(key))).await;
        let status = if proved.is_ok() { "ready" } else { "invalid" };
        self.state().orders[number].status = status;
        let mut about = self.about_challenge(number, if proved.is_ok() { "valid" } else { "invalid" });
        if let Err(why) = proved {
            about["error"] = json!({"type": "urn:ietf:params:acme:error:unauthorized", "detail": why});
        }
        self.with_nonce(200, &about)
    }

    fn finalize(&self, number: usize, payload: &Value) -> Answer {
        let order = self.order(number);
        if order.status != "ready" {
            return self.problem("orderNotReady", order.status);
        }
        let csr = BASE64.decode(payload["csr"].as_str().unwrap()).unwrap();
        let mut csr = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        let now = self.clock.now();
        let days = self.state().days;
        lasts(&mut csr.params, now, now + jiff::SignedDuration::from_hours(24 * days));
        let certificate = csr.signed_by(&self.issuer).unwrap().pem();
        {
            let state = &mut self.state().orders[number];
            state.certificate = Some(format!("{certificate}{}", self.root));
            state.status = "valid";
        }
        self.with_nonce(200, &self.about_order(number))
    }
}

fn token(number: usize) -> String {
    BASE64.encode(format!("a token for order {number}"))
}

/// RFC 7638.
fn thumbprint(key: &Value) -> String {
    let text = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, key["crv"], key["kty"], key["x"], key["y"]);
    BASE64.encode(digest(&SHA256, text.as_bytes()))
}

/// Asks at the domain (RFC 8737, section 3).
async fn prove(domain: &str, port_443: Option<SocketAddr>, authorization: &str) -> Result<(), String> {
    let address = port_443.ok_or("port 443 leads nowhere")?;
    let stream =
        handshake_with_anybody(address, domain, PROTOCOL).await.map_err(|error| error.to_string())?;
    let session = stream.get_ref().1;
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err("acme-tls/1 was not agreed on".to_owned());
    }
    let certificate = session.peer_certificates().unwrap()[0].clone();
    let (_, certificate) = parse_x509_certificate(&certificate).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let names: Vec<_> = names.value.general_names.iter().map(ToString::to_string).collect();
    if names != [format!("DNSName({domain})")] {
        return Err(format!("the proof is for {names:?}"));
    }
    let expected = [&[4, 32], digest(&SHA256, authorization.as_bytes()).as_ref()].concat();
    let extensions = certificate.extensions().iter();
    let proof = extensions
        .filter(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31" && extension.critical);
    if proof.map(|extension| extension.value).eq([expected.as_slice()]) {
        Ok(())
    } else {
        Err("the proof is wrong".to_owned())
    }
}
