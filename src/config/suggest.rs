//! What a misspelt key may have meant.

use std::collections::BTreeSet;

/// The end of the message about the unknown key `path`: which of the `known` ones is close, if one is.
pub(super) fn hint(path: &str, known: &BTreeSet<String>) -> String {
    let (section, name) = split(path);
    let sought = plain(name);
    // A few slips are forgiven, and fewer in a short name.
    let farthest = sought.len() / 3;
    let nearest = known
        .iter()
        .map(|key| (distance(&sought, &plain(split(key).1)), split(key).0 != section, key))
        .filter(|(distance, ..)| *distance <= farthest)
        .min();
    match nearest {
        None => String::new(),
        Some((_, false, key)) => format!("; did you mean {key}?"),
        Some((_, true, key)) => match split(key).0 {
            "" => format!("; did you mean {key}? It belongs above the first [section]"),
            section => format!("; did you mean {} in [{section}]?", split(key).1),
        },
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// `fileStorePath`, `file-store-path` and `file_store_path` are meant to be the same.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], "")
}

/// How many letters must be added, dropped or changed to make one text the other (Levenshtein's distance).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for letter in one.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (index, target) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *target);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_for(path: &str) -> String {
        let known = ["listen", "listen_https", "task_logs_path", "shaman.file_store_path", "shaman.enabled"];
        hint(path, &known.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        assert_eq!(hint_for("lisen"), "; did you mean listen?");
        assert_eq!(hint_for("listen_http"), "; did you mean listen_https?");
        assert_eq!(hint_for("shaman.fileStorePath"), "; did you mean shaman.file_store_path?");
    }

    #[test]
    fn a_key_in_the_wrong_place_is_shown_its_place() {
        let expected = "; did you mean task_logs_path? It belongs above the first [section]";
        assert_eq!(hint_for("shaman.task_logs_path"), expected);
        assert_eq!(hint_for("file_store_path"), "; did you mean file_store_path in [shaman]?");
    }

    #[test]
    fn nothing_is_suggested_when_nothing_is_close() {
        assert_eq!(hint_for("colour"), "");
        assert_eq!(hint_for("x"), "");
        assert_eq!(hint_for(""), "");
    }

    #[test]
    fn the_distance_counts_letters_added_dropped_and_changed() {
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
