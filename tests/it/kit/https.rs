//! HTTPS by hand: certificates, handshakes, and calls with a look at everything.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use flamenco_manager::clock::{Clock, ManualClock};
use http::{Request, header, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::{Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    time_provider::TimeProvider,
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Answer;

/// A certificate for `localhost` by nobody but itself, and its key.
pub struct SelfSigned {
    pub certificate: String,
    pub key: String,
}

impl SelfSigned {
    pub fn new() -> Self {
        Self::with_key(&KeyPair::generate().unwrap())
    }

    pub fn with_key(key: &KeyPair) -> Self {
        Self::lasting(key, |_| {})
    }

    pub fn until(end: Timestamp) -> Self {
        Self::lasting(&KeyPair::generate().unwrap(), |params| lasts(params, Timestamp::UNIX_EPOCH, end))
    }

    fn lasting(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        Self { certificate: params.self_signed(key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Puts both where a `manager.toml` says that they are.
    pub fn put(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), &self.certificate).unwrap();
        std::fs::write(folder.join("key.pem"), &self.key).unwrap();
    }
}

/// Makes a certificate good from one day to another.
pub fn lasts(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let [from, until] = [from, until].map(|time| {
        let day = time.to_zoned(TimeZone::UTC).date();
        rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    });
    (params.not_before, params.not_after) = (from, until);
}

/// For a server that is not the Manager.
pub fn server_config(certificate: &str, key: &str) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(chain, key).unwrap())
}

/// Somebody who trusts certain certificates, and whose clock is that of the test.
#[derive(Clone)]
pub struct Visitor {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Visitor {
    /// Trusts what is in a PEM text, and calls the Manager `localhost`.
    pub fn trusting(pem: &str, clock: &Arc<ManualClock>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let clock = Arc::new(Wrist(Arc::clone(clock)));
        let config = ClientConfig::builder_with_details(Arc::new(default_provider()), clock);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // Whoever comes back looks at the certificate anew.
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), name: "localhost".try_into().unwrap() }
    }

    /// Calls the Manager something else.
    pub fn calling(self, name: &str) -> Self {
        Self { name: name.to_owned().try_into().unwrap(), ..self }
    }

    /// Speaks these protocols.
    pub fn speaking(self, protocols: &[&str]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), ..self }
    }

    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), tcp).await
    }

    pub async fn get(&self, address: SocketAddr, path: &str) -> io::Result<Answer> {
        self.call(address, Request::get(path), Bytes::new()).await
    }

    /// Posts JSON.
    pub async fn post(&self, address: SocketAddr, path: &str, body: &Value) -> io::Result<Answer> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.call(address, request, body.to_string().into()).await
    }

    async fn call(&self, address: SocketAddr, request: Builder, body: Bytes) -> io::Result<Answer> {
        let stream = self.connect(address).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let request = request.header(header::HOST, "manager").body(Full::new(body));
        let answer = sender.send_request(request.unwrap()).await.map_err(io::Error::other)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// The test's clock, for rustls.
#[derive(Debug)]
struct Wrist(Arc<ManualClock>);

impl TimeProvider for Wrist {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.0.now().as_second().try_into().ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(now)))
    }
}

/// A handshake with whoever is there, to see what certificate they show.
pub async fn handshake_with_anybody(
    address: SocketAddr,
    name: &str,
    protocol: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::new(Credulous)).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(name.to_owned().try_into().unwrap(), tcp).await
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
