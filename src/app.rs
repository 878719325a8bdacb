//! The composition root: builds every part of a Manager, starts them, and stops them in order.

pub mod token_file;

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, tz::TimeZone};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::token_file::Local;

use crate::{
    clock::Clock,
    config::{CertificateSource, Config, Https, ListenAddress, ListenHost, Mode, RecheckThrottle},
    domain::{failure::FailurePolicy, people::Authentication, variables::this_platform},
    exchange::{About, Exchange, Pace},
    http::{
        Live, Site, on_panic, routes,
        server::{Limits, Listener, serve},
    },
    loops,
    pictures::{self, Darkroom, Pictures, Reach, Watch},
    services::{BackupPolicy, Overdue, Places, Policy, Services},
    ssdp::{self, SsdpConfig},
    store::{OpenError, Store},
    systemd::Systemd,
    tasklogs::{LogKeeper, TaskLogs},
    tls::{self, Acme, Files, Source, Tls},
    upstream::{self, Link, Server},
};

/// How long loops may take to end after they were told to.
const LOOPS_MAY_TAKE: Duration = Duration::from_secs(5);

/// As many open files are kept for everything but connections: logs, the database, the page, the clock.
#[cfg(unix)]
const FILES_KEPT_FREE: usize = 128;

/// The setting under which the name of this Manager for SSDP is kept.
const DEVICE_UUID: &str = "ssdp-device-uuid";

/// Why a Manager did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Nobody could ever reach it.
    #[error("there is nothing to listen on: set `listen`, for instance to \":8080\", or `listen_https`")]
    NothingToListenOn,
    /// There is no certificate for HTTPS.
    #[error("HTTPS cannot be served: {0}")]
    Tls(#[from] tls::PairError),
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen on {address}: {source}; {}", advice(key, source.kind()))]
    Listen {
        /// The key of the configuration.
        key: &'static str,
        /// The address of the configuration.
        address: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The operating system gives no more threads.
    #[error("the threads that write task logs and look at pictures cannot be started")]
    Threads(#[source] std::io::Error),
    /// The operating system does not say where the program is.
    #[error("this program does not know where it is itself, which it has to run to look at pictures")]
    Program(#[source] std::io::Error),
    /// A part could not be prepared.
    #[error(transparent)]
    Service(#[from] crate::services::Error),
}

/// What to do when an address cannot be listened on.
fn advice(key: &str, kind: ErrorKind) -> String {
    match kind {
        ErrorKind::AddrInUse => {
            format!(
                "another program uses this port, perhaps another Manager: end it, or set `{key}` to another port"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                "this machine has no such address: set `{key}` to one that it has, or to a port alone for all of them"
            )
        }
        ErrorKind::PermissionDenied => format!(
            "only privileged programs have ports below 1024: set `{key}` to a higher one, or give this one the \
             capability CAP_NET_BIND_SERVICE, as the packages do"
        ),
        _ => format!("set `{key}` to another address"),
    }
}

/// A Manager that is about to run.
pub struct App {
    services: Arc<Services>,
    exchange: Option<Arc<Exchange>>,
    site: Arc<Site>,
    /// Plain HTTP.
    http: Option<Port>,
    /// HTTPS, and its certificate.
    https: Option<(Port, Arc<Tls>)>,
    /// Where workers reach it.
    reached: Reached,
    config: Config,
}

/// A port that is open.
struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl App {
    /// Opens the database and the ports. From now on connections are accepted, and answered as soon as
    /// [`App::run`] is called.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        warn_of_open_doors(&config);
        warn_of_what_is_not_there_yet(&config);
        let services = Arc::new(services(&config, Arc::clone(&clock))?);
        let http = match &config.listen {
            Some(listen) => Some(listen_on("listen", listen).await?),
            None => None,
        };
        let https = match &config.https {
            Some(https) => {
                let tls = Tls::open(certificate_source(&config, https), Arc::clone(&clock))?;
                Some((listen_on("listen_https", &https.listen).await?, Arc::new(tls)))
            }
            None => None,
        };
        let reached = http.as_ref().map(|port| Reached { scheme: "http", address: port.address });
        let reached = reached
            .or_else(|| https.as_ref().map(|(port, _)| Reached { scheme: "https", address: port.address }));
        let reached = reached.ok_or(StartError::NothingToListenOn)?;
        if reached.scheme == "https" && config.own_url.is_none() {
            tracing::warn!(
                "plain HTTP is switched off and own_url is not set: workers are told this machine's address, for which the certificate may not be"
            );
        }
        let exchange = exchange(&config, &services, reached, upstream::Limits::default());
        let mut site = site(&config, &services, exchange.clone());
        site.https_port = https.as_ref().map(|(port, _)| port.address.port());
        Ok(Self { services, exchange, site: Arc::new(site), http, https, reached, config })
    }

    /// The URL at which a person at this machine reaches it: by plain HTTP while that is served.
    pub fn url(&self) -> String {
        local_url(self.reached)
    }

    /// The URL at which a person at this machine reaches it by HTTPS, if that is served.
    pub fn https_url(&self) -> Option<String> {
        let (port, _) = self.https.as_ref()?;
        Some(local_url(Reached { scheme: "https", address: port.address }))
    }

    /// Runs until `stop`, then closes the doors in this order: no new requests, no new turns of the loops, and
    /// the database last of all. Each line has a limit.
    pub async fn run(self, stop: CancellationToken) -> Result<(), StartError> {
        let tracker = TaskTracker::new();
        loops::spawn_all(&tracker, &stop, &self.services, &self.site.time_zone, &self.config.intervals);
        if let Some(exchange) = &self.exchange {
            loops::spawn_exchange(&tracker, &stop, exchange);
        }
        if let Some((_, tls)) = &self.https {
            loops::spawn_certificates(&tracker, &stop, tls);
            let certificate = tls.about();
            let (until, fingerprint) = (certificate.last_day(), certificate.fingerprint);
            tracing::info!(fingerprint, %until, "the certificate of HTTPS, as browsers show it");
        }
        if let (Some(exchange), Authentication::Server) = (&self.exchange, self.services.authentication()) {
            loops::spawn_vouching(&tracker, &stop, exchange);
        }
        self.answer_discovery(&tracker, &stop).await?;
        self.let_commands_in();
        let _watched = watch_pictures(&self.config, &self.services)?;
        tracing::info!(
            version = crate::http::VERSION,
            url = self.url(),
            https = self.https_url(),
            database = %self.config.database_path.display(),
            "Flamenco Manager is running"
        );
        if let Some(link) = self.services.first_link()? {
            // On purpose in the log, which only those who run the Manager read: nobody else can let anybody in yet.
            tracing::warn!(
                url = format!("{}#/login/{}", self.url(), link.code),
                valid_until = %link.until,
                log_ins = link.uses,
                "there is no access token yet: open this address to log in, and make one; from another machine, put in the \
                 name of this one"
            );
        }
        let mut listeners: Vec<_> = self.http.into_iter().map(|port| Listener::http(port.listener)).collect();
        if let Some((port, tls)) = self.https {
            listeners.push(Listener::https(port.listener, tls.server_config()));
        }
        let limits = Limits { connections: most_connections(), ..Limits::default() };
        let serving = serve(listeners, routes(&self.site), on_panic, limits, stop.clone());
        match Systemd::find() {
            None => serving.await,
            Some(systemd) => {
                tokio::join!(serving, loops::report(&systemd, &self.services, &stop));
            }
        }
        token_file::remove(&self.config.database_path);
        if let Some(exchange) = &self.exchange {
            exchange.hang_up();
        }
        tracker.close();
        if tokio::time::timeout(LOOPS_MAY_TAKE, tracker.wait()).await.is_err() {
            tracing::warn!("some background work took too long and was cut off");
        }
        self.services.stop().await?;
        tracing::info!("Flamenco Manager has stopped");
        Ok(())
    }

    /// Lets commands in that are run on this machine by whoever may read what is beside the database. It is no reason not to
    /// start if the file cannot be written.
    fn let_commands_in(&self) {
        // One that crashed has left its own, which says where it was.
        token_file::remove(&self.config.database_path);
        if self.services.authentication() == Authentication::Nobody {
            return;
        }
        let local = Local { token: self.services.make_local_token(), url: self.url() };
        if let Err(error) = local.write(&self.config.database_path) {
            let file = token_file::path(&self.config.database_path);
            tracing::warn!(file = %file.display(), %error, "commands on this machine need an access token: this cannot be written");
        }
    }

    /// Lets workers find this Manager by themselves, if that is wanted. It is no reason not to start if it
    /// cannot be done.
    async fn answer_discovery(
        &self,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        if !self.config.ssdp_discovery {
            return Ok(());
        }
        let device_uuid = match &self.config.ssdp_device_uuid {
            Some(uuid) => uuid.as_str().to_owned(),
            None => self.services.setting(DEVICE_UUID, || uuid::Uuid::new_v4().to_string()).await?,
        };
        let own_url = self.config.own_url.as_ref().map(ToString::to_string);
        let config = SsdpConfig {
            port: ssdp::PORT,
            device_uuid,
            own_url,
            reached: (self.reached.scheme, self.reached.address),
        };
        match ssdp::bind(config) {
            Ok(responder) => drop(tracker.spawn(responder.run(stop.clone()))),
            Err(error) => {
                tracing::warn!(%error, "workers cannot find this Manager by themselves; set manager_url there");
            }
        }
        Ok(())
    }
}

/// How many connections may be open at a time, so that idle ones do not use up the files that task logs need. The
/// process is given as many files as it may have: the usual 1024 are too few for a large farm.
fn most_connections() -> usize {
    let wanted = Limits::default().connections;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        // If it cannot be raised it stays, and counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let files = getrlimit(Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        let connections = wanted.min(files.saturating_sub(FILES_KEPT_FREE).max(files / 2));
        if connections < wanted {
            tracing::info!(connections, "the limit of open files allows no more connections at a time");
        }
        connections
    }
    #[cfg(not(unix))]
    wanted
}

/// What a Manager can do, on its database and its logs alone: all of it that needs no network.
pub fn services(config: &Config, clock: Arc<dyn Clock>) -> Result<Services, StartError> {
    services_of(config, clock, std::env::current_exe().map_err(StartError::Program)?)
}

/// The same for whoever is not the Manager's `program`, which is run to look at pictures.
pub fn services_of(config: &Config, clock: Arc<dyn Clock>, program: PathBuf) -> Result<Services, StartError> {
    let store = Store::open(&config.database_path)?;
    let logs = LogKeeper::start(TaskLogs::new(config.task_logs_path.clone())).map_err(StartError::Threads)?;
    let pictures = Pictures::start(latest_images(config), picture_reach(config), Darkroom::new(program));
    let pictures = pictures.map_err(StartError::Threads)?;
    Ok(Services::new(store, logs, pictures, clock, policy(config)))
}

/// The folder of the last rendered pictures: beside the database.
fn latest_images(config: &Config) -> PathBuf {
    config.database_path.with_file_name("latest-images")
}

/// The folder of the automatic backups.
pub fn backups(config: &Config) -> PathBuf {
    config.backup.path.clone().unwrap_or_else(|| config.database_path.with_file_name("backups"))
}

/// Where pictures may be read: below the folders of two-way variables, as this machine knows them, and the watched folder.
pub fn picture_reach(config: &Config) -> Reach {
    let of_variables = config.variables.folders(this_platform()).into_iter().map(PathBuf::from);
    Reach::new(of_variables.chain(config.watch_for_latest_image.clone()))
}

/// Watches the folder in which pictures appear, if there is one, until what is returned is dropped.
pub fn watch_pictures(config: &Config, services: &Arc<Services>) -> Result<Option<Watch>, StartError> {
    let Some(folder) = config.watch_for_latest_image.clone() else { return Ok(None) };
    let services = Arc::clone(services);
    pictures::watch(folder, move |path| services.picture_found(&path)).map(Some).map_err(StartError::Threads)
}

fn policy(config: &Config) -> Policy {
    let test = &config.test_tasks.test_blender_render;
    Policy {
        failure: FailurePolicy {
            hard_fail_after: config.task_fail_after_softfail_count.get().into(),
            blacklist_after: config.blacklist_threshold.get().into(),
        },
        job_fail_percentage: config.job_fail_percentage,
        scheduling: config.scheduling,
        overdue: Overdue {
            active_task: signed(config.active_task_timeout_interval),
            awake_worker: signed(config.active_worker_timeout_interval),
            forgotten_task: signed(config.task_cleanup_max_age),
            ended_job: config.job_cleanup_max_age.map(signed),
            gone_worker: config.worker_cleanup_max_age.map(signed),
            gone_worker_status: config.worker_cleanup_status.clone(),
            old_log: config.task_log_max_age.map(signed),
        },
        authentication: config.user_authentication(),
        manager_id: config.server.as_ref().map(|server| server.manager_id.to_string()).unwrap_or_default(),
        variables: config.variables.clone(),
        has_server: config.server.is_some(),
        cancel_patience: signed(config.cancel_task_fetch_max_interval),
        test_job_storage: test.job_storage.clone(),
        test_render_output: test.render_output.clone(),
        places: Places { database: config.database_path.clone(), task_logs: config.task_logs_path.clone() },
        min_free_space: config.min_free_space,
        backups: BackupPolicy {
            folder: backups(config),
            every: config.backup.interval.map(signed),
            keep: usize::try_from(config.backup.keep.get()).unwrap_or(usize::MAX),
        },
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Where the Manager listens for workers.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    /// `http`, or `https` if there is no other.
    pub scheme: &'static str,
    /// The address, which may be all of this machine's.
    pub address: SocketAddr,
}

/// The exchange with the Flamenco Server, if there is one.
pub fn exchange(
    config: &Config,
    services: &Arc<Services>,
    reached: Reached,
    limits: upstream::Limits,
) -> Option<Arc<Exchange>> {
    let link = config.server.as_ref()?;
    let link = Link {
        url: link.url.as_str().to_owned(),
        manager_id: link.manager_id.to_string(),
        manager_secret: link.manager_secret.expose().to_owned(),
    };
    let pace = Pace {
        download_every: signed(config.download_task_sleep),
        download_throttle: match config.download_task_recheck_throttle {
            RecheckThrottle::Never => None,
            RecheckThrottle::Always => Some(SignedDuration::ZERO),
            RecheckThrottle::After(least) => Some(signed(least)),
        },
        push_interval: signed(config.task_update_push_max_interval),
        push_count: usize::try_from(config.task_update_push_max_count.get()).unwrap_or(usize::MAX),
        cancel_fetch: signed(config.cancel_task_fetch_max_interval),
    };
    let own_url = config.own_url.as_ref().map(ToString::to_string);
    let about =
        About { own_url, reached: (reached.scheme, reached.address), variables: config.variables.clone() };
    let server = Server::new(&link, limits);
    Some(Arc::new(Exchange::new(Arc::clone(services), server, pace, about)))
}

/// What the routes need to know.
pub fn site(config: &Config, services: &Arc<Services>, exchange: Option<Arc<Exchange>>) -> Site {
    let server = config
        .server
        .as_ref()
        .map(|server| (server.url.authority().to_owned(), format!("{}flamenco/", server.url.as_str())));
    Site {
        services: Arc::clone(services),
        manager_name: config.manager_name.clone(),
        manager_mode: match config.mode {
            Mode::Production => "production",
            Mode::Develop => "develop",
        },
        server: server.unwrap_or_default(),
        exchange,
        registration_secret: config
            .worker_registration_secret
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
        settings: (
            config.written.file.as_ref().map(|file| file.display().to_string()),
            config.written.settings(),
        ),
        https_port: None,
        own_names: own_names(config),
        live: Live::default(),
        time_zone: TimeZone::system(),
    }
}

/// The host names by which people may come, as far as the configuration gives any.
fn own_names(config: &Config) -> Vec<String> {
    let of_url = config.own_url.as_ref().map(|url| url.host().to_owned());
    let of_listen = config.listen.as_ref().and_then(|listen| match &listen.host {
        ListenHost::Name(name) => Some(name.clone()),
        ListenHost::Everywhere | ListenHost::Address(_) => None,
    });
    let of_certificate = config.https.as_ref().and_then(|https| match &https.certificate {
        CertificateSource::Acme(acme) => Some(acme.domain.clone()),
        CertificateSource::Own(_) | CertificateSource::SelfMade => None,
    });
    of_url.into_iter().chain(of_listen).chain(of_certificate).collect()
}

/// Opens the port that `key` names. "Everywhere" is IPv6 and IPv4 at once, or IPv4 where there is no IPv6, or where the two
/// are never one (Windows).
async fn listen_on(key: &'static str, listen: &ListenAddress) -> Result<Port, StartError> {
    let port = listen.port;
    let listener = match &listen.host {
        ListenHost::Everywhere if cfg!(windows) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
        ListenHost::Everywhere => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Err(error) if error.kind() != ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
            }
            bound => bound,
        },
        ListenHost::Address(address) => TcpListener::bind((*address, port)).await,
        ListenHost::Name(name) => TcpListener::bind((name.as_str(), port)).await,
    };
    let opened = listener.and_then(|listener| Ok(Port { address: listener.local_addr()?, listener }));
    opened.map_err(|source| StartError::Listen { key, address: listen.to_string(), source })
}

fn local_url(reached: Reached) -> String {
    let Reached { scheme, mut address } = reached;
    match address.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        // "Everywhere" is IPv4, too, and that is what people know.
        IpAddr::V6(_) => address = (Ipv4Addr::LOCALHOST, address.port()).into(),
    }
    format!("{scheme}://{address}/")
}

/// Where the certificate comes from, and where it is kept: what the Manager makes or gets is beside its database.
pub fn certificate_source(config: &Config, https: &Https) -> Source {
    let beside = |end: &str| config.database_path.with_added_extension(end);
    let files = |kind: &str| Files {
        certificate: beside(&format!("{kind}-cert.pem")),
        key: beside(&format!("{kind}-key.pem")),
    };
    let mut names = tls::names_of_this_machine();
    names.extend(config.own_url.as_ref().map(|url| url.host().to_owned()));
    match &https.certificate {
        CertificateSource::Own(own) => {
            Source::Own(Files { certificate: own.certificate.clone(), key: own.key.clone() })
        }
        CertificateSource::SelfMade => Source::SelfMade(files("tls"), names),
        CertificateSource::Acme(acme) => {
            names.push(acme.domain.clone());
            let acme = Acme {
                domain: acme.domain.clone(),
                directory: acme.directory.clone(),
                ca: acme.ca.clone(),
                account: beside("acme-account.json"),
            };
            Source::Acme { acme, files: files("acme"), until_then: files("tls"), names }
        }
    }
}

/// A Manager that lets anybody in is for a machine by itself.
fn warn_of_open_doors(config: &Config) {
    let is_open = config.user_authentication() == Authentication::Nobody;
    let https = config.https.as_ref().map(|https| &https.listen);
    if is_open && !config.listen.iter().chain(https).all(ListenAddress::is_loopback) {
        tracing::warn!(
            "[user_authentication] mode = \"none\": everybody who reaches this Manager can submit jobs, and so run \
             commands on the workers; set mode = \"token\", or listen = \"127.0.0.1:8080\""
        );
    }
}

/// The configuration may ask for more than this version can do. Nobody shall learn that by surprise.
fn warn_of_what_is_not_there_yet(config: &Config) {
    if config.shaman.enabled {
        tracing::warn!("[shaman] enabled: this version has no file store yet");
    }
}
