//! What holds for any settings.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample};
use serde_json::json;

use super::{super::*, progressive, render, sleep, submit, video, with};

/// Values that settings have, or nearly have, or should not have.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..50_i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[-0-9,]{0,8}".prop_map(Value::from),
        "[/.#a]{0,8}(######)?(\\.blend)?".prop_map(Value::from),
        sample::select(vec!["images", "video", "EXR", ".png", "{blender}"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Value::from))
}

/// A job type with settings that are fine, and its frames.
fn fine_job() -> impl Strategy<Value = (&'static str, Value, Vec<u32>)> {
    let numbers = (1..9_u32, 2..90_u32, 1..40_u32, any::<bool>());
    let frames =
        prop_oneof![vec(0..60_u32, 1..20), (0..2_u32, 0..60_u32).prop_map(|(a, n)| (a..=a + n).collect())];
    (0..4_usize, numbers, frames).prop_map(|(kind, (chunk_size, count, cap, flag), mut frames)| {
        frames.sort_unstable();
        frames.dedup();
        let (job_type, settings) = [
            ("blender-render", with(render(), "preview_first", flag)),
            ("blender-render-progressive", progressive()),
            ("blender-video-chunks", with(video(), "extract_audio", flag)),
            ("sleep", sleep()),
        ][kind]
            .clone();
        let settings = with(with(settings, "chunk_size", chunk_size), "frames", frames::merge(&frames));
        let settings = with(with(settings, "cycles_sample_count", count), "cycles_sample_cap", cap);
        let overrides = if flag { json!(["x = 1"]) } else { json!(null) };
        (job_type, with(settings, "rna_overrides", overrides), frames)
    })
}

/// The frames of all tasks that render, in order; those of a progressive render once for each sample.
fn rendered(tasks: &[CompiledTask]) -> Vec<u32> {
    let mut all = Vec::new();
    for command in tasks.iter().flat_map(|task| &task.commands) {
        let times = match command.name {
            "blender_render" => 1,
            "blender_render_progressive" => {
                let number = |name| command.settings[name].as_u64().unwrap();
                number("cycles_chunk_end") - number("cycles_chunk_start") + 1
            }
            _ => continue,
        };
        let frames = command.settings["frames"].as_str().unwrap().replace("..", "-");
        (0..times).for_each(|_| all.extend(frames::parse(&frames).unwrap()));
    }
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_settings_make_it_panic(kind in 0..5_usize, change in vec((0..12_usize, any_value()), 0..4)) {
        let job_type = &job_types()[kind];
        let mut settings = [render(), progressive(), video(), json!({"cmd": "echo it"}), sleep()][kind].clone();
        for (index, value) in change {
            settings[job_type.settings[index % job_type.settings.len()].name] = value;
        }
        match submit(job_type.name, &settings) {
            Ok(tasks) => prop_assert!(tasks.len() <= MAX_TASKS),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn tasks_wait_only_for_those_before_them_and_have_names_of_their_own((job_type, settings, _) in fine_job()) {
        let tasks = submit(job_type, &settings).unwrap();
        let mut names = BTreeSet::new();
        for (index, task) in tasks.iter().enumerate() {
            prop_assert!(task.parents.iter().all(|parent| *parent < index));
            let parents: BTreeSet<_> = task.parents.iter().collect();
            prop_assert_eq!(parents.len(), task.parents.len());
            // As in 2.x, the previews of all passes have the same name.
            prop_assert!(names.insert(&task.name) || task.name.starts_with("create-preview-"), "{}", task.name);
        }
    }

    #[test]
    fn each_frame_is_rendered_exactly_once((job_type, settings, frames) in fine_job()) {
        let times = match job_type {
            "blender-render-progressive" => settings["cycles_sample_count"].as_u64().unwrap(),
            "sleep" => 0,
            _ => 1,
        };
        let mut expected: Vec<_> = (0..times).flat_map(|_| frames.iter().copied()).collect();
        expected.sort_unstable();
        prop_assert_eq!(rendered(&submit(job_type, &settings).unwrap()), expected);
    }

    #[test]
    fn two_samples_are_enough_for_two_passes(count in 2..5000_u32, cap in 1..5000_u32) {
        prop_assert!(samples::passes(count, cap).len() >= 2);
    }
}
