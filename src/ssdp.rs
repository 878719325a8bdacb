//! Auto-discovery: answers workers that look for their Manager by SSDP, so that nobody has to tell them its URL.
//! What is answered, and to whom, is what Worker 2.5 needs; it takes the first datagram that it gets.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdUdpSocket},
    time::Duration,
};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::{net::UdpSocket, time::interval};
use tokio_util::sync::CancellationToken;

/// The port of SSDP.
pub const PORT: u16 = 1900;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const SERVICE: &str = "urn:flamenco:manager:0";
/// Worker 2.5 reads no more of an answer.
const MAX_ANSWER: usize = 1024;
/// A question of this length, or longer, is not from a worker.
const MAX_QUESTION: usize = 2048;
/// How often new network interfaces are joined to the group: at start-up the network may not be there yet.
const JOIN_EVERY: Duration = Duration::from_secs(30);
/// The pause after an error, should it come again and again.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// What the answers say.
#[derive(Debug, Clone)]
pub struct SsdpConfig {
    /// The UDP port to listen on: [`PORT`], but for tests.
    pub port: u16,
    /// Names this Manager, whatever its address: a UUID.
    pub device_uuid: String,
    /// The URL at which workers reach the Manager. Without one it is made of the address that routes to the
    /// worker who asks, and of the port of `reached`.
    pub own_url: Option<String>,
    /// The scheme, and where workers are served: on all addresses of this machine, or on one, which is then the only one
    /// to announce.
    pub reached: (&'static str, SocketAddr),
}

/// Listens for questions, and answers them while it [runs](Responder::run).
#[derive(Debug)]
pub struct Responder {
    socket: UdpSocket,
    config: SsdpConfig,
}

/// Opens the port, to be shared with other programs, and joins the group on all interfaces. Without a network it is
/// joined later. An error leaves the farm without auto-discovery, and is no reason not to start.
pub fn bind(config: SsdpConfig) -> io::Result<Responder> {
    if let Some(url) = &config.own_url
        && (url.contains(char::is_control) || answer(&config.device_uuid, url).len() > MAX_ANSWER)
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "own_url does not fit in an SSDP answer"));
    }
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.port)).into())?;
    if join_on_all_interfaces(&socket) == 0 {
        tracing::warn!(
            "no network interface takes part in SSDP multicast (yet): workers cannot find the Manager by themselves"
        );
    }
    Ok(Responder { socket: UdpSocket::from_std(socket.into())?, config })
}

impl Responder {
    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers every question until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut question = [0; MAX_QUESTION];
        let mut join = interval(JOIN_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = join.tick() => { join_on_all_interfaces(&self.socket); }
                received = self.socket.recv_from(&mut question) => match received {
                    Ok((length, asker)) => self.reply(&question[..length], asker).await,
                    // Of an earlier answer, most often: that worker is gone.
                    Err(error) => {
                        tracing::debug!(%error, "an error on the SSDP socket");
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Answers at once: a worker waits one second. The answer goes to the port that the question came from.
    async fn reply(&self, question: &[u8], asker: SocketAddr) {
        if !asks_for_manager(question) {
            return;
        }
        let sent = match self.location_for(asker) {
            Ok(Some(location)) => {
                let answer = answer(&self.config.device_uuid, &location);
                self.socket.send_to(answer.as_bytes(), asker).await
            }
            // A worker takes the first answer that it gets: better none than one that leads nowhere.
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match sent {
            Ok(_) => tracing::info!(%asker, "told a worker by SSDP where the Manager is"),
            Err(error) => tracing::warn!(%asker, %error, "cannot tell a worker by SSDP where the Manager is"),
        }
    }

    /// The URL for this asker; none when it cannot reach the Manager.
    fn location_for(&self, asker: SocketAddr) -> io::Result<Option<String>> {
        if let Some(url) = &self.config.own_url {
            return Ok(Some(url.clone()));
        }
        let towards = address_towards(asker)?;
        // A question from this machine comes from the very address that it would be answered from.
        let from_here = asker.ip() == towards;
        let (scheme, served) = self.config.reached;
        let listening = served.ip().to_canonical();
        let address = match listening {
            everywhere if everywhere.is_unspecified() => towards,
            loopback if loopback.is_loopback() && !from_here => return Ok(None),
            one => one,
        };
        Ok(Some(format!("{scheme}://{}/", SocketAddr::new(address, served.port()))))
    }
}

/// The address of this machine that `asker` can reach. Connecting a UDP socket sends nothing: it only asks for the route.
fn address_towards(asker: SocketAddr) -> io::Result<IpAddr> {
    let probe = StdUdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    probe.connect(asker)?;
    Ok(probe.local_addr()?.ip())
}

/// Whether a datagram is a search for a Flamenco Manager, or for everything there is.
fn asks_for_manager(datagram: &[u8]) -> bool {
    if datagram.len() >= MAX_QUESTION {
        return false;
    }
    let Ok(text) = std::str::from_utf8(datagram) else { return false };
    let mut lines = text.split('\n').map(str::trim);
    if !lines.next().is_some_and(|line| line.starts_with("M-SEARCH * HTTP/1.")) {
        return false;
    }
    let headers = lines.map_while(|line| line.split_once(':'));
    let value_of = |name: &str| {
        let mut named = headers.clone().filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    };
    value_of("MAN").is_some_and(|man| man.trim_matches('"') == "ssdp:discover")
        && value_of("ST").is_some_and(|target| target == SERVICE || target == "ssdp:all")
}

fn answer(device_uuid: &str, location: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n\
         ST: {SERVICE}\r\n\
         USN: uuid:{device_uuid}::{SERVICE}\r\n\
         LOCATION: {location}\r\n\
         CACHE-CONTROL: max-age=3600\r\n\
         SERVER: UPnP/1.0 flamenco-manager/{version}\r\n\
         EXT: \r\n\r\n",
        version = env!("CARGO_PKG_VERSION")
    )
}

/// Joins the group wherever that is possible, and says on how many interfaces it was not joined before and is now.
/// A failure is of no interest: most often it was joined before.
fn join_on_all_interfaces<'s, S>(socket: &'s S) -> usize
where
    socket2::SockRef<'s>: From<&'s S>,
{
    let socket = socket2::SockRef::from(socket);
    let default = std::iter::once(0);
    let join =
        |index: &u32| socket.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(*index)).is_ok();
    interface_indexes().into_iter().chain(default).filter(join).count()
}

/// The numbers of the network interfaces, where the system has them as files. Elsewhere there is only the default
/// interface, 0.
fn interface_indexes() -> Vec<u32> {
    let Ok(interfaces) = std::fs::read_dir("/sys/class/net") else { return Vec::new() };
    let index =
        |path: std::path::PathBuf| std::fs::read_to_string(path.join("ifindex")).ok()?.trim().parse().ok();
    interfaces.flatten().filter_map(|interface| index(interface.path())).collect()
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    /// As Worker 2.5 asks.
    const QUESTION: &str = "M-SEARCH * HTTP/1.1\r\nST: urn:flamenco:manager:0\r\nMX: 3\r\n\
                            MAN: \"ssdp:discover\"\r\nHOST: 239.255.255.250:1900\r\n\r\n";

    fn config(own_url: Option<&str>) -> SsdpConfig {
        SsdpConfig {
            port: 0,
            device_uuid: "7401c189-ef69-434b-b4d8-56d00075faf5".into(),
            own_url: own_url.map(Into::into),
            reached: ("http", "[::]:8080".parse().unwrap()),
        }
    }

    fn listening_on(http: &str) -> Responder {
        bind(SsdpConfig { reached: ("http", http.parse().unwrap()), ..config(None) }).unwrap()
    }

    /// What a Manager of this configuration answers, when it is asked at `address`.
    async fn answer_to(question: &[u8], address: Ipv4Addr, config: SsdpConfig) -> io::Result<String> {
        let responder = bind(config)?;
        let port = responder.local_addr()?.port();
        let stop = CancellationToken::new();
        let running = tokio::spawn(responder.run(stop.clone()));

        let client = UdpSocket::bind("0.0.0.0:0").await?;
        client.send_to(question, (address, port)).await?;
        let mut answer = [0; MAX_ANSWER];
        let length = timeout(LONG, client.recv_from(&mut answer)).await.map_err(io::Error::from)??.0;
        stop.cancel();
        timeout(LONG, running).await.expect("it stops").unwrap();
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    #[test]
    fn a_search_for_the_manager_or_for_everything_is_a_question() {
        assert!(asks_for_manager(QUESTION.as_bytes()));
        assert!(asks_for_manager(b"M-SEARCH * HTTP/1.0\nman:ssdp:discover\nst:urn:flamenco:manager:0\n"));
        assert!(asks_for_manager(QUESTION.replace("urn:flamenco:manager:0", "ssdp:all").as_bytes()));
        assert!(asks_for_manager(QUESTION.trim_end().as_bytes()));
    }

    #[test]
    fn anything_else_is_not() {
        for other in [
            "",
            "\r\n\r\n",
            "M-SEARCH * HTTP/1.1",
            "NOTIFY * HTTP/1.1\r\nST: urn:flamenco:manager:0\r\nMAN: \"ssdp:discover\"\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nST: urn:dial-multiscreen-org:service:dial:1\r\nMAN: \"ssdp:discover\"\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nST: urn:flamenco:manager:0\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n\r\nST: urn:flamenco:manager:0\r\n",
        ] {
            assert!(!asks_for_manager(other.as_bytes()), "{other:?}");
        }
        assert!(!asks_for_manager(&[0xff; 100]));
    }

    #[tokio::test]
    async fn the_configured_url_is_announced() {
        let config = config(Some("https://farm.example:8443/"));
        let answer = answer_to(QUESTION.as_bytes(), Ipv4Addr::LOCALHOST, config).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nLOCATION: https://farm.example:8443/\r\n"), "{answer}");
        assert!(
            answer.contains("\r\nUSN: uuid:7401c189-ef69-434b-b4d8-56d00075faf5::urn:flamenco:manager:0\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn without_one_it_is_the_address_that_the_asker_can_reach() {
        let answer = answer_to(QUESTION.as_bytes(), Ipv4Addr::LOCALHOST, config(None)).await.unwrap();
        assert!(answer.contains("\r\nLOCATION: http://127.0.0.1:8080/\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn a_manager_that_listens_on_one_address_announces_that_one() {
        let here: SocketAddr = "127.0.0.1:1901".parse().unwrap();
        for (http, url) in [
            ("192.0.2.7:8080", "http://192.0.2.7:8080/"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
        ] {
            assert_eq!(listening_on(http).location_for(here).unwrap().as_deref(), Some(url), "{http}");
        }
    }

    #[tokio::test]
    async fn a_manager_for_this_machine_alone_is_not_announced_to_others() {
        let responder = listening_on("127.0.0.1:8080");
        // Of the loopback network, and yet another address than that of a question from here.
        assert_eq!(responder.location_for("127.0.0.2:1901".parse().unwrap()).unwrap(), None);
    }

    #[tokio::test]
    async fn nonsense_is_passed_over_and_the_next_question_answered() {
        let responder = bind(config(None)).unwrap();
        let address = (Ipv4Addr::LOCALHOST, responder.local_addr().unwrap().port());
        let running = tokio::spawn(responder.run(CancellationToken::new()));
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let huge = [QUESTION.trim_end(), "\r\nX: ", &"x".repeat(60_000)].concat();
        for nonsense in [&b""[..], b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", &QUESTION.as_bytes()[..30]] {
            client.send_to(nonsense, address).await.unwrap();
        }
        client.send_to(huge.as_bytes(), address).await.unwrap();
        client.send_to(QUESTION.as_bytes(), address).await.unwrap();
        let mut answer = [0; MAX_ANSWER];
        timeout(LONG, client.recv(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        running.abort();
    }

    #[tokio::test]
    async fn a_question_to_the_group_is_answered() {
        match answer_to(QUESTION.as_bytes(), GROUP, config(None)).await {
            Ok(answer) => assert!(answer.contains("\r\nLOCATION: http://"), "{answer}"),
            Err(error) => eprintln!("not tested, as this machine seems to have no multicast: {error}"),
        }
    }

    #[tokio::test]
    async fn a_url_that_fits_in_no_answer_is_an_error() {
        let long = format!("http://{}/", "x".repeat(1000));
        for url in [long.as_str(), "http://farm/\r\nX: y"] {
            let error = bind(config(Some(url))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_keeps_for_himself_is_an_error() {
        let taken = StdUdpSocket::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = bind(SsdpConfig { port, ..config(None) }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
