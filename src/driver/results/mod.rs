//! Downloads, checks and stores the results that devices send.

mod collect;
mod error;
mod gzip;
mod limits;
mod script_output;

pub(super) use collect::{CollectRequest, Collector, UnexpectedForm};
pub(super) use error::CollectError;
pub use limits::ResultLimits;
