//! Job compilers: from a job type and its settings to tasks, as Flamenco Server 2.x made them (`server-protocol.md`,
//! section 3).

pub mod frames;
