//! What went wrong, by the log of a task: the one line of it that says so.

/// As many characters of a line are shown.
const LONGEST: usize = 300;

/// Words that make a line one about an error.
const WORDS: [&str; 12] = [
    "error",
    "exception",
    "traceback",
    "fatal",
    "cannot",
    "can't",
    "couldn't",
    "unable",
    "failed",
    "failure",
    "segfault",
    "aborted",
];

/// The same for what programs say without one of those words.
const PHRASES: [&str; 7] = [
    "no such file or directory",
    "permission denied",
    "out of memory",
    "segmentation fault",
    "no space left on device",
    "invalid data found",
    "unknown encoder",
];

/// The first line of a log that looks like an error, without what the worker puts before it; of a Python traceback the line
/// that names the exception. If none does, the last line that says anything: the program went silently.
pub fn error_line(log: &str) -> Option<String> {
    let mut lines = log.lines().map(without_prefix);
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("Traceback (most recent call last)") {
            let exception = lines.find(|line| !line.starts_with(char::is_whitespace) && !line.is_empty());
            return Some(cut(exception.unwrap_or(line)));
        }
        if is_error(line) {
            return Some(cut(line));
        }
    }
    log.lines().map(without_prefix).rfind(|line| !line.trim().is_empty()).map(cut)
}

/// A line without its time, and without the process that printed it: `2026-11-21T19:20:14.339723+00:00: pid=123 > text`.
fn without_prefix(line: &str) -> &str {
    let timed = line.split_once(": ").filter(|(time, _)| is_time(time));
    let text = timed.map_or(line, |(_, text)| text);
    let printed = text.strip_prefix("pid=").and_then(|text| text.split_once(" > "));
    printed.filter(|(pid, _)| pid.bytes().all(|byte| byte.is_ascii_digit())).map_or(text, |(_, text)| text)
}

fn is_time(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte);
    text.len() >= "2026-11-21T19:20:14Z".len() && text.as_bytes()[10] == b'T' && text.bytes().all(is_part)
}

fn is_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    if PHRASES.iter().any(|phrase| lower.contains(phrase)) {
        return true;
    }
    // Names of files and of settings are one word each, so that `error_pass.exr` is no error.
    let is_part = |sign: char| sign.is_alphanumeric() || "_-./\\'".contains(sign);
    let words: Vec<_> = line
        .split(|sign| !is_part(sign))
        .map(|word| word.trim_matches(['.', '-', '\'']))
        .filter(|word| !word.is_empty())
        .collect();
    if words.iter().any(|word| word.eq_ignore_ascii_case("warning")) {
        return false;
    }
    words.iter().enumerate().any(|(place, word)| {
        let before = place.checked_sub(1).map(|before| words[before]).unwrap_or_default();
        let behind = words.get(place + 1).copied().unwrap_or_default();
        let is_denied =
            ["no", "0", "without"].iter().any(|no| before.eq_ignore_ascii_case(no)) || behind == "0";
        !is_denied && names_an_error(word)
    })
}

/// Is it one of the words, or the name of an exception: `ValueError`, `EXCEPTION_ACCESS_VIOLATION`?
fn names_an_error(word: &str) -> bool {
    let is_name = word.ends_with("Error") || word.ends_with("Exception") || word.starts_with("EXCEPTION_");
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)) || is_name && !word.contains(['/', '\\'])
}

fn cut(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: &str = "2026-11-21T19:20:14Z: Manager assigned task 5c7d to worker 127.0.0.1 (ada)\n\
        2026-11-21T19:20:14.339723+00:00: Starting Blender...\n\
        2026-11-21T19:20:15+00:00: pid=4711 > Blender 4.2.1 LTS (hash 396f546c9d82 built 2024-08-19 10:21:06)\n";

    fn line_of(log: &str) -> String {
        error_line(&format!("{BEGIN}{log}")).unwrap()
    }

    #[test]
    fn what_blender_says_of_a_missing_file_is_found_before_what_follows_from_it() {
        let log = "2026-11-21T19:20:15.1+00:00: pid=4711 > Warning: unable to read the add-on list\n\
            2026-11-21T19:20:15.2+00:00: pid=4711 > Read blend: /shots/error_pass/failed.blend\n\
            2026-11-21T19:20:15.3+00:00: pid=4711 > Error: Cannot read file \"/shots/a.blend\": No such file or directory\n\
            2026-11-21T19:20:15.4+00:00: pid=4711 > Blender quit\n\
            2026-11-21T19:20:15.5+00:00: blender_render.(task_id=5c7d, command_idx=0): Error executing: Command exited with 1\n";
        assert_eq!(line_of(log), "Error: Cannot read file \"/shots/a.blend\": No such file or directory");
    }

    #[test]
    fn of_a_traceback_the_exception_is_shown() {
        let printed = "2026-11-21T19:20:15+00:00: pid=4711 > Traceback (most recent call last):\n\
            2026-11-21T19:20:15+00:00: pid=4711 >   File \"<string>\", line 1, in <module>\n\
            2026-11-21T19:20:15+00:00: pid=4711 >     raise RuntimeError()\n\
            2026-11-21T19:20:15+00:00: pid=4711 > AttributeError: 'NoneType' object has no attribute 'cycles'\n";
        assert_eq!(line_of(printed), "AttributeError: 'NoneType' object has no attribute 'cycles'");
        // That of the worker itself is one entry of the log.
        let own = "2026-11-21T19:20:15+00:00: Traceback (most recent call last):\n  File \"worker.py\", line 7, in run\n    \
            self.fail()\nOSError: [Errno 28] No space left on device\n";
        assert_eq!(line_of(own), "OSError: [Errno 28] No space left on device");
        assert_eq!(
            line_of("Traceback (most recent call last):\n  File \"x"),
            "Traceback (most recent call last):"
        );
    }

    #[test]
    fn what_ffmpeg_says_is_found() {
        let head = "2026-11-21T19:20:15+00:00: pid=12 > ffmpeg version 7.1 Copyright (c) 2000-2024 the FFmpeg developers\n\
            2026-11-21T19:20:15+00:00: pid=12 >   configuration: --enable-gpl --disable-error-resilience\n";
        for (said, shown) in [
            ("[in#0 @ 0x55] Error opening input: Invalid data found when processing input", ""),
            ("/render/000001.png: No such file or directory", ""),
            ("[vost#0:0 @ 0x5d] Unknown encoder 'libx265'", ""),
            ("frame=   12 fps=0.0 q=0.0 errors: 0\npid=12 > Conversion failed!", "Conversion failed!"),
        ] {
            let shown = if shown.is_empty() { said } else { shown };
            assert_eq!(line_of(&format!("{head}2026-11-21T19:20:16+00:00: pid=12 > {said}\n")), shown);
        }
    }

    #[test]
    fn crashes_are_found() {
        for crash in [
            "Error   : EXCEPTION_ACCESS_VIOLATION",
            "ExceptionCode         : EXCEPTION_ACCESS_VIOLATION",
            "Segmentation fault (core dumped)",
            "CUDA error: Out of memory in cuMemAlloc_v2(&device_pointer, size)",
            "echo.(task_id=5c7d, command_idx=0): Invalid settings: message must be a string, fatal",
        ] {
            assert_eq!(line_of(crash), crash);
        }
    }

    #[test]
    fn harmless_lines_are_passed_over_and_without_an_error_the_last_line_is_shown() {
        let log = "2026-11-21T19:20:15+00:00: pid=4711 > Fra:1 Mem:12.3M | Rendering 64 / 64 samples, 0 errors, no error\n\
            2026-11-21T19:20:15+00:00: pid=4711 > Saved: '/render/terror/error.exr'\n\
            2026-11-21T19:20:15+00:00: pid=4711 > Warning: cannot find the texture wood.png\n\
            2026-11-21T19:20:19+00:00: pid=4711 > bye\n\n  \n";
        assert_eq!(line_of(log), "bye");
        assert_eq!(error_line(" \n\n"), None);
        assert_eq!(error_line(""), None);
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let line = error_line(&format!("Error: {}", "ö".repeat(1000))).unwrap();
        assert_eq!(line.chars().count(), LONGEST + 1);
        assert!(line.ends_with("ö…"));
    }

    proptest! {
        #[test]
        fn whatever_a_log_holds_one_of_its_lines_is_shown(log in "(?s).{0,200}") {
            match error_line(&log) {
                Some(line) => prop_assert!(log.contains(line.trim_end_matches('…'))),
                None => prop_assert!(log.trim().is_empty() || log.lines().all(|line| without_prefix(line).trim().is_empty())),
            }
        }
    }
}
