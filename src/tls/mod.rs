//! The certificate of HTTPS: where it comes from, that it is the right one at any time, and what there is to say about it.

mod acme;
mod local;
mod pair;
mod self_made;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use self::pair::{Pair, Texts};
pub use self::{
    acme::Acme,
    local::Local,
    pair::{About, Files, PairError, Standing},
    self_made::names_of_this_machine,
};
use crate::clock::Clock;

/// How often the log says that an own certificate is about to expire.
const WARN_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An administrator provides it.
    Own(Files),
    /// The Manager makes it, for these names.
    SelfMade(Files, Vec<String>),
    /// An authority hands it out. Until then there is a self-made one.
    Acme {
        /// The authority.
        acme: Acme,
        /// Where its certificate is kept.
        files: Files,
        /// The one until then.
        until_then: Files,
        /// The names for that.
        names: Vec<String>,
    },
}

/// Keeps the certificate that is served.
pub struct Tls {
    source: Source,
    clock: Arc<dyn Clock>,
    served: Arc<Served>,
    state: Mutex<State>,
}

/// What is remembered between two looks.
#[derive(Default)]
struct State {
    about: Option<About>,
    /// What the own files held at the last look, good or bad.
    seen: Option<Texts>,
    /// What was wrong with them then, so that it is logged once.
    wrong: Option<String>,
    warned: Option<Timestamp>,
    failures: u32,
    /// When to ask for a certificate by ACME, if that is due or has failed.
    next_try: Option<Timestamp>,
}

/// What is shown in a handshake.
#[derive(Debug)]
struct Served {
    certificate: RwLock<Arc<CertifiedKey>>,
    /// For whoever asks for the proof that a domain is ours, and for nobody else.
    proof: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Served {
    fn serve(&self, pair: &Pair) {
        *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&pair.certified);
    }

    fn prove(&self, proof: Option<CertifiedKey>) {
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof.map(Arc::new);
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_for_proof =
            hello.alpn().is_some_and(|mut protocols| protocols.any(|one| one == acme::PROTOCOL));
        if asks_for_proof {
            return self.proof.read().unwrap_or_else(PoisonError::into_inner).clone();
        }
        Some(Arc::clone(&self.certificate.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Has a certificate to serve, or says why there is none. Files are read and written.
    pub fn open(source: Source, clock: Arc<dyn Clock>) -> Result<Self, PairError> {
        let now = clock.now();
        let mut state = State::default();
        let pair = match &source {
            Source::Own(files) => {
                let texts = files.read()?;
                let pair = files.pair(&texts)?;
                state.seen = Some(texts);
                pair
            }
            Source::SelfMade(files, names) => self_made::keep(files, names, now)?,
            Source::Acme { acme, files, until_then, names } => match files.read_pair() {
                Ok(pair) if pair.about.is_for(&acme.domain) => pair,
                other => {
                    if let Err(error) = other
                        && !error.is_absence()
                    {
                        tracing::warn!(%error, "the certificate that was got by ACME cannot be used; a new one is asked for");
                    }
                    state.next_try = Some(now);
                    self_made::keep(until_then, names, now)?
                }
            },
        };
        let served =
            Served { certificate: RwLock::new(Arc::clone(&pair.certified)), proof: RwLock::default() };
        state.about = Some(pair.about);
        Ok(Self { source, clock, served: Arc::new(served), state: Mutex::new(state) })
    }

    /// What a listener needs. Whatever becomes of the certificate, this stays.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("this provider has cipher suites for both versions of TLS");
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.served) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if matches!(self.source, Source::Acme { .. }) {
            config.alpn_protocols.push(acme::PROTOCOL.to_vec());
        }
        Arc::new(config)
    }

    /// What is served at this moment.
    pub fn about(&self) -> About {
        self.state().about.clone().expect("there is a certificate from the beginning on")
    }

    /// Looks whether there is a newer certificate, or has to be one. Failures are logged; what was served goes on being so.
    pub async fn look_after(self: &Arc<Self>) {
        match &self.source {
            Source::Own(_) | Source::SelfMade(..) => {
                let tls = Arc::clone(self);
                // Files may be on a disk that is slow, or away.
                let _ = tokio::task::spawn_blocking(move || tls.look_at_files()).await;
            }
            Source::Acme { acme, files, .. } => self.look_at_order(acme, files).await,
        }
    }

    fn look_at_files(&self) {
        let now = self.clock.now();
        match &self.source {
            Source::Own(files) => self.look_at_own(files, now),
            Source::SelfMade(files, names) if self.about().is_due(now) => {
                match self_made::keep(files, names, now) {
                    Ok(pair) => self.take(&pair),
                    Err(error) => {
                        self.say_once(error.to_string(), "the self-made certificate cannot be renewed");
                    }
                }
            }
            _ => {}
        }
    }

    fn look_at_own(&self, files: &Files, now: Timestamp) {
        match files.read() {
            Ok(texts) if self.state().seen.as_ref() == Some(&texts) => {
                // Whatever was wrong is mended. If it comes back it is said again.
                self.state().wrong = None;
                self.warn_of_the_end(files, now);
            }
            Ok(texts) => {
                let new = files.pair(&texts).map_err(|error| error.to_string()).and_then(|pair| {
                    let expired = pair.about.standing(now) == Standing::Expired;
                    if expired {
                        Err(format!("{} is expired", files.certificate.display()))
                    } else {
                        Ok(pair)
                    }
                });
                match new {
                    Ok(pair) => {
                        self.state().seen = Some(texts);
                        self.take(&pair);
                    }
                    // It may be half written: there is another look.
                    Err(error) => {
                        self.say_once(error, "the new certificate is not used, the one from before stays");
                    }
                }
            }
            Err(error) => {
                self.say_once(error.to_string(), "the certificate cannot be read, the one from before stays");
            }
        }
    }

    fn warn_of_the_end(&self, files: &Files, now: Timestamp) {
        let about = self.about();
        let mut state = self.state();
        let standing = about.standing(now);
        let was_said = state.warned.is_some_and(|warned| now.duration_since(warned) < WARN_EVERY);
        if standing == Standing::Good || was_said {
            return;
        }
        state.warned = Some(now);
        tracing::warn!(
            file = %files.certificate.display(), until = %about.last_day(),
            "{standing}: renew it; the new files are taken without a restart"
        );
    }

    async fn look_at_order(&self, acme: &Acme, files: &Files) {
        let now = self.clock.now();
        let is_due = {
            let state = self.state();
            match state.next_try {
                Some(time) => now >= time,
                None => state.about.as_ref().is_some_and(|about| about.is_due(now)),
            }
        };
        if !is_due {
            return;
        }
        let obtained = acme.obtain(&self.served).await;
        self.served.prove(None);
        let obtained = obtained.map_err(|error| error.to_string()).and_then(|texts| {
            let pair = files.pair(&texts).map_err(|error| error.to_string())?;
            files.write(&texts).map_err(|error| error.to_string())?;
            Ok(pair)
        });
        match obtained {
            Ok(pair) => {
                tracing::info!(domain = acme.domain, "got a certificate by ACME");
                self.take(&pair);
            }
            Err(error) => {
                let mut state = self.state();
                state.failures += 1;
                let pause = acme::pause(state.failures);
                state.next_try = Some(now + pause);
                tracing::error!(
                    domain = acme.domain,
                    error,
                    "got no certificate by ACME; the next try is in {} min",
                    pause.as_mins()
                );
            }
        }
    }

    /// From now on this one is served.
    fn take(&self, pair: &Pair) {
        self.served.serve(pair);
        let About { names, fingerprint, .. } = &pair.about;
        tracing::info!(until = %pair.about.last_day(), names = names.join(" "), fingerprint, "a new certificate is served");
        let seen = self.state().seen.take();
        *self.state() = State { about: Some(pair.about.clone()), seen, ..State::default() };
    }

    /// Logs what is wrong, unless it is what was wrong before.
    fn say_once(&self, wrong: String, what: &str) {
        let mut state = self.state();
        if state.wrong.as_ref() != Some(&wrong) {
            tracing::error!(error = wrong, "{what}");
            state.wrong = Some(wrong);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet => {
                f.write_str("the certificate is not valid yet (is the clock of this machine right?)")
            }
            Self::Good => f.write_str("the certificate is good"),
            Self::EndsSoon(1) => f.write_str("the certificate expires in 1 day"),
            Self::EndsSoon(days) => write!(f, "the certificate expires in {days} days"),
            Self::Expired => f.write_str("the certificate is expired"),
        }
    }
}

impl Source {
    /// What is there already, for who only looks; `None` when it is yet to be made or got.
    pub fn look(&self) -> Result<Option<About>, PairError> {
        let files = match self {
            Self::Own(files) => return files.read_pair().map(|pair| Some(pair.about)),
            Self::SelfMade(files, _) | Self::Acme { files, .. } => files,
        };
        match files.read_pair() {
            Ok(pair) => Ok(Some(pair.about)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files of certificates that may be served.
    fn certificates(&self) -> Vec<&PathBuf> {
        match self {
            Self::Own(files) | Self::SelfMade(files, _) => vec![&files.certificate],
            Self::Acme { files, until_then, .. } => vec![&files.certificate, &until_then.certificate],
        }
    }
}
