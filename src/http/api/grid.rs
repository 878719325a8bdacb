//! All tasks of a job in brief, in one answer: for a grid with a cell a task, and for the graph of what waits for what.
//! A job may have very many tasks, so they are read and sent a piece at a time.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use warp::{Filter, Reply, reply::Response};

use super::{
    super::{
        Site, documents,
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, look, with},
    },
    id,
};
use crate::{
    domain::ids::{JobId, TaskId},
    services::{Error, Services},
};

/// As many tasks are read and sent at a time.
const PIECE: usize = 250;

/// `GET /api/jobs/{id}/grid`
pub fn grid(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/jobs/{id}/grid", "All tasks of a job in brief, in the order of their IDs")
        .path::<JobId>("id")
        .answers::<documents::Grid>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "jobs" / String / "grid").and(warp::get()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer {
                let job = id(&job)?;
                let ids = look(&site, move |services| services.task_ids_of_job(job)).await?;
                Ok(streamed(Grid { services: Arc::clone(&site.services), ids, sent: 0 }))
            },
        ));
    about.by(route)
}

/// A grid of which something is sent already.
struct Grid {
    services: Arc<Services>,
    /// Of all its tasks, in order.
    ids: Vec<TaskId>,
    sent: usize,
}

/// Sends it piece by piece. No memory is used, and no thread, while a slow client takes one. Each task is shown as it is
/// when its piece is read; if one is gone by then, the answer is cut off: it would point at the wrong tasks.
fn streamed(grid: Grid) -> Response {
    let pieces = stream::unfold(Some(grid), async |grid| {
        let grid = grid?;
        let read = tokio::task::spawn_blocking(move || grid.next()).await;
        Some(match read.unwrap_or(Err(Error::Panicked)) {
            Ok((piece, rest)) => (Ok(piece), rest),
            Err(error) => (Err(io::Error::other(error)), None),
        })
    });
    let mut response = warp::reply::stream(pieces).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Grid {
    /// The next piece of the document, and what is left to be sent.
    fn next(self) -> Result<(Bytes, Option<Self>), Error> {
        let all = self.ids.len();
        let piece = self.sent..all.min(self.sent + PIECE);
        let mut text = if piece.start == 0 { br#"{"tasks":["#.to_vec() } else { Vec::new() };
        self.write(piece.clone(), &mut text)?;
        if piece.end < all {
            return Ok((text.into(), Some(Self { sent: piece.end, ..self })));
        }
        text.extend(b"]}");
        Ok((text.into(), None))
    }

    fn write(&self, piece: Range<usize>, text: &mut Vec<u8>) -> Result<(), Error> {
        let first = piece.start;
        for (place, task) in self.services.tasks(&self.ids[piece])?.iter().enumerate() {
            if first + place > 0 {
                text.push(b',');
            }
            // They are sorted. A parent that is gone, or in another job, is none that anybody could see.
            let parents = task.parents.iter().filter_map(|parent| self.ids.binary_search(parent).ok());
            let cell = documents::cell(task, parents.collect());
            serde_json::to_writer(&mut *text, &cell).expect("names, numbers and IDs are JSON");
        }
        Ok(())
    }
}
