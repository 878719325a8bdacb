//! The API's own description, as an OpenAPI 3.1 document: put together from what each route says of itself.
//!
//! The page of routes takes nothing for the API but an [`Endpoint`], which is an [`Operation`] and the route that
//! serves it. So an endpoint begins with what it is and goes on with what it does:
//!
//! ```ignore
//! /// `POST /api/workers/{id}/status`
//! pub fn request_status(site: &Arc<Site>) -> Endpoint {
//!     let about = post("/api/workers/{id}/status", "Asks a worker to change its status")
//!         .path::<WorkerId>("id")                          // one for each {…} of the path
//!         .query::<Laziness>()                             // what `parameters()` reads: each field is a parameter
//!         .body::<StatusWish>()                            // what `body::object` reads
//!         .answers::<documents::Worker>(StatusCode::OK)    // what `json` writes; () for an answer without a body
//!         .fails(StatusCode::CONFLICT);
//!     let route = endpoint(warp::path!("api" / "workers" / String / "status").and(warp::post()).then(handler));
//!     about.by(route)
//! }
//! ```
//!
//! What is no JSON is said as `answers_as("text/plain; charset=utf-8")`, a stream of events as
//! `answers_as("text/event-stream")`; an operation may have several answers with one status. How a request can fail
//! because of what it brings along need not be said: see [`Operation::failures`]. What goes in derives `Deserialize` and
//! `JsonSchema`, what comes out `Serialize` and `JsonSchema`; comments on types and fields are what callers read.
//!
//! Who may call it says the list of the page of routes in which it stands; the gate goes by the path that is described.
//!
//! In the stories every answer is held against the document (`tests/it/kit/contract.rs`; of a stream, its head), and
//! `tests/it/openapi.rs` does each operation once: it has a table in which a new one needs a line.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use warp::Filter;

use super::{
    Site, VERSION,
    api::session,
    audit::Recorder,
    documents,
    error::{ApiError, expired},
    gate::{Access, JWT_COOKIE, guarded},
    routes::{Answer, Route, any_of, endpoint, json},
};

const JSON: &str = "application/json";

/// A route of the API, with what it says of itself.
pub struct Endpoint {
    operation: Operation,
    route: Route,
}

/// What a route of the API does, takes and answers.
pub struct Operation {
    method: Method,
    path: &'static str,
    summary: &'static str,
    deed: Option<&'static str>,
    rehearsal: Option<&'static str>,
    placeholders: Vec<(&'static str, SchemaOf)>,
    query: Option<SchemaOf>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<SchemaOf>,
    answers: Vec<Described>,
}

/// The schema of a type.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One of the answers to an operation.
struct Described {
    status: StatusCode,
    kind: &'static str,
    schema: SchemaOf,
}

/// What `GET` at this path does.
pub fn get(path: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::GET, path, summary)
}

/// What `POST` at this path does.
pub fn post(path: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::POST, path, summary)
}

/// What `PUT` at this path does.
pub fn put(path: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::PUT, path, summary)
}

/// What `PATCH` at this path does.
pub fn patch(path: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::PATCH, path, summary)
}

/// What `DELETE` at this path does.
pub fn delete(path: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::DELETE, path, summary)
}

impl Operation {
    fn new(method: Method, path: &'static str, summary: &'static str) -> Self {
        let (placeholders, headers, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            method,
            path,
            summary,
            deed: None,
            rehearsal: None,
            placeholders,
            query: None,
            headers,
            body: None,
            answers,
        }
    }

    /// What it is called by those who read what people did; if nothing is said, its summary. Whatever changes something is
    /// written down.
    pub fn deed(mut self, words: &'static str) -> Self {
        self.deed = Some(words);
        self
    }

    /// The parameter with which nothing is done, so that nothing is written down.
    pub fn rehearsed_by(mut self, parameter: &'static str) -> Self {
        self.rehearsal = Some(parameter);
        self
    }

    /// What stands at `{name}` in the path.
    pub fn path<T: JsonSchema>(mut self, name: &'static str) -> Self {
        self.placeholders.push((name, SchemaGenerator::subschema_for::<T>));
        self
    }

    /// What may stand behind the question mark.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// A header that may be sent along, and what it says.
    pub fn header(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.headers.push((name, meaning));
        self
    }

    /// The JSON that is sent along.
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::root_schema_for::<T>);
        self
    }

    /// A JSON document that is answered with this status.
    pub fn answers<T: JsonSchema>(self, status: StatusCode) -> Self {
        self.answer(status, JSON, SchemaGenerator::subschema_for::<T>)
    }

    /// What is answered with 200 and is no JSON.
    pub fn answers_as(self, kind: &'static str) -> Self {
        self.answer(StatusCode::OK, kind, SchemaGenerator::subschema_for::<String>)
    }

    /// A status with which the operation fails, apart from [`failures`](Self::failures).
    pub fn fails(self, status: StatusCode) -> Self {
        self.answers::<documents::ErrorDocument>(status)
    }

    fn answer(mut self, status: StatusCode, kind: &'static str, schema: SchemaOf) -> Self {
        self.answers.push(Described { status, kind, schema });
        self
    }

    /// The route that does all this.
    pub fn by(self, route: Route) -> Endpoint {
        Endpoint { operation: self, route }
    }

    /// How it can fail that is plain from what it takes, and who may call it.
    fn failures(&self, access: Access) -> impl Iterator<Item = StatusCode> {
        let is_guarded = access != Access::Anybody;
        [
            (is_guarded, StatusCode::UNAUTHORIZED),
            (is_guarded, expired()),
            (is_guarded, StatusCode::TOO_MANY_REQUESTS),
            (true, StatusCode::INTERNAL_SERVER_ERROR),
            (!self.placeholders.is_empty(), StatusCode::NOT_FOUND),
            (self.query.is_some() || self.body.is_some(), StatusCode::BAD_REQUEST),
            (self.body.is_some(), StatusCode::REQUEST_TIMEOUT),
            (self.body.is_some(), StatusCode::PAYLOAD_TOO_LARGE),
            // It is not for everybody, or comes from a web page of another site.
            (is_guarded || !self.method.is_safe(), StatusCode::FORBIDDEN),
        ]
        .into_iter()
        .filter_map(|(can_be, status)| can_be.then_some(status))
    }

    /// Its name for programs: `GET /api/jobs/{id}/tasks` is `get_jobs_id_tasks`.
    fn id(&self) -> String {
        let path = self.path.strip_prefix("/api").unwrap_or(self.path);
        let words = path.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.fold(self.method.as_str().to_ascii_lowercase(), |name, word| format!("{name}_{word}"))
    }
}

/// The routes of the API behind the gate, and that one of their description, `GET /api/openapi.json`.
pub fn with_document(site: &Site, lists: [(Access, Vec<Endpoint>); 3]) -> Route {
    let own = get("/api/openapi.json", "This description of the API");
    let own = own.answers::<Map<String, Value>>(StatusCode::OK);
    let (own_method, own_path) = (own.method.clone(), own.path);
    let (mut operations, mut routes) = (vec![(Access::People, own)], Vec::new());
    for (access, endpoints) in lists {
        for Endpoint { operation, route } in endpoints {
            let Operation { method, path, summary, deed, rehearsal, .. } = &operation;
            let recorder = || Recorder::new(site, deed.unwrap_or(summary), *rehearsal);
            let recorder = (!method.is_safe()).then(recorder);
            routes.push(guarded(access, method, path, ApiError::into_response, recorder, route));
            operations.push((access, operation));
        }
    }
    let document = Arc::new(LazyLock::new(move || document(&operations)));
    let document = warp::any().map(move || Arc::clone(&document));
    let route = endpoint(
        warp::path!("api" / "openapi.json")
            .and(warp::get())
            .and(document)
            .then(async |document: Arc<LazyLock<Value, _>>| -> Answer { Ok(json(&**document)) }),
    );
    routes.push(guarded(Access::People, &own_method, own_path, ApiError::into_response, None, route));
    any_of(routes)
}

fn document(operations: &[(Access, Operation)]) -> Value {
    // What comes in stands where it is taken: under one name, the schemas of what goes out would be in its way.
    let mut taken = SchemaSettings::default()
        .for_deserialize()
        .with(|settings| (settings.inline_subschemas, settings.meta_schema) = (true, None))
        .into_generator();
    let mut answered = SchemaSettings::default()
        .for_serialize()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (access, operation) in operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        let described = describe(operation, *access, &mut taken, &mut answered);
        paths.entry(operation.path).or_default().insert(method, described);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Flamenco Manager",
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "version": VERSION,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": answered.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "An access token; below a Flamenco Server its JWT, too",
                },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": session::COOKIE,
                    "description": "What `POST /api/session` sets",
                },
                "jwt": {
                    "type": "apiKey", "in": "cookie", "name": JWT_COOKIE,
                    "description": "The JWT of the Flamenco Server, where there is one",
                },
            },
        },
    })
}

fn describe(
    operation: &Operation,
    access: Access,
    taken: &mut SchemaGenerator,
    answered: &mut SchemaGenerator,
) -> Value {
    let mut described = json!({
        "operationId": operation.id(),
        "summary": operation.summary,
        "responses": responses(operation, access, answered),
        "security": match access {
            Access::Anybody => json!([]),
            Access::People | Access::Admins => json!([{ "token": [] }, { "session": [] }, { "jwt": [] }]),
        },
    });
    let placeholders = operation.placeholders.iter().map(
        |(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema(taken) }),
    );
    let mut parameters: Vec<_> = placeholders.collect();
    parameters.extend(operation.query.into_iter().flat_map(|schema| query_parameters(&schema(taken))));
    parameters.extend(operation.headers.iter().map(|(name, meaning)| {
        json!({ "name": name, "in": "header", "description": meaning, "schema": { "type": "string" } })
    }));
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(schema) = operation.body {
        described["requestBody"] =
            json!({ "required": true, "content": { JSON: { "schema": schema(taken) } } });
    }
    described
}

fn responses(operation: &Operation, access: Access, answered: &mut SchemaGenerator) -> Map<String, Value> {
    let failure = |status| Described {
        status,
        kind: JSON,
        schema: SchemaGenerator::subschema_for::<documents::ErrorDocument>,
    };
    let failures: Vec<_> = operation.failures(access).map(failure).collect();
    let mut responses = Map::new();
    for Described { status, kind, schema } in operation.answers.iter().chain(&failures) {
        let response = responses.entry(status.as_str()).or_insert_with(
            || json!({ "description": status.canonical_reason().unwrap_or("Token Expired") }),
        );
        if !matches!(*status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            response["content"][kind] = json!({ "schema": schema(answered) });
        }
    }
    responses
}

/// Each field of what stands behind the question mark is a parameter.
fn query_parameters(schema: &Schema) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields
        .map(|(name, schema)| {
            let mut parameter = json!({ "name": name, "in": "query", "required": is_required(name) });
            if let Some(description) = schema.get("description") {
                parameter["description"] = description.clone();
            }
            parameter["schema"] = without_null(schema);
            parameter
        })
        .collect()
}

/// What need not be there may be `null` in JSON, which nobody can say behind a question mark.
fn without_null(schema: &Value) -> Value {
    let other_than =
        |null: Value, kinds: &Value| kinds.as_array()?.iter().find(|kind| **kind != null).cloned();
    let mut schema = schema.clone();
    if let Some(kind) = other_than(json!("null"), &schema["type"]) {
        schema["type"] = kind;
    }
    other_than(json!({ "type": "null" }), &schema["anyOf"]).unwrap_or(schema)
}
