//! Addresses in the configuration: where to listen, and where a web server is.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::types::Malformed;

/// The address of a web server, ending in a slash, so that paths can be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// What is allowed, for messages.
    pub const EXPECTED: &str = "a URL such as \"https://flamenco.example.com/\"";

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and, if it is given, port.
    pub fn authority(&self) -> &str {
        let after_scheme = self.0.split_once("://").map_or(self.0.as_str(), |(_, after)| after);
        after_scheme.split('/').next().unwrap_or_default()
    }

    /// The host alone, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        let host =
            if ends_in_port(authority) { authority.rsplit_once(':').map(|(host, _)| host) } else { None };
        host.unwrap_or(authority).trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HttpUrl {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_base = |uri: &http::Uri| {
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            let host = uri.host().is_some_and(|host| !host.is_empty());
            let port_fits = uri.port().is_some() == uri.authority().is_some_and(|a| ends_in_port(a.as_str()));
            http && host && port_fits && !text.contains(['?', '#', '@'])
        };
        text.parse::<http::Uri>().ok().filter(is_base).ok_or(Malformed(Self::EXPECTED))?;
        let slash = if text.ends_with('/') { "" } else { "/" };
        Ok(Self(format!("{text}{slash}")))
    }
}

/// `http` passes over a port that is no number up to 65535.
fn ends_in_port(authority: &str) -> bool {
    !authority.ends_with(']') && authority.contains(':')
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// On which interface.
    pub host: ListenHost,
    /// The TCP port; 0 lets the system choose a free one.
    pub port: u16,
}

/// On which of this machine's interfaces to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenHost {
    /// On all of them, IPv4 and IPv6.
    Everywhere,
    /// On the one with this address; `0.0.0.0` and `::` are all of one kind.
    Address(IpAddr),
    /// On the one that this name stands for.
    Name(String),
}

impl ListenAddress {
    /// What is allowed, for messages.
    pub const EXPECTED: &str =
        "an address such as \":8080\", \"127.0.0.1:8080\" or \"[::1]:8080\", or \"\" to switch it off";

    /// Whether only programs on this machine can connect.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            ListenHost::Everywhere => false,
            ListenHost::Address(address) => address.is_loopback(),
            ListenHost::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }

    /// The URL at which programs on this machine connect; `scheme` is `http` or `https`.
    pub(super) fn local_url(&self, scheme: &str) -> HttpUrl {
        let port = self.port;
        let authority = match &self.host {
            ListenHost::Everywhere => format!("127.0.0.1:{port}"),
            ListenHost::Address(IpAddr::V4(ip)) if ip.is_unspecified() => format!("127.0.0.1:{port}"),
            ListenHost::Address(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[::1]:{port}"),
            ListenHost::Address(_) | ListenHost::Name(_) => self.to_string(),
        };
        HttpUrl(format!("{scheme}://{authority}/"))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host {
            ListenHost::Everywhere => write!(f, ":{port}"),
            ListenHost::Address(IpAddr::V4(ip)) => write!(f, "{ip}:{port}"),
            ListenHost::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]:{port}"),
            ListenHost::Name(name) => write!(f, "{name}:{port}"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parse = |text: &str| {
            let (host, port) = text.rsplit_once(':')?;
            let port = port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some(Self { host: ListenHost::parse(host)?, port })
        };
        parse(text).ok_or(Malformed(Self::EXPECTED))
    }
}

impl ListenHost {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Everywhere);
        }
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return address.parse::<Ipv6Addr>().ok().map(|ip| Self::Address(ip.into()));
        }
        let address = text.parse::<Ipv4Addr>().map(|ip| Self::Address(ip.into()));
        address.ok().or_else(|| is_host_name(text).then(|| Self::Name(text.to_owned())))
    }
}

/// Whether `text` can be the name of a machine. A last part of digits only would be a mistyped address.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.split('.').all(is_part) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_read_back_as_they_were_written() {
        for text in
            [":8080", "127.0.0.1:80", "0.0.0.0:0", "[::1]:8443", "[::]:8080", "render-01.farm.lan:8080"]
        {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_listen_addresses_are_refused() {
        for text in
            ["", "8080", ":", ":x", ":65536", ":+80", "::1:8080", "[127.0.0.1]:80", "256.1.1.1:80", "a b:80"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_and_found() {
        for (text, loopback, local) in [
            (":8080", false, "127.0.0.1:8080"),
            ("0.0.0.0:8080", false, "127.0.0.1:8080"),
            ("[::]:8080", false, "[::1]:8080"),
            ("127.0.0.1:8080", true, "127.0.0.1:8080"),
            ("localhost:8080", true, "localhost:8080"),
            ("192.168.3.108:8080", false, "192.168.3.108:8080"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.is_loopback(), address.local_url("http").authority()), (loopback, local));
        }
    }

    #[test]
    fn a_url_ends_in_a_slash() {
        for (text, url, authority, host) in [
            ("http://farm:8080", "http://farm:8080/", "farm:8080", "farm"),
            (
                "https://cloud.example.com/",
                "https://cloud.example.com/",
                "cloud.example.com",
                "cloud.example.com",
            ),
            ("http://[::1]:80/flamenco", "http://[::1]:80/flamenco/", "[::1]:80", "::1"),
            ("http://[::1]", "http://[::1]/", "[::1]", "::1"),
        ] {
            let parsed: HttpUrl = text.parse().unwrap();
            assert_eq!((parsed.as_str(), parsed.authority(), parsed.host()), (url, authority, host));
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for text in [
            "",
            "farm",
            "farm:8080",
            "/x",
            "ftp://farm/",
            "http://",
            "http:///x",
            "http://farm:99999/",
            "http://farm:x/",
            "http://me:pw@farm/",
            "http://farm/?q",
            "http://farm/#top",
            "http://fa rm/",
        ] {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
    }
}
