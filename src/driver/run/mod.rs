//! An active run: the main loop, its state, the calls it makes, and the handling of their answers.

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
