//! Work that is cut off between two of its steps, as by a kill.

use std::{future::poll_fn, pin::pin, task::Poll};

/// Does `work` until it has had to wait `waits` times, and drops it there; nothing if it was done before. What it had
/// begun in other threads goes on, as a write that was already on its way to the disk does.
pub async fn killed_at<T>(waits: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut waited = 0;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}
