//! What people do is written down before they have their answer: at the gate, through which every route for people goes.

use std::{
    mem,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use tokio::runtime::Handle;
use warp::{Filter, path::FullPath, reply::Response};

use super::{Site, routes::Route, server::Peer};
use crate::{
    domain::{
        audit::{Deed, detail},
        people::Person,
    },
    services::Services,
};

/// Writes down what is done at a route.
pub struct Recorder {
    services: Arc<Services>,
    /// What is done, in words.
    action: &'static str,
    /// The parameter with which nothing is done.
    rehearsal: Option<&'static str>,
}

impl Recorder {
    /// For a route at which this is done; with the parameter `rehearsal` it is only said what would become of it.
    pub fn new(site: &Site, action: &'static str, rehearsal: Option<&'static str>) -> Self {
        Self { services: Arc::clone(&site.services), action, rehearsal }
    }

    /// Lets the route, with the gate before it, answer, and writes down that it did. `path` is its address, with
    /// `{placeholders}`.
    pub fn record(self, path: &'static str, route: Route) -> Route {
        let recorder = Arc::new(self);
        warp::path::full()
            .and(warp::query::raw().or(warp::any().map(String::new)).unify())
            .and(warp::ext::optional::<Person>())
            .and(warp::ext::optional::<Peer>())
            .and(warp::ext::optional::<Noted>())
            .map(
                move |address: FullPath,
                      query,
                      person: Option<Person>,
                      peer: Option<Peer>,
                      noted: Option<Noted>| Doing {
                    target: target(person.as_ref().map(|_| &*recorder.services), path, address.as_str()),
                    recorder: Arc::clone(&recorder),
                    query,
                    person,
                    from: peer.map(|peer| peer.address.ip().to_canonical()),
                    noted: noted.unwrap_or_default(),
                    is_written: false,
                },
            )
            .and(route)
            .then(async |mut doing: Doing, response: Response| {
                doing.is_written = true;
                // Whoever logs in is known by the answer.
                if let Some(person) = response.extensions().get::<Person>() {
                    doing.person = Some(person.clone());
                }
                if let Some(Made(id)) = response.extensions().get() {
                    doing.target = named(&doing.recorder.services, id);
                }
                if let Some(deed) = doing.deed(Some(response.status().as_u16())) {
                    doing.recorder.services.remember_deed(deed).await;
                }
                response
            })
            .boxed()
    }
}

/// The body of a request, when its route has read it. It is among the extensions of the request.
#[derive(Debug, Clone, Default)]
pub struct Noted(Arc<OnceLock<Bytes>>);

impl Noted {
    /// Takes note of the body.
    pub fn body(&self, body: &Bytes) {
        // A body is read once.
        let _ = self.0.set(body.clone());
    }
}

/// The ID of what was made, which the address did not name. It is among the extensions of the answer.
#[derive(Debug, Clone)]
pub struct Made(pub String);

/// Something that is being done.
struct Doing {
    recorder: Arc<Recorder>,
    target: String,
    query: String,
    person: Option<Person>,
    from: Option<IpAddr>,
    noted: Noted,
    is_written: bool,
}

impl Doing {
    /// What was done, unless it was but tried out.
    fn deed(&mut self, status: Option<u16>) -> Option<Deed> {
        let Recorder { services, action, rehearsal } = &*self.recorder;
        let is_said =
            |name: &str| self.query.split('&').any(|pair| pair.split_once('=') == Some((name, "true")));
        if rehearsal.is_some_and(is_said) {
            return None;
        }
        let body = self.noted.0.get().map(Bytes::as_ref).unwrap_or_default();
        let person = self.person.take();
        Some(Deed {
            at: services.now(),
            role: person.as_ref().map(|person| person.role),
            who: person.map(|person| person.name),
            from: self.from,
            action: (*action).to_owned(),
            detail: detail(&self.query, body),
            target: mem::take(&mut self.target),
            status,
        })
    }
}

impl Drop for Doing {
    /// Nobody waited for the answer, or there is none because of a mistake of the program. It may have been done all the
    /// same.
    fn drop(&mut self) {
        if self.is_written {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if let Some(deed) = self.deed(None) {
            let recorder = Arc::clone(&self.recorder);
            runtime.spawn(async move { recorder.services.remember_deed(deed).await });
        }
    }
}

/// What stands in the address where the path has placeholders, with the names that `services` know. For a stranger nothing
/// is looked up.
fn target(services: Option<&Services>, path: &str, address: &str) -> String {
    let parts = path.split('/').zip(address.split('/')).filter(|(part, _)| part.starts_with('{'));
    let named = parts.map(|(_, part)| {
        let part = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
        services.map_or_else(|| part.to_string(), |services| named(services, &part))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn named(services: &Services, id: &str) -> String {
    services.what_is(id).unwrap_or_else(|_| id.to_owned())
}
