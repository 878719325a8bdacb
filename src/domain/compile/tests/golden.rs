//! All that Flamenco Server 2.3 is known to do with settings.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::*;

/// What Flamenco Server 2.3 does; the file tells what is what.
#[derive(Deserialize)]
struct Golden {
    created: Timestamp,
    worker_task_types: BTreeSet<String>,
    cases: Vec<Case>,
    frames: Vec<FramesVector>,
    merged: Vec<MergedVector>,
    passes: Vec<PassesVector>,
    frames_per_task: Vec<(u64, u64, u32, u64)>,
}

/// Samples, the most of a pass, and the first and the last of each pass.
type PassesVector = (u32, u32, Vec<(u32, u32)>);

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    job_type: String,
    settings: Value,
    tasks: Option<Value>,
    refused: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct FramesVector {
    text: String,
    frames: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct MergedVector {
    frames: Vec<u32>,
    text: String,
    blender: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/fixtures/job-compilers.json")).unwrap()
}

/// Cases of which the tasks are others on purpose: the case, what is wrong with it in 2.x, where, and what is there
/// instead. Deviations in what no case has are the tests named `unlike_2_x_…`.
const DEVIATIONS: &[(&str, &str, &str, &str)] = &[(
    "video/no-audio",
    "the last task moves the file that has the sound, which no task makes: the job fails at its very end",
    "/6/commands/0/settings/src",
    "/render/export/frames/video.mkv",
)];

/// The head of a Python file is ours; what counts is that there is one, and that it has nothing but comments and the
/// import.
fn without_header(mut tasks: Value) -> Value {
    for task in tasks.as_array_mut().unwrap() {
        let Some(contents) = task.pointer_mut("/commands/0/settings/contents") else { continue };
        let (header, lines) = contents.as_str().unwrap().split_once("\n\n").unwrap();
        assert!(header.lines().all(|line| line.starts_with("# ") || line == "import bpy"), "{header}");
        *contents = format!("<header>\n\n{lines}").into();
    }
    tasks
}

#[test]
fn tasks_and_refusals_are_those_of_2_x() {
    let golden = golden();
    let mut deviations = 0;
    for case in golden.cases {
        let result = compile(&Submission {
            job_type: &case.job_type,
            settings: case.settings.as_object().unwrap(),
            created: golden.created,
            time_zone: &TimeZone::UTC,
            worker_task_types: &golden.worker_task_types,
        });
        match (result, case.tasks, case.refused) {
            (Ok(tasks), Some(mut expected), None) => {
                for (_, _, place, instead) in DEVIATIONS.iter().filter(|(name, ..)| *name == case.name) {
                    let changed = expected.pointer_mut(place).unwrap();
                    assert_ne!(*changed, *instead, "{} is no longer a deviation", case.name);
                    *changed = (*instead).into();
                    deviations += 1;
                }
                let tasks = without_header(serde_json::to_value(tasks).unwrap());
                assert_eq!(tasks, expected, "{}", case.name);
            }
            (Err(problems), None, Some(expected)) => {
                let settings: BTreeSet<_> = problems.iter().map(|problem| problem.setting).collect();
                assert_eq!(settings, expected.iter().map(String::as_str).collect(), "{}", case.name);
                assert_eq!(settings.len(), problems.len(), "{}", case.name);
            }
            (result, tasks, _) => panic!("{}: {result:?} instead of {tasks:?}", case.name),
        }
    }
    assert_eq!(deviations, DEVIATIONS.len());
}

#[test]
fn frames_are_read_and_written_as_in_2_x() {
    let golden = golden();
    for FramesVector { text, frames } in golden.frames {
        assert_eq!(frames::parse(&text).ok(), frames, "{text:?}");
    }
    for MergedVector { frames, text, blender } in golden.merged {
        assert_eq!(frames::merge(&frames), text, "{frames:?}");
        assert_eq!(frames::merge_for_blender(&frames), blender, "{frames:?}");
    }
}

#[test]
fn samples_are_divided_as_in_2_x() {
    let golden = golden();
    assert!(golden.passes.len() >= 200);
    for (count, cap, expected) in golden.passes {
        assert_eq!(samples::passes(count, cap), expected, "{count} samples, at most {cap}");
    }
    for (samples_per_task, frames, samples, expected) in golden.frames_per_task {
        let result = samples::frames_per_task(samples_per_task, frames, samples);
        assert_eq!(result, expected, "{samples_per_task} {frames} {samples}");
    }
}
