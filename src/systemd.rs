//! What systemd is told if it runs the Manager: that it answers, that it is alive and how the farm is, and that it stops. See
//! `sd_notify(3)`. Where there is no systemd nobody is told.

use std::{env, io, time::Duration};

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
    pub fn ready(&self) {
        tell("READY=1");
    }

    /// The Manager works, and the farm is as this line says: `systemctl status` shows it.
    pub fn alive(&self, farm: &str) {
        // Lines are what tells one message from the next.
        let farm = farm.replace(char::is_control, " ");
        let sign = if self.patience.is_some() { "\nWATCHDOG=1" } else { "" };
        tell(&format!("STATUS={farm}{sign}"));
    }

    /// How often to say so: at least twice in the time that systemd waits, as it recommends.
    pub fn pace(&self) -> Duration {
        self.patience.map_or(USUALLY, |patience| USUALLY.min(patience / 2))
    }

    /// The Manager begins to stop.
    pub fn stopping(&self) {
        tell("STOPPING=1");
    }
}

/// Nothing here depends on it; what systemd misses it says itself.
fn tell(message: &str) {
    if let Err(error) = notify(message) {
        tracing::warn!(message, %error, "systemd cannot be told");
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
