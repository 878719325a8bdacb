//! How a program on this machine, under the same configuration, knows the Manager when it serves nothing but HTTPS.

use rustls::pki_types::CertificateDer;

use super::{
    Source,
    pair::{About, certificates},
};

/// What to call the Manager, and which certificates to trust for it.
#[derive(Debug, Clone)]
pub struct Local {
    /// A name that its certificate is for.
    pub name: String,
    /// Those in its files, and no others.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Local {
    /// Reads the files of the Manager; `None` when there is no certificate in them, or it is for nobody.
    pub fn read(source: &Source) -> Option<Self> {
        let texts = source.certificates().into_iter().filter_map(|path| std::fs::read(path).ok());
        let certificates: Vec<_> = texts.filter_map(|text| certificates(&text).ok()).flatten().collect();
        let about = About::of(certificates.first()?)?;
        // For a wildcard any name will do.
        let name = about.names.first()?.replace('*', "manager");
        Some(Self { name, certificates })
    }
}
