//! What a device sends back: from the service's address to files and a record in the run folder.

mod collect;
mod error;
mod gzip;
mod limits;
mod script_output;

pub(super) use collect::{Wanted, collect};
pub(super) use error::CollectError;
pub use limits::ResultLimits;
