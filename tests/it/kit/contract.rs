//! The API's document as a contract: what is called and what is answered is held against it in every story.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method, StatusCode, header};
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::TestManager;

/// What the document says, with its schemas made ready.
pub struct Contract {
    operations: Vec<Operation>,
    /// What is said to whom no operation serves.
    error: Validator,
}

struct Operation {
    method: Method,
    path: String,
    parameters: BTreeSet<String>,
    request: Option<Validator>,
    /// By status and media type; no media type for an answer without a body.
    answers: BTreeMap<u16, BTreeMap<String, Validator>>,
}

/// The contract of the Manager that is tested.
pub async fn contract() -> &'static Contract {
    static CONTRACT: OnceCell<Contract> = OnceCell::const_new();
    CONTRACT
        .get_or_init(async || {
            let m = TestManager::start().await;
            let document = m.door.unchecked(Method::GET, "/api/openapi.json", &[], "").await.unwrap();
            Contract::new(&document.json())
        })
        .await
}

/// Is this an address that the document has to know?
pub fn is_of_api(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/metrics")
}

impl Contract {
    pub fn new(document: &Value) -> Self {
        let mut components = document["components"].clone();
        close(&mut components);
        let ready = |schema: &Value| {
            let mut schema = schema.clone();
            schema["components"] = components.clone();
            jsonschema::draft202012::new(&schema).unwrap()
        };
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                operations.push(Operation::new(method, path, described, &ready));
            }
        }
        Self { operations, error: ready(&json!({ "$ref": "#/components/schemas/Error" })) }
    }

    /// What must come back for this call, going by the status and the headers that came. Nothing of the body is needed for
    /// that: it may be a stream without end.
    pub fn expected(
        &self,
        method: &Method,
        path_and_query: &str,
        request: &[u8],
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<&Validator>, String> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let at_path = self.at(path);
        // A HEAD is answered like a GET, without the body.
        let only_head = method == Method::HEAD;
        let described = if only_head { &Method::GET } else { method };
        let Some(operation) = at_path.iter().find(|operation| operation.method == *described) else {
            let fitting: &[u16] = if at_path.is_empty() { &[404, 403] } else { &[405, 403] };
            return if fitting.contains(&status.as_u16()) {
                Ok(Some(&self.error).filter(|_| !only_head))
            } else {
                Err(format!("is answered with {status} and not described"))
            };
        };
        let answers = operation.answers.get(&status.as_u16());
        let answers = answers.ok_or_else(|| format!("does not say that it answers {status}"))?;
        if status.is_success() {
            operation.has_taken(query, request)?;
        }
        let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap());
        match (kind, answers.is_empty()) {
            (None, true) => Ok(None),
            (Some(kind), false) if answers.contains_key(kind) => {
                Ok(Some(&answers[kind]).filter(|_| kind == "application/json" && !only_head))
            }
            _ => Err(format!("does not say that it answers {status} with {kind:?}")),
        }
    }

    /// The operations at this path. One that is named is meant before one with a placeholder.
    fn at(&self, path: &str) -> Vec<&Operation> {
        let fitting: Vec<_> =
            self.operations.iter().filter(|operation| is_at(&operation.path, path)).collect();
        let named: Vec<_> = fitting.iter().copied().filter(|operation| operation.path == path).collect();
        if named.is_empty() { fitting } else { named }
    }
}

impl Operation {
    fn new(method: &str, path: &str, described: &Value, ready: &impl Fn(&Value) -> Validator) -> Self {
        let kinds = |content: &Value| -> BTreeMap<String, Validator> {
            let kinds = content.as_object().into_iter().flatten();
            kinds.map(|(kind, content)| (kind.clone(), ready(&content["schema"]))).collect()
        };
        let answers = described["responses"].as_object().unwrap();
        let parameters = described["parameters"].as_array().into_iter().flatten();
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            parameters: parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect(),
            request: kinds(&described["requestBody"]["content"]).remove("application/json"),
            answers: answers
                .iter()
                .map(|(status, answer)| (status.parse().unwrap(), kinds(&answer["content"])))
                .collect(),
        }
    }

    /// Whatever is taken is described.
    fn has_taken(&self, query: &str, request: &[u8]) -> Result<(), String> {
        let query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
        if let Some((name, _)) = query.iter().find(|(name, _)| !self.parameters.contains(name)) {
            return Err(format!("does not say that it takes {name}"));
        }
        match &self.request {
            Some(schema) => {
                verify(schema, request).map_err(|why| format!("has taken a body that it must not: {why}"))
            }
            None => Ok(()),
        }
    }
}

/// Holds a body against its schema.
pub fn verify(schema: &Validator, body: &[u8]) -> Result<(), String> {
    let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let problems: Vec<_> =
        schema.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// Is `path` one of those that `pattern`, with `{placeholders}`, stands for?
fn is_at(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    pattern.split('/').all(|wanted| path.next().is_some_and(|part| wanted.starts_with('{') || part == wanted))
        && path.next().is_none()
}

/// Answers may gain fields in later versions, so the document is open to them; here whatever is not described is an error.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(schema) => {
            let has_fields = schema.contains_key("properties");
            if has_fields && !schema.contains_key("additionalProperties") {
                schema.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            for (key, part) in schema {
                // The alternatives of an object with more fields: it is closed as a whole.
                if !(has_fields && ["oneOf", "anyOf", "allOf"].contains(&key.as_str())) {
                    close(part);
                }
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(close),
        _ => {}
    }
}
