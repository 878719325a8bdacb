//! The gate: who asks is found out once, before the routes; and each route for people asks there whether they may.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use futures_util::future::{Ready, ready};
use headers::{Authorization, Cookie, Header, authorization::Bearer};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use hyper::{body::Incoming, service::service_fn};
use warp::{
    Filter,
    path::FullPath,
    reject::{Reject, Rejection, custom, not_found},
    reply::Response,
};

use super::{
    Site,
    api::session,
    audit::{Noted, Recorder},
    cross_site,
    error::ApiError,
    routes::Route,
    server::{Peer, Routes},
};
use crate::{
    domain::people::{Authentication, Person, Role},
    services::{Known, Presented, Services, Stranger},
};

/// The cookie in which the page keeps the word of the Flamenco Server, as in 2.x.
pub const JWT_COOKIE: &str = "jwtToken";

/// Who a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For anybody.
    Anybody,
    /// For people: who may only look may do what changes nothing.
    People,
    /// For those who may do everything.
    Admins,
}

impl Access {
    /// The least role that a request needs; `None` if it needs none.
    fn needs(self, method: &Method) -> Option<Role> {
        match self {
            Self::Anybody => None,
            Self::People if method.is_safe() => Some(Role::Viewer),
            Self::People | Self::Admins => Some(Role::Admin),
        }
    }
}

/// Who asks, as far as the Manager knows. Where it does the [`Person`] is among the extensions of the request, too.
#[derive(Clone)]
pub struct Visitor {
    /// Somebody, or why nobody knows who it is.
    pub who: Result<Known, Stranger>,
    /// A cookie is all that speaks for them, which a browser sends along whoever wrote the page.
    by_cookie: bool,
    /// Nobody has to log in, and the name by which they came could be anybody's.
    is_astray: bool,
    from: IpAddr,
    services: Arc<Services>,
}

impl Visitor {
    /// Who comes through the gate, as far as that is known. Whoever shows something wrong there has tried once more; workers
    /// do not come this way, whose own proofs are none to people.
    fn shown(&self) -> Result<&Person, Stranger> {
        match &self.who {
            Ok(known) => Ok(&known.person),
            Err(stranger) => Err(self.services.turn_away(*stranger, self.from)),
        }
    }

    /// Comes back when nobody knows them any more: they are logged out, or their token is revoked.
    pub async fn until_unknown(&self) {
        if let Ok(known) = &self.who {
            self.services.until_unknown(known).await;
        }
    }
}

/// The routes as the server takes them: who asks is found out first. Routes read it with `warp::ext::get::<Person>()`.
pub fn identified<R: Routes>(site: &Arc<Site>, routes: R) -> impl Routes + use<R> {
    let site = Arc::clone(site);
    service_fn(move |mut request: Request<Incoming>| {
        let from = request.extensions().get().map_or(NOWHERE, |peer: &Peer| peer.address.ip());
        let visitor = visitor(&site, request.headers(), from);
        if let Ok(known) = &visitor.who {
            request.extensions_mut().insert(known.person.clone());
        }
        // Workers, who ask most, bring nothing that could make them known here.
        if !matches!(visitor.who, Err(Stranger::Nobody)) {
            request.extensions_mut().insert(visitor);
        }
        request.extensions_mut().insert(Noted::default());
        routes.call(request)
    })
}

/// Where somebody comes from who comes from nowhere: it cannot be.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn visitor(site: &Site, headers: &HeaderMap, from: IpAddr) -> Visitor {
    let bearer = Authorization::<Bearer>::decode(&mut headers.get_all(header::AUTHORIZATION).iter()).ok();
    let cookies = Cookie::decode(&mut headers.get_all(header::COOKIE).iter()).ok();
    let cookie = |name| cookies.as_ref().and_then(|cookies| cookies.get(name));
    let presented = Presented {
        bearer: bearer.as_ref().map(Authorization::token),
        session: cookie(session::COOKIE),
        jwt: cookie(JWT_COOKIE),
    };
    let who = site.services.identify(presented);
    let by_cookie =
        who.is_ok() && bearer.is_none() && site.services.authentication() != Authentication::Nobody;
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let is_astray = site.services.authentication() == Authentication::Nobody
        && host.is_some_and(|host| cross_site::may_lead_astray(host, &site.own_names));
    Visitor { who, by_cookie, is_astray, from, services: Arc::clone(&site.services) }
}

/// Hands a handler who asks, as far as it is known.
pub fn visitor_if_any() -> impl Filter<Extract = (Option<Visitor>,), Error = Infallible> + Clone + Send + Sync
{
    warp::ext::optional()
}

/// Puts the gate before the route at `path`, with `{placeholders}`: only whom it is for gets through. What the route
/// would take at any other address does not reach it. `say` is how errors are said there. Behind the gate and at it,
/// `action` is written down, if it is one.
pub fn guarded(
    access: Access,
    method: &Method,
    path: &'static str,
    say: fn(ApiError) -> Response,
    action: Option<Recorder>,
    route: Route,
) -> Route {
    let method = method.clone();
    let is_meant = move |asked: Method, address: FullPath| -> Ready<Result<(), Rejection>> {
        ready(match is_at(path, address.as_str()) {
            true if asked == method => Ok(()),
            true => Err(custom(WrongMethod)),
            false => Err(not_found()),
        })
    };
    let refusal = move |method: Method, headers: HeaderMap, visitor: Option<Visitor>| {
        ready(admit(access, &method, &headers, visitor.as_ref()).map_err(|error| custom(Refused(error))))
    };
    let guarded = warp::method()
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Visitor>())
        .and_then(refusal)
        .untuple_one()
        .and(route)
        .recover(move |rejection: Rejection| {
            ready(match rejection.find::<Refused>() {
                Some(Refused(error)) => Ok(say(error.clone())),
                None => Err(rejection),
            })
        })
        .unify()
        .boxed();
    let guarded = match action {
        Some(recorder) => recorder.record(path, guarded),
        None => guarded,
    };
    warp::method().and(warp::path::full()).and_then(is_meant).untuple_one().and(guarded).boxed()
}

/// Whether somebody may do what a route is there for.
fn admit(
    access: Access,
    method: &Method,
    headers: &HeaderMap,
    visitor: Option<&Visitor>,
) -> Result<(), ApiError> {
    let needs = access.needs(method);
    let person = visitor.map_or(Err(Stranger::Nobody), Visitor::shown);
    let by_cookie = visitor.is_some_and(|visitor| visitor.by_cookie);
    if (needs == Some(Role::Admin) || !method.is_safe()) && cross_site::forbids(headers, by_cookie) {
        // A stranger, who may come as often as they like, would have been refused in any case.
        if let Ok(Person { name, .. }) = person {
            let origin = headers.get(header::ORIGIN);
            tracing::warn!(name, ?origin, "a web page of another site tried to command this Manager");
        }
        return Err(ApiError::forbidden("web pages of other sites may not command this Manager"));
    }
    let Some(needed) = needs else { return Ok(()) };
    if visitor.is_some_and(|visitor| visitor.is_astray) {
        return Err(ApiError::forbidden(
            "nobody has to log in here, so the Manager answers only at addresses, at names without a dot and at the name in \
             own_url: others could make any other name lead here; set own_url, or [user_authentication] mode = \"token\"",
        ));
    }
    let person = person.map_err(ApiError::unauthenticated)?;
    if person.role < needed {
        let Person { name, role, .. } = person;
        return Err(ApiError::forbidden(format!("{name} is here as {role}; only an {needed} may do this")));
    }
    Ok(())
}

/// Is this one of the addresses that `pattern` stands for?
fn is_at(pattern: &str, address: &str) -> bool {
    let address = address.strip_suffix('/').unwrap_or(address);
    let mut parts = address.split('/');
    let fits = |wanted: &str, part: &str| wanted == part || wanted.starts_with('{') && !part.is_empty();
    pattern.split('/').all(|wanted| parts.next().is_some_and(|part| fits(wanted, part)))
        && parts.next().is_none()
}

/// There is a route at this address, with another method.
#[derive(Debug)]
pub struct WrongMethod;

impl Reject for WrongMethod {}

#[derive(Debug)]
struct Refused(ApiError);

impl Reject for Refused {}

/// What every answer to people says to their browser: to take it for what it is called, to tell other sites nothing of
/// the address, and to show it in no frame.
pub fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_addresses_that_differ_in_its_placeholders() {
        for (pattern, address) in [
            ("/api/jobs", "/api/jobs"),
            ("/api/jobs", "/api/jobs/"),
            ("/api/jobs/{id}/tasks", "/api/jobs/5c7d/tasks"),
            ("/logfile/{job}/{task}", "/logfile/a/b"),
        ] {
            assert!(is_at(pattern, address), "{pattern} {address}");
        }
        for (pattern, address) in [
            ("/api/jobs", "/api/jobs/5c7d"),
            ("/api/jobs", "/api/job"),
            ("/api/jobs/{id}", "/api/jobs"),
            ("/api/jobs/{id}", "/api/jobs/"),
            ("/api/jobs/{id}", "/api/jobs//"),
            ("/kick", "//kick"),
        ] {
            assert!(!is_at(pattern, address), "{pattern} {address}");
        }
    }

    #[test]
    fn looking_needs_a_viewer_and_everything_else_an_admin() {
        let needs = [Access::Anybody, Access::People, Access::Admins]
            .map(|access| (access.needs(&Method::GET), access.needs(&Method::POST)));
        let (viewer, admin) = (Some(Role::Viewer), Some(Role::Admin));
        assert_eq!(needs, [(None, None), (viewer, admin), (admin, admin)]);
    }
}
