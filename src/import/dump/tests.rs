//! Dumps of all kinds, sound and damaged.
