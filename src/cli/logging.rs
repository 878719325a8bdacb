//! Where the log goes, how much of it, and in which form.

use std::{io, io::IsTerminal, panic, thread};

use tracing::{Event, Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

use crate::store::OPENING;

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Every detail, of the libraries too.
    Debug,
    /// What happens.
    Info,
    /// What should not have happened.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// The same, but without what is expected to happen: for a terminal that shows it in its own way.
    #[must_use]
    pub fn at_most_errors(self) -> Self {
        match self {
            Self::Debug => Self::Debug,
            Self::Info | Self::Warn | Self::Error => Self::Error,
        }
    }
}

/// What lines of the log look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Plain,
    Coloured,
    Json,
    Journal,
}

/// Sends all log messages, those of libraries that use `log` as well, to stderr; with `json` as one object a
/// line. Fails when it was called before.
pub fn init(level: LogLevel, json: bool) -> Result<(), TryInitError> {
    // https://no-color.org: any value but the empty one means no colours.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = match () {
        () if json => Lines::Json,
        () if stderr_is_the_journal() => Lines::Journal,
        () if io::stderr().is_terminal() && !unwanted => Lines::Coloured,
        () => Lines::Plain,
    };
    subscriber(level, lines, io::stderr).try_init()
}

/// What comes before a line on stderr that says why the program ends.
pub fn mark_of_errors() -> String {
    if stderr_is_the_journal() { priority(Level::ERROR) } else { String::new() }
}

/// Does the journal of systemd read what goes to stderr? It says in `JOURNAL_STREAM` by which file it is known.
#[cfg(unix)]
fn stderr_is_the_journal() -> bool {
    let journal = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(io::stderr()).is_ok_and(|file| journal == format!("{}:{}", file.st_dev, file.st_ino))
}

#[cfg(not(unix))]
fn stderr_is_the_journal() -> bool {
    false
}

/// How grave a line is, as the journal takes it from its beginning: see `sd-daemon(3)`.
fn priority(level: Level) -> String {
    let number = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    format!("<{number}>")
}

/// Lines for the journal, which has a clock and colours of its own.
struct ForJournal;

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        writer.write_str(&priority(*event.metadata().level()))?;
        fmt::format().without_time().format_event(context, writer, event)
    }
}

/// A panic while a file is opened becomes an error that names the file: nothing else need be said of it.
pub fn hide_expected_panics() {
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some(OPENING) {
            say(panic);
        }
    }));
}

fn subscriber<W>(level: LogLevel, lines: Lines, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(lines == Lines::Coloured);
    let lines = match lines {
        Lines::Plain | Lines::Coloured => layer.boxed(),
        Lines::Json => layer.json().flatten_event(true).boxed(),
        Lines::Journal => layer.event_format(ForJournal).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter(level)))
}

/// Libraries report every connection at the levels below warnings: too much, unless one is looking for a fault.
fn filter(level: LogLevel) -> Targets {
    let (ours, libraries) = match level {
        LogLevel::Debug => (Level::DEBUG, LevelFilter::DEBUG),
        LogLevel::Info => (Level::INFO, LevelFilter::WARN),
        LogLevel::Warn => (Level::WARN, LevelFilter::WARN),
        LogLevel::Error => (Level::ERROR, LevelFilter::ERROR),
    };
    Targets::new().with_default(libraries).with_target(env!("CARGO_CRATE_NAME"), ours)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written when this crate and a library log at each level.
    fn logged(level: LogLevel, lines: Lines) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(level, lines, move || writer.clone()), || {
            tracing::warn!(task = 7, "our warning");
            tracing::info!("our news");
            tracing::debug!("our detail");
            tracing::warn!(target: "hyper::proto", "their warning");
            tracing::info!(target: "hyper::proto", "their news");
            tracing::debug!(target: "ureq", "their detail");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn messages(level: LogLevel) -> Vec<&'static str> {
        let all = ["our warning", "our news", "our detail", "their warning", "their news", "their detail"];
        let log = logged(level, Lines::Plain);
        all.into_iter().filter(|message| log.contains(message)).collect()
    }

    #[test]
    fn the_level_is_obeyed_and_libraries_are_quiet() {
        assert_eq!(messages(LogLevel::Error), [""; 0]);
        assert_eq!(messages(LogLevel::Warn), ["our warning", "their warning"]);
        assert_eq!(messages(LogLevel::Info), ["our warning", "our news", "their warning"]);
        assert_eq!(messages(LogLevel::Debug).len(), 6);
    }

    #[test]
    fn json_is_one_object_a_line() {
        let log = logged(LogLevel::Info, Lines::Json);
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["message"], "our warning");
        assert_eq!(lines[0]["task"], 7);
        assert_eq!(lines[0]["level"], "WARN");
    }

    #[test]
    fn colours_are_used_only_when_wanted() {
        for lines in [Lines::Plain, Lines::Coloured, Lines::Json, Lines::Journal] {
            let has_colours = logged(LogLevel::Info, lines).contains('\u{1b}');
            assert_eq!(has_colours, lines == Lines::Coloured, "{lines:?}");
        }
    }

    #[test]
    fn the_journal_is_told_how_grave_a_line_is_and_not_when_it_was() {
        let log = logged(LogLevel::Debug, Lines::Journal);
        let lines: Vec<_> = log.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "<4> WARN flamenco_manager::cli::logging::tests: our warning task=7",
                "<6> INFO flamenco_manager::cli::logging::tests: our news",
                "<7>DEBUG flamenco_manager::cli::logging::tests: our detail"
            ]
        );
    }
}
