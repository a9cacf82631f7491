//! From selectors to devices: asks the service which are meant, and says why each device is in.

mod error;
mod lookup;
mod resolve;

pub use error::TargetError;
pub use resolve::resolve;
