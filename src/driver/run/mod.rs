//! A run under way: the loop, what it remembers, the calls it makes and what their answers mean.

mod answers;
mod calls;
mod commit;
mod drive;
mod interface;
mod memory;
mod stepped;

pub use drive::{drive, drive_sharing};
pub use interface::{DriveError, Driven, Ending, Observer, Ready};
pub use stepped::{Answered, Call, Stepped};
