//! What is done with the log of a task as time goes by.

use jiff::{SignedDuration, Timestamp};

use super::{task::TaskStatus, timeout::is_older};

/// For so long nothing must have been added to a log before it is compressed: workers repeat what did not get through.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// A log of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// When something was last added to it.
    pub changed: Timestamp,
    /// Whether it is that of the last try; else it was put aside.
    pub is_current: bool,
    /// In which form it is there.
    pub form: Form,
}

/// The forms in which the text of a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// As it was written.
    Plain,
    /// Compressed.
    Compressed,
    /// Half of either: what is left when compressing it, or making it plain again, was cut off.
    Half,
}

/// What is to be done with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing, or not yet.
    Leave,
    /// It is done with, so it need not take so much room.
    Compress,
    /// It is too old.
    Remove,
}

impl Log {
    /// What is to be done with it, going by how its task stands; nothing is known of a task that was forgotten. `max_age` is
    /// `task_log_max_age`; nothing: logs are kept.
    pub fn care(self, task: Option<TaskStatus>, now: Timestamp, max_age: Option<SignedDuration>) -> Care {
        let Self { changed, is_current, form } = self;
        // A worker may be at it and have nothing to say for long.
        let in_use = is_current && task.is_some_and(TaskStatus::is_in_hand);
        let is_over = !is_current || task.is_none_or(TaskStatus::has_ended);
        if form == Form::Half || !in_use && max_age.is_some_and(|age| is_older(changed, now, age)) {
            Care::Remove
        } else if is_over && form == Form::Plain && is_older(changed, now, QUIET) {
            Care::Compress
        } else {
            Care::Leave
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_772_366_400, 0);
    const DAY: Option<SignedDuration> = Some(SignedDuration::from_hours(24));

    fn log(age: SignedDuration) -> Log {
        Log { changed: NOW - age, is_current: true, form: Form::Plain }
    }

    #[test]
    fn a_log_is_compressed_when_its_task_has_ended_and_nothing_comes_any_more() {
        let (quiet, fresh) = (log(QUIET + SignedDuration::from_secs(1)), log(QUIET));
        for status in TaskStatus::ALL {
            let expected = if status.has_ended() { Care::Compress } else { Care::Leave };
            assert_eq!(quiet.care(Some(status), NOW, None), expected, "{status}");
            assert_eq!(fresh.care(Some(status), NOW, None), Care::Leave, "{status}");
            let put_aside = Log { is_current: false, ..quiet };
            assert_eq!(put_aside.care(Some(status), NOW, None), Care::Compress, "{status}");
            let compressed = Log { form: Form::Compressed, ..quiet };
            assert_eq!(compressed.care(Some(status), NOW, None), Care::Leave, "{status}");
        }
        assert_eq!(quiet.care(None, NOW, None), Care::Compress, "the task was forgotten");
        assert_eq!(log(-QUIET).care(None, NOW, DAY), Care::Leave, "the clock was set back");
    }

    #[test]
    fn half_a_log_is_of_no_use_to_anybody() {
        let half = Log { form: Form::Half, ..log(SignedDuration::ZERO) };
        for status in TaskStatus::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(half.care(status, NOW, None), Care::Remove, "{status:?}");
        }
    }

    #[test]
    fn an_old_log_goes_compressed_or_not_unless_a_worker_is_at_it() {
        let day = SignedDuration::from_hours(24);
        let old = log(day + SignedDuration::from_secs(1));
        for status in TaskStatus::ALL {
            for form in [Form::Plain, Form::Compressed] {
                let old = Log { form, ..old };
                let expected = if status.is_in_hand() { Care::Leave } else { Care::Remove };
                assert_eq!(old.care(Some(status), NOW, DAY), expected, "{status}");
                let put_aside = Log { is_current: false, ..old };
                assert_eq!(put_aside.care(Some(status), NOW, DAY), Care::Remove, "{status}");
                assert_ne!(old.care(Some(status), NOW, None), Care::Remove, "{status}");
            }
        }
        assert_eq!(old.care(None, NOW, DAY), Care::Remove);
        assert_eq!(log(day).care(None, NOW, DAY), Care::Compress);
    }
}
