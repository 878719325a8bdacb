//! The demo's two jobs: a film of 58 tasks in which a few fail and succeed at the next attempt, and a
//! shot that nobody can render. All settings are such that genuine workers can run them too.

use serde_json::{Value, json};

const SEQUENCES: [&str; 3] = ["Dawn", "Noon", "Dusk"];
const FRAMES: u32 = 16;

/// The film's name.
pub(super) const FILM: &str = "Sample film";

/// The jobs in the order of submission. The broken shot has the higher priority, so that it is seen
/// to be given up while the film goes on.
pub(super) fn jobs() -> [Value; 2] {
    [job(FILM, 50, &film_tasks()), job("Broken shot", 60, &broken_tasks())]
}

fn job(name: &str, priority: u32, tasks: &[Value]) -> Value {
    json!({ "name": name, "priority": priority, "job_type": "demo", "tasks": tasks })
}

/// Each sequence: prepare, then its frames, then merge, then video; at the end one film of all.
fn film_tasks() -> Vec<Value> {
    let mut tasks: Vec<Value> = SEQUENCES.into_iter().flat_map(sequence_tasks).collect();
    let videos: Vec<String> = SEQUENCES.iter().map(|sequence| format!("{sequence}: video")).collect();
    tasks.push(task("Film", "video-encoding", 1.2, 0, &videos));
    tasks
}

fn sequence_tasks(sequence: &str) -> Vec<Value> {
    let named = |part: &str| format!("{sequence}: {part}");
    // Bad luck for so few tasks of each type that no good worker is blacklisted for it.
    let bad_luck = |part: &str| {
        u32::from(["Dawn: frame 5", "Dusk: frame 11", "Noon: merge"].contains(&named(part).as_str()))
    };
    let mut tasks = vec![task(&named("prepare"), "file-management", 0.8, 0, &[])];
    let mut frames = Vec::new();
    for frame in 1..=FRAMES {
        let part = format!("frame {frame}");
        let seconds = 1.4 + 0.2 * f64::from(frame % 5);
        tasks.push(task(&named(&part), "blender-render", seconds, bad_luck(&part), &[named("prepare")]));
        frames.push(named(&part));
    }
    tasks.push(task(&named("merge"), "exr-merge", 1.0, bad_luck("merge"), &frames));
    tasks.push(task(&named("video"), "video-encoding", 1.2, 0, &[named("merge")]));
    tasks
}

fn task(name: &str, task_type: &str, seconds: f64, fail_times: u32, parents: &[String]) -> Value {
    let mut sleep = json!({ "time_in_seconds": seconds });
    if fail_times > 0 {
        sleep["fail_times"] = fail_times.into();
    }
    json!({
        "name": name,
        "task_type": task_type,
        "commands": [
            { "name": "echo", "settings": { "message": format!("Working on {name}") } },
            { "name": "sleep", "settings": sleep },
        ],
        "parents": parents,
    })
}

/// A task that fails wherever it is tried, and one that waits for it in vain.
fn broken_tasks() -> Vec<Value> {
    let convert = json!({
        "name": "Convert a broken file",
        "task_type": "file-management",
        "commands": [{ "name": "exec", "settings": { "cmd": "false" } }],
    });
    vec![convert, task("Render it", "blender-render", 1.0, 0, &["Convert a broken file".to_owned()])]
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn there_are_60_tasks_and_each_comes_after_its_parents() {
        let mut count = 0;
        for job in jobs() {
            let mut names = HashSet::new();
            for task in job["tasks"].as_array().unwrap() {
                for parent in task["parents"].as_array().into_iter().flatten() {
                    assert!(names.contains(parent), "{task}");
                }
                assert!(names.insert(&task["name"]), "{task}");
                count += 1;
            }
        }
        assert_eq!(count, 60);
    }

    #[test]
    fn bad_luck_alone_blacklists_nobody() {
        let mut failures = HashMap::<String, u64>::new();
        for task in film_tasks() {
            let task_type = task["task_type"].as_str().unwrap().to_owned();
            *failures.entry(task_type).or_default() +=
                task["commands"][1]["settings"]["fail_times"].as_u64().unwrap_or(0);
        }
        assert_eq!(failures.values().sum::<u64>(), 3);
        assert!(failures.values().all(|&count| count < 3), "{failures:?}");
    }
}
