//! Work for which nobody waits: on a thread of its own, which everybody else goes before.

use tokio::sync::oneshot;

use super::Error;

/// Does `work`, which takes long. Nobody is slower for it, as far as the system knows whom to prefer; so it takes as long as the
/// farm leaves it no time. Whoever no longer waits does not end it.
pub async fn at_leisure<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        give_way();
        // Whoever waited may be gone.
        let _ = tell.send(work());
    });
    thread.map_err(|_| Error::Panicked)?;
    told.await.map_err(|_| Error::Panicked)
}

/// From now on this thread comes behind all others.
pub(super) fn give_way() {
    // Elsewhere this would be for the whole process. Without it the work is done all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}
