//! Server-sent events: how one is written, and answers that go on until the Manager stops, or who asked is no longer
//! welcome.

use std::{convert::Infallible, fmt::Write as _, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderValue, header};
use tokio_util::sync::CancellationToken;
use warp::{Filter, Reply, reject::Rejection, reply::Response};

use super::{
    gate::{Visitor, visitor_if_any},
    server::Stopping,
};

/// When there is nothing to tell for so long, a comment is sent, so that nobody on the way takes the connection for dead.
const QUIET: Duration = Duration::from_secs(15);

const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// An event. Each line of `data` becomes a line of its own, however it ends; with an `id` whoever is cut off can say
/// where to go on.
pub fn event(name: &str, id: Option<&str>, data: &str) -> String {
    let mut event = format!("event: {name}\n");
    if let Some(id) = id {
        // Writing to a text cannot fail; the same goes below.
        let _ = writeln!(event, "id: {id}");
    }
    let lines = data.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    for line in lines.flat_map(|line| line.split('\r')) {
        let _ = writeln!(event, "data: {line}");
    }
    event.push('\n');
    event
}

/// When an answer ends that has no end of its own.
pub struct End {
    stop: CancellationToken,
    visitor: Option<Visitor>,
}

impl End {
    /// Comes back when the Manager stops, or when nobody knows any more who asked.
    async fn comes(self) {
        let unknown = async {
            match &self.visitor {
                Some(visitor) => visitor.until_unknown().await,
                None => std::future::pending().await,
            }
        };
        self.stop.run_until_cancelled(unknown).await;
    }
}

/// An answer of `events`, each of them one or several that are written down, until they end or `end` comes.
pub fn answer(events: impl Stream<Item = Bytes> + Send + Sync + 'static, end: End) -> Response {
    let until_the_end = Box::pin(events.take_until(end.comes()));
    let never_quiet = stream::unfold(until_the_end, async |mut events| {
        match tokio::time::timeout(QUIET, events.next()).await {
            Ok(Some(event)) => Some((Ok::<_, Infallible>(event), events)),
            Ok(None) => None,
            Err(_) => Some((Ok(COMMENT), events)),
        }
    });
    let mut response = warp::reply::stream(never_quiet).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A proxy that gathers an answer before it passes it on would never pass on this one.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Hands a handler the end of such an answer.
pub fn end() -> impl Filter<Extract = (End,), Error = Rejection> + Clone + Send + Sync {
    let both = warp::ext::get::<Stopping>().and(visitor_if_any());
    both.map(|Stopping(stop), visitor| End { stop, visitor })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn each_line_of_the_data_is_a_line_of_the_event() {
        assert_eq!(event("job", None, "{}"), "event: job\ndata: {}\n\n");
        assert_eq!(event("log", Some("0-9"), "a\n\nb"), "event: log\nid: 0-9\ndata: a\ndata: \ndata: b\n\n");
        assert_eq!(
            event("log", None, "10 %\r20 %\r\nend"),
            "event: log\ndata: 10 %\ndata: 20 %\ndata: end\n\n"
        );
        assert_eq!(event("log", None, ""), "event: log\ndata: \n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn while_nothing_happens_there_are_comments_and_at_the_stop_it_ends() {
        let stop = CancellationToken::new();
        let late = stream::once(async {
            tokio::time::sleep(QUIET * 5 / 2).await;
            Bytes::from("late")
        });
        let mut body =
            answer(late.chain(stream::pending()), End { stop: stop.clone(), visitor: None }).into_body();
        let mut sent = Vec::new();
        while sent.last().is_none_or(|last| last != "late") {
            sent.push(body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(sent, [":\n\n", ":\n\n", "late"]);
        stop.cancel();
        assert!(body.frame().await.is_none());
    }
}
