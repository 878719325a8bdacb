//! Finds workers by what people call them.

use serde_json::Value;

use super::{
    Failure,
    args::WorkerName,
    client::{CallError, Client},
};
use crate::domain::ids::WorkerId;

/// The workers of the farm, as far as it must be known who they are.
pub struct Crew(Vec<Value>);

impl Crew {
    /// Asks the Manager, if there is a nickname among the names.
    pub fn of(manager: &Client, names: &[WorkerName]) -> Result<Self, CallError> {
        if names.iter().all(|name| matches!(name, WorkerName::Id(_))) {
            return Ok(Self(Vec::new()));
        }
        let workers = manager.get("/api/workers")?["workers"].take();
        Ok(Self(workers.as_array().cloned().unwrap_or_default()))
    }

    /// The worker who is called so, if it is the only one.
    pub fn find(&self, name: &WorkerName) -> Result<WorkerId, Failure> {
        let nickname = match name {
            WorkerName::Id(id) => return Ok(*id),
            WorkerName::Nickname(nickname) => nickname,
        };
        let called_so = self.0.iter().filter(|worker| worker["nickname"] == nickname.as_str());
        let ids: Vec<WorkerId> =
            called_so.filter_map(|worker| worker["_id"].as_str()?.parse().ok()).collect();
        match ids[..] {
            [id] => Ok(id),
            [] => Err(Failure::new(format!(
                "no worker has the ID or the nickname {nickname:?}; `flamenco-manager worker list` shows all"
            ))),
            _ => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                Err(Failure::new(format!(
                    "{} workers have the nickname {nickname:?}; name the right one by its ID: {}",
                    ids.len(),
                    ids.join(", ")
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nickname_is_enough_if_only_one_worker_has_it() {
        let [anna, bo, other_bo] = ["a", "b", "c"].map(|sign| sign.repeat(24));
        let worker = |id: &str, nickname: &str| json!({"_id": id, "nickname": nickname});
        let crew = Crew(vec![worker(&anna, "anna"), worker(&bo, "bo"), worker(&other_bo, "bo")]);
        let find = |name: &str| match crew.find(&name.parse().unwrap()) {
            Ok(id) => Ok(id.to_string()),
            Err(Failure(why)) => Err(why),
        };
        assert_eq!(find("anna"), Ok(anna));
        assert_eq!(find(&other_bo), Ok(other_bo.clone()));
        let why = find("bo").unwrap_err();
        assert!(why.contains(&bo) && why.contains(&other_bo), "{why}");
        let why = find("Anna").unwrap_err();
        assert!(why.contains("\"Anna\"") && why.contains("worker list"), "{why}");
    }
}
