//! Reading logs of all sizes and shapes.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::domain::ids::{JobId, TaskId};
use crate::tasklogs::TaskLogs;

const JOB: JobId = JobId([0xab; 12]);
const TASK: TaskId = TaskId([0x17; 12]);

fn log_of(content: &[u8]) -> (tempfile::TempDir, LogFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.txt");
    fs::write(&path, content).unwrap();
    let log = LogFile::open(&path, false).unwrap().unwrap();
    (folder, log)
}

/// A log of two members, as one that was compressed in two goes.
fn compressed_log_of(content: &[u8]) -> (tempfile::TempDir, LogFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.txt.gz");
    let mut file = File::create(&path).unwrap();
    for half in [&content[..content.len() / 2], &content[content.len() / 2..]] {
        let mut member = GzEncoder::new(&mut file, Compression::fast());
        member.write_all(half).unwrap();
        member.finish().unwrap();
    }
    let log = LogFile::open(&path, true).unwrap().unwrap();
    (folder, log)
}

fn excerpt(content: &[u8]) -> Vec<u8> {
    let (_folder, log) = log_of(content);
    log.head_and_tail().unwrap()
}

fn tail(content: &str, count: usize) -> String {
    let (_folder, log) = log_of(content.as_bytes());
    String::from_utf8(log.tail_lines(count).unwrap()).unwrap()
}

/// `count` numbered lines of ten bytes.
fn numbered_lines(count: usize) -> String {
    (0..count).fold(String::new(), |log, line| log + &format!("line {line:04}\n"))
}

#[test]
fn the_plain_log_is_found_first_and_the_compressed_one_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let logs = TaskLogs::new(folder.path().to_owned());
    assert!(logs.find(JOB, TASK).unwrap().is_none());

    logs.append(JOB, TASK, "text").unwrap();
    let plain = logs.path(JOB, TASK);
    let compressed = plain.with_extension("txt.gz");
    fs::copy(&plain, &compressed).unwrap();
    let found = logs.find(JOB, TASK).unwrap().unwrap();
    assert!(!found.is_compressed());
    assert_eq!(found.path(), plain);

    fs::remove_file(&plain).unwrap();
    let found = logs.find(JOB, TASK).unwrap().unwrap();
    assert!(found.is_compressed());
    assert_eq!(found.path(), compressed);
}

#[test]
fn an_open_log_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let logs = TaskLogs::new(folder.path().to_owned());
    logs.append(JOB, TASK, "first").unwrap();
    let log = logs.find(JOB, TASK).unwrap().unwrap();
    logs.append(JOB, TASK, "second").unwrap();
    logs.rotate(JOB, TASK).unwrap();
    logs.append(JOB, TASK, "third").unwrap();
    let mut text = String::new();
    log.into_text().read_to_string(&mut text).unwrap();
    assert_eq!(text, "first\n");
}

#[test]
fn a_log_below_15_kib_is_shown_whole() {
    let short = vec![b'x'; 15 * 1024 - 1];
    assert_eq!(excerpt(&short), short);
    assert_eq!(excerpt(b""), b"");
    assert!(log_of(&short).1.is_short());
    assert!(!log_of(&vec![b'x'; 15 * 1024]).1.is_short());
}

#[test]
fn of_a_longer_one_the_middle_is_left_out() {
    let log = numbered_lines(3000);
    let shown = String::from_utf8(excerpt(log.as_bytes())).unwrap();
    let (head, rest) = shown.split_once("...\n\n").unwrap();
    let (note, tail) = rest.split_once("\n\n").unwrap();
    assert_eq!(head, &log[..5 * 1024]);
    // 10,240 bytes are exactly 1,024 lines.
    assert_eq!(tail, &log[30_000 - 10 * 1024..]);
    assert!(tail.starts_with("line 1976\n"));
    assert_eq!(note, "... Skipped 14640 bytes, use Wget or curl to download the entire log ...");
}

#[test]
fn the_end_starts_with_a_whole_line() {
    let log = numbered_lines(3000) + "the end, without a newline";
    let shown = String::from_utf8(excerpt(log.as_bytes())).unwrap();
    let (_, tail) = shown.rsplit_once("\n\n").unwrap();
    assert!(tail.starts_with("line 1979\n"), "{}", &tail[..20]);
    assert!(tail.ends_with("\nthe end, without a newline"));
}

#[test]
fn one_huge_line_is_cut_between_characters() {
    for before in ["", "x", "xx"] {
        let log = format!("{before}{}\n", "\u{20ac}".repeat(10_000));
        let shown = String::from_utf8(excerpt(log.as_bytes())).expect("no character is cut");
        let (_, tail) = shown.split_once("\n\n... Skipped ").unwrap();
        assert!(tail.len() > 10_000, "the end of the line is shown");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_shown_as_they_are() {
    for byte in [0x80, 0xff, 0xe2] {
        let shown = excerpt(&vec![byte; 20_000]);
        assert!(shown.len() > 15_000, "{byte:x}: {}", shown.len());
    }
}

#[test]
fn the_last_lines_come_from_the_end() {
    let log = numbered_lines(20_000);
    for count in [0, 1, 10, 6_000, 9_999, 20_000, 30_000] {
        let last: usize = log.lines().rev().take(count).map(|line| line.len() + 1).sum();
        assert_eq!(tail(&log, count), log[log.len() - last..], "{count} lines");
    }
}

#[test]
fn a_last_line_without_a_newline_is_a_line() {
    assert_eq!(tail("a\nb\nc", 2), "b\nc");
    assert_eq!(tail("a\nb\nc\n", 2), "b\nc\n");
    assert_eq!(tail("a\n\n\n", 2), "\n\n");
    assert_eq!(tail("", 2), "");
    assert_eq!(tail("\n", 1), "\n");
}

#[test]
fn the_last_lines_are_bounded_however_long_they_are() {
    let log = format!("first line\n{}\n", "x".repeat(9 << 20));
    let last = tail(&log, 10);
    assert_eq!(last.len(), 8 << 20);
    assert!(last.ends_with("xxx\n"));
}

#[test]
fn a_compressed_log_is_read_through_all_its_members() {
    let content = numbered_lines(1000);
    let (_folder, log) = compressed_log_of(content.as_bytes());
    let mut text = String::new();
    log.into_text().read_to_string(&mut text).unwrap();
    assert_eq!(text, content);

    let (_folder, log) = compressed_log_of(content.as_bytes());
    assert_eq!(log.tail_lines(2).unwrap(), b"line 0998\nline 0999\n");
}

#[test]
fn the_last_lines_of_a_huge_compressed_log_are_bounded() {
    let content = "a line of text\n".repeat(2 << 20);
    let (_folder, log) = compressed_log_of(content.as_bytes());
    let lines = log.tail_lines(usize::MAX).unwrap();
    assert!(lines.len() <= 8 << 20 && lines.len() > 8_000_000, "{}", lines.len());
    assert!(lines.starts_with(b"a line of text\na line"));
}

#[test]
fn what_is_no_gzip_is_an_error_that_names_the_file() {
    let (_folder, log) = log_of(b"not compressed");
    let log = LogFile { compressed: true, ..log };
    let error = log.tail_lines(10).unwrap_err().to_string();
    assert!(error.contains("log.txt"), "{error}");
}

#[test]
fn the_server_gets_the_last_ten_lines_of_the_stripped_text() {
    assert_eq!(last_lines("", 10), "");
    assert_eq!(last_lines(" \r\n ", 10), "");
    assert_eq!(last_lines("one", 10), "one\n");
    assert_eq!(last_lines("\n one\r\ntwo\n\n", 10), "one\r\ntwo\n");
    let numbers =
        |range: std::ops::RangeInclusive<u32>| range.fold(String::new(), |text, n| format!("{text}{n}\n"));
    assert_eq!(last_lines(&numbers(1..=10), 10), numbers(1..=10));
    assert_eq!(last_lines(&numbers(1..=11), 10), numbers(2..=11));
    assert_eq!(last_lines("gr\u{fc}n\nbl\u{e5}\n", 1), "bl\u{e5}\n");
}

#[test]
fn of_a_long_log_both_ends_are_read_and_a_short_one_whole() {
    let (few, many) = (numbered_lines(100), numbered_lines(20_000));
    let both = |content: &str, compressed: bool| {
        let (_folder, log) =
            if compressed { compressed_log_of(content.as_bytes()) } else { log_of(content.as_bytes()) };
        String::from_utf8(log.both_ends().unwrap()).unwrap()
    };
    for compressed in [false, true] {
        assert_eq!(both(&few, compressed), few);
        let ends = both(&many, compressed);
        assert!(ends.starts_with("line 0000\nline 0001\n") && ends.ends_with("line 19998\nline 19999\n"));
        assert!(size(ends.len()) <= 2 * END + 1 && size(ends.len()) > 2 * END - 100, "{}", ends.len());
        // The second part begins with a whole line.
        let (_, second) = ends.split_at(usize::try_from(END).unwrap());
        assert!(second.starts_with("\nline "));
    }
}
