//! From selectors to devices: asks the service which are meant, and says why each device is in.

mod lookup;
mod resolve;
mod selection;

pub use resolve::resolve;
pub use selection::{DeviceSelection, DeviceSelector, TargetError};
