//! Long work that nobody waits for is done in steps, with pauses between them.

use std::time::Duration;

/// The pause between two steps: the processors are for those first for whom somebody waits. A step takes a millisecond or
/// two, so that whoever comes in between hardly notices.
pub const BREATH: Duration = Duration::from_millis(1);
