//! HTTPS: with each kind of certificate, beside plain HTTP and alone, and what becomes of it in time.

mod acme;
mod own;
mod program;
mod redirects;
mod self_made;
mod serving;

use std::{net::SocketAddr, sync::Arc};

use flamenco_manager::{
    app,
    http::{
        on_panic, routes,
        server::{Limits, Listener, serve},
    },
    tls::Tls,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::kit::TestManager;

/// A Manager's HTTPS, whose certificate is looked after by hand.
struct Https {
    manager: TestManager,
    tls: Arc<Tls>,
    address: SocketAddr,
    stop: DropGuard,
    serving: JoinHandle<()>,
}

impl Https {
    async fn start(manager: TestManager) -> Self {
        Self::limited(manager, Limits::default()).await
    }

    async fn limited(manager: TestManager, limits: Limits) -> Self {
        let https = manager.config.https.as_ref().unwrap();
        let source = app::certificate_source(&manager.config, https);
        let tls = Arc::new(Tls::open(source, Arc::clone(&manager.clock) as _).unwrap());
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = port.local_addr().unwrap();
        let site = app::site(&manager.config, &manager.services, None);
        let listener = Listener::https(port, tls.server_config());
        let stop = CancellationToken::new();
        let serving = serve(vec![listener], routes(&Arc::new(site)), on_panic, limits, stop.clone());
        Self { manager, tls, address, stop: stop.drop_guard(), serving: tokio::spawn(serving) }
    }

    /// Ends, and begins anew with the same files.
    async fn restart(self) -> Self {
        drop(self.stop);
        self.serving.await.unwrap();
        Self::start(self.manager).await
    }

    /// What is in a file beside the database.
    fn beside(&self, end: &str) -> String {
        std::fs::read_to_string(self.manager.folder().join(format!("manager.redb.{end}"))).unwrap()
    }
}
