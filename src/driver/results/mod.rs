//! Fetches, checks and stores the results that devices send.

mod collect;
mod error;
mod gzip;
mod limits;
mod script_output;

pub(super) use collect::{Wanted, collect};
pub(super) use error::CollectError;
pub use limits::ResultLimits;
