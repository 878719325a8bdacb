//! A Manager on this machine that serves nothing but HTTPS: found at its port, and known by its own certificate.

use std::{net::IpAddr, sync::Arc};

use http::Uri;
use rustls::crypto::aws_lc_rs::default_provider;
use ureq::{
    Agent, Error,
    config::{Config as Settings, ConfigBuilder},
    tls::{Certificate, RootCerts, TlsConfig},
    typestate::AgentScope,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::{
    app,
    config::{Config, HttpUrl},
    tls::Local,
};

/// The Manager of a configuration.
pub struct Here {
    /// What to call it, so that its certificate is for it.
    pub url: HttpUrl,
    tls: TlsConfig,
    door: Door,
}

impl Here {
    /// `None` when it serves plain HTTP, or its certificate cannot be read.
    pub fn find(config: &Config) -> Option<Self> {
        let https = config.https.as_ref().filter(|_| config.listen.is_none())?;
        let Local { name, certificates } = Local::read(&app::certificate_source(config, https))?;
        let name = match name.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => name,
        };
        let trusted = certificates.iter().map(|one| Certificate::from_der(one).to_owned());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(trusted))
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()));
        Some(Self {
            url: format!("https://{name}:{}/", https.listen.port).parse().ok()?,
            tls: tls.build(),
            door: Door(config.local_url()?.as_str().parse().ok()?),
        })
    }

    /// A client for it alone.
    pub fn agent(self, settings: ConfigBuilder<AgentScope>) -> Agent {
        let settings = settings.tls_config(self.tls).build();
        Agent::with_parts(settings, DefaultConnector::new(), self.door)
    }
}

/// Where the Manager is, whatever it is called.
#[derive(Debug)]
struct Door(Uri);

impl Resolver for Door {
    fn resolve(
        &self,
        _: &Uri,
        settings: &Settings,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        DefaultResolver::default().resolve(&self.0, settings, timeout)
    }
}
