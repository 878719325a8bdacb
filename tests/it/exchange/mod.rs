//! Stories of the exchange with a Flamenco Server, in good times and bad.

mod cancellations;
mod downloads;
mod kills;
mod logs;
mod notifications;
mod pushes;
mod rechecks;
mod shown;
mod trouble;
