//! How far an import is, for whoever watches it: a bar on standard error if that is a terminal, else nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it shows that it goes on, when nobody can say how far it is.
const TICK: Duration = Duration::from_millis(100);

/// Shows how far an import is. Copies show the same.
#[derive(Debug, Clone)]
pub struct Progress(ProgressBar);

impl Progress {
    /// For an input of so many bytes, if that is known.
    pub fn of(bytes: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
        let look = match bytes {
            Some(_) => "{bar:25} {bytes} of {total_bytes}, {msg}, {eta} left",
            None => "{spinner} {bytes}, {msg}",
        };
        let style = ProgressStyle::with_template(look).expect("the template is right").progress_chars("━╸ ");
        Self(bar.with_style(style))
    }

    /// For nobody.
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many bytes of the input and so many documents were read.
    pub fn at(&self, bytes: u64, documents: u64) {
        if self.0.is_hidden() {
            return;
        }
        let millis = self.0.elapsed().as_millis().max(1);
        let rate = u128::from(documents) * 1000 / millis;
        self.0.set_message(format!("{documents} documents, {rate}/s"));
        self.0.set_position(bytes);
    }

    /// All was read; what is left to be done is this.
    pub fn goes_on_with(&self, what: &'static str) {
        if !self.0.is_hidden() {
            let style =
                ProgressStyle::with_template("{spinner} {msg}, {elapsed}").expect("the template is right");
            self.0.set_style(style);
            self.0.set_message(what);
            self.0.enable_steady_tick(TICK);
        }
    }

    /// Takes the bar away.
    pub fn is_over(&self) {
        self.0.finish_and_clear();
    }
}
