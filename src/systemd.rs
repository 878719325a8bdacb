//! What systemd is told if it runs the Manager: that it answers, how the farm is, that it is alive, and that it stops. See
//! `sd_notify(3)`. Where there is no systemd nobody is told.

#[cfg(unix)]
pub use here::Systemd;
#[cfg(not(unix))]
pub use nowhere::Systemd;

#[cfg(unix)]
mod here {
    use std::{env, time::Duration};

    use sd_notify::NotifyState;

    /// How often systemd is told how the farm is, unless it wants to hear more often.
    const USUALLY: Duration = Duration::from_secs(30);

    /// systemd, which has started this process and wants to hear of it.
    #[derive(Debug, Clone)]
    pub struct Systemd {
        /// A process of which it does not hear for so long is ended and started anew.
        watchdog: Option<Duration>,
    }

    impl Systemd {
        /// Tells systemd, if it is there, that from now on whoever connects is answered.
        pub fn ready() -> Option<Self> {
            env::var_os("NOTIFY_SOCKET")?;
            let systemd = Self { watchdog: sd_notify::watchdog_enabled() };
            tell(&NotifyState::Ready);
            Some(systemd)
        }

        /// How often it is to be told that all is well: twice in the time that it waits, as systemd recommends.
        pub fn pace(&self) -> Duration {
            self.watchdog.map_or(USUALLY, |patience| USUALLY.min(patience / 2))
        }

        /// The Manager is alive.
        pub fn alive(&self) {
            if self.watchdog.is_some() {
                tell(&NotifyState::Watchdog);
            }
        }

        /// How the farm is, in a line: `systemctl status` shows it.
        pub fn status(&self, farm: &str) {
            tell(&NotifyState::Status(farm));
        }

        /// The Manager begins to stop.
        pub fn stopping(&self) {
            tell(&NotifyState::Stopping);
        }
    }

    /// Nothing here depends on it; what systemd misses it says itself.
    fn tell(state: &NotifyState<'_>) {
        if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
            tracing::warn!(%state, %error, "systemd cannot be told");
        }
    }
}

#[cfg(not(unix))]
mod nowhere {
    use std::time::Duration;

    /// There is none.
    #[derive(Debug, Clone)]
    pub enum Systemd {}

    impl Systemd {
        /// Nobody to tell.
        pub fn ready() -> Option<Self> {
            None
        }

        /// Never called, as the others below.
        pub fn pace(&self) -> Duration {
            match *self {}
        }

        /// See above.
        pub fn alive(&self) {
            match *self {}
        }

        /// See above.
        pub fn status(&self, _farm: &str) {
            match *self {}
        }

        /// See above.
        pub fn stopping(&self) {
            match *self {}
        }
    }
}
