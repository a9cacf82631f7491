//! A run under way: the loop, what it remembers, the calls it makes and what their answers mean.

mod answers;
mod calls;
mod commit;
mod drive;
mod interface;
mod memory;
mod stepped;

pub use drive::{drive, drive_with_budget};
pub use interface::{DriveError, DriveOutcome, Ending, Observer, RunSetup};
pub use stepped::{Call, CompletedCall, SteppedRun};
