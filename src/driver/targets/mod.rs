//! Resolves selectors to devices by asking the service, and records why each device is selected.

mod error;
mod lookup;
mod resolve;

pub use error::TargetError;
pub use resolve::resolve;
