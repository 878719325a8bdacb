//! Frames as people write them, `1-10,20,30-40`, and back (`server-protocol.md`, section 3.2).

/// The most frames that one setting may name. A film of eleven hours has fewer.
pub const MAX_FRAMES: usize = 1_000_000;

/// The last frame that Blender knows.
pub const LAST_FRAME: u32 = 1_048_574;

/// Why a text names no frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramesError {
    /// A piece between two commas is neither a frame nor a range.
    #[error(
        "{0:?} is neither a frame nor a range; frames are written like 1-10,20,30-40, and none is below 0"
    )]
    Malformed(String),
    /// There is nothing between two commas, or at the end.
    #[error("there is a comma too many; frames are written like 1-10,20,30-40")]
    NothingBetweenCommas,
    /// The second frame of a range is before its first.
    #[error("the range {0:?} ends before it begins; write the lower frame first")]
    Backwards(String),
    /// A frame that Blender does not have.
    #[error("{0:?} is beyond {LAST_FRAME}, the last frame that Blender has")]
    BeyondLast(String),
    /// More than [`MAX_FRAMES`].
    #[error("these are more than {MAX_FRAMES} frames; make several jobs of them")]
    TooMany,
}

/// The frames that `text` names, in ascending order. One that is named twice is there twice, as in 2.x. An empty
/// text names none.
///
/// Two things are refused that 2.x left out in silence, so that it never rendered them: `10-1`, and `1-2-3`.
pub fn parse(text: &str) -> Result<Vec<u32>, FramesError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut frames = Vec::new();
    for part in text.split(',') {
        let (first, last) = range(part.trim())?;
        let count = (last - first) as usize + 1;
        if frames.len() + count > MAX_FRAMES {
            return Err(FramesError::TooMany);
        }
        frames.extend(first..=last);
    }
    frames.sort_unstable();
    Ok(frames)
}

/// The first and the last frame of `5` or `1-10`.
fn range(part: &str) -> Result<(u32, u32), FramesError> {
    if part.is_empty() {
        return Err(FramesError::NothingBetweenCommas);
    }
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (frame(first, part)?, frame(last, part)?);
    if last < first {
        return Err(FramesError::Backwards(shortened(part)));
    }
    Ok((first, last))
}

fn frame(number: &str, part: &str) -> Result<u32, FramesError> {
    let number = number.trim();
    let digits = number.strip_prefix('+').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|sign| sign.is_ascii_digit()) {
        return Err(FramesError::Malformed(shortened(part)));
    }
    let frame = digits.parse().ok().filter(|frame| *frame <= LAST_FRAME);
    frame.ok_or_else(|| FramesError::BeyondLast(shortened(part)))
}

fn shortened(part: &str) -> String {
    part.chars().take(40).collect()
}

/// `frames`, in ascending order, as people write them: `1-3,7,8`. Two neighbours are no range.
pub fn merge(frames: &[u32]) -> String {
    merge_with("-", frames)
}

/// `frames`, in ascending order, as Blender takes them on its command line: `1..3,7,8`.
pub fn merge_for_blender(frames: &[u32]) -> String {
    merge_with("..", frames)
}

fn merge_with(to: &str, frames: &[u32]) -> String {
    let runs = frames.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let texts = runs.map(|run| match run {
        [first, _, .., last] => format!("{first}{to}{last}"),
        few => few.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
    });
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn what_is_no_frames_is_refused_with_the_part_that_is_wrong() {
        for (text, expected) in [
            ("a", FramesError::Malformed("a".into())),
            ("1, 2-b ,3", FramesError::Malformed("2-b".into())),
            ("-5", FramesError::Malformed("-5".into())),
            ("1..3", FramesError::Malformed("1..3".into())),
            ("1-2-3", FramesError::Malformed("1-2-3".into())),
            ("1+", FramesError::Malformed("1+".into())),
            ("1,", FramesError::NothingBetweenCommas),
            (",", FramesError::NothingBetweenCommas),
            ("5,10-1", FramesError::Backwards("10-1".into())),
            ("1048575", FramesError::BeyondLast("1048575".into())),
            ("1-99999999999999999999", FramesError::BeyondLast("1-99999999999999999999".into())),
            ("0-1000000", FramesError::TooMany),
            ("1-600000,1-600000", FramesError::TooMany),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn messages_tell_what_to_write_instead() {
        let message = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            message("1..3"),
            "\"1..3\" is neither a frame nor a range; frames are written like 1-10,20,30-40, and none is below 0"
        );
        assert_eq!(message("1,,2"), "there is a comma too many; frames are written like 1-10,20,30-40");
        assert_eq!(message("10-1"), "the range \"10-1\" ends before it begins; write the lower frame first");
        assert_eq!(message("2000000"), "\"2000000\" is beyond 1048574, the last frame that Blender has");
        assert_eq!(message("0-1000000"), "these are more than 1000000 frames; make several jobs of them");
    }

    #[test]
    fn the_most_frames_are_taken() {
        assert_eq!(parse("1-1000000").unwrap().len(), MAX_FRAMES);
        assert_eq!(parse("1048574"), Ok(vec![LAST_FRAME]));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_grow_without_bounds(
            text in prop_oneof![any::<String>(), "[-0-9+, .]{0,40}"]
        ) {
            if let Ok(frames) = parse(&text) {
                prop_assert!(frames.len() <= MAX_FRAMES);
                prop_assert!(frames.is_sorted());
            }
        }

        #[test]
        fn what_is_merged_is_read_back(mut frames in vec(0..300_u32, 0..60)) {
            frames.sort_unstable();
            prop_assert_eq!(parse(&merge(&frames)), Ok(frames.clone()));
            prop_assert_eq!(merge_for_blender(&frames), merge(&frames).replace('-', ".."));
        }

        #[test]
        fn merged_frames_are_taken_whatever_they_are(frames in vec(any::<u32>(), 0..20)) {
            merge(&frames);
        }
    }
}
