//! Who may do what.

mod gate;
