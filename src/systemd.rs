//! What systemd is told if it runs the Manager: that it answers, that it is alive and how the farm is, and that it stops. See
//! `sd_notify(3)`. Where there is no systemd nobody is told.

use std::{env, io, time::Duration};

use tokio::time::timeout;

/// So long systemd may take to hear something: it is told at the stop, too, which has to come to an end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often systemd hears of the Manager, unless it wants to more often.
const USUALLY: Duration = Duration::from_secs(30);

/// systemd, which has started this process and wants to hear of it.
#[derive(Debug)]
pub struct Systemd {
    /// A process of which it does not hear for so long is ended and started anew.
    patience: Option<Duration>,
}

impl Systemd {
    /// `None` if nobody wants to hear anything.
    pub fn find() -> Option<Self> {
        env::var_os("NOTIFY_SOCKET")?;
        Some(Self { patience: patience() })
    }

    /// From now on whoever connects is answered.
    pub async fn ready(&self) {
        tell("READY=1".to_owned()).await;
    }

    /// The Manager works, and the farm is as this line says: `systemctl status` shows it.
    pub async fn alive(&self, farm: &str) {
        // Lines are what tells one message from the next.
        let farm = farm.replace(char::is_control, " ");
        let sign = if self.patience.is_some() { "\nWATCHDOG=1" } else { "" };
        tell(format!("STATUS={farm}{sign}")).await;
    }

    /// How often to say so: at least twice in the time that systemd waits, as it recommends.
    pub fn pace(&self) -> Duration {
        self.patience.map_or(USUALLY, |patience| USUALLY.min(patience / 2))
    }

    /// The Manager begins to stop.
    pub async fn stopping(&self) {
        tell("STOPPING=1".to_owned()).await;
    }
}

/// Says something on a thread that may wait until it is heard: nobody else has to. What systemd misses it says itself.
async fn tell(message: String) {
    let saying = tokio::task::spawn_blocking(move || {
        if let Err(error) = notify(&message) {
            tracing::warn!(message, %error, "systemd cannot be told");
        }
    });
    if timeout(PATIENCE, saying).await.is_err() {
        tracing::warn!("systemd does not hear what it is told");
    }
}

#[cfg(unix)]
fn notify(message: &str) -> io::Result<()> {
    sd_notify::notify(&[sd_notify::NotifyState::Custom(message)])
}

#[cfg(unix)]
fn patience() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(not(unix))]
fn notify(_message: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn patience() -> Option<Duration> {
    None
}
