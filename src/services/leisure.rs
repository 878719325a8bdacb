//! Work for which nobody waits: on a thread of its own, which everybody else goes before.

use std::{
    fmt::Display,
    io::{self, BufWriter, Write},
    thread,
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Error;

/// Does `work`, which takes long. Nobody is slower for it, as far as the system knows whom to prefer; so it takes as long as the
/// farm leaves it no time. Whoever no longer waits does not end it.
pub async fn at_leisure<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        give_way();
        // Whoever waited may be gone.
        let _ = tell.send(work());
    });
    thread.map_err(|_| Error::Panicked)?;
    told.await.map_err(|_| Error::Panicked)
}

/// From now on this thread comes behind all others.
fn give_way() {
    // Elsewhere this would be for the whole process. Without it the work is done all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}

/// Something long, as it comes.
pub type Pieces = mpsc::Receiver<io::Result<Bytes>>;

/// As many bytes are a piece,
const PIECE: usize = 64 << 10;
/// and so many pieces wait for somebody who takes them slowly.
const WAITING: usize = 4;

/// Writes something long on a thread of its own, which comes behind all others. If it is not written to its end the last
/// piece is an error.
pub(super) fn stream<E: Display + From<io::Error>>(
    name: &'static str,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<Pieces, Error> {
    let (send, pieces) = mpsc::channel(WAITING);
    let work = move || {
        give_way();
        let mut to = BufWriter::with_capacity(PIECE, Sending(&send));
        let written = write(&mut to).and_then(|()| Ok(to.flush()?));
        // What is left in it is for nobody.
        drop(to.into_parts());
        match written {
            Ok(()) => {}
            Err(_) if send.is_closed() => tracing::info!(name, "something long was broken off"),
            Err(error) => {
                tracing::error!(name, %error, "something long cannot be finished");
                let _gone = send.blocking_send(Err(io::Error::other("it cannot be finished")));
            }
        }
    };
    thread::Builder::new().name(name.into()).spawn(work).map_err(|_| Error::Panicked)?;
    Ok(pieces)
}

/// Sends what is written.
struct Sending<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
