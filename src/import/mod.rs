//! What comes in from elsewhere: the data of other Managers, and of older ones.

pub mod dump;
