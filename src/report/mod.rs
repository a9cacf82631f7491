//! Tells what happened: from plan, facts and views, never from the run itself.
//!
//! [`Evidence`] is the one value that every report is made from, so that a table on the screen, the
//! summary on disk and a later `svar show` can't disagree. [`Progress`] is the exception: it shows a
//! run that is still going on, and keeps nothing.
//!
//! What devices sent (names, errors, output) is a stranger's text: nothing of it reaches a terminal
//! without having gone through [`clean`].

mod evidence;
mod json;
mod plan_json;
mod plan_text;
mod progress;
mod screen;
mod text;
mod words;

pub use evidence::{CommandEvidence, DeviceEvidence, Evidence, Failure, Header, StopOrder, Waived};
pub use json::summary;
pub use plan_json::plan_json;
pub use plan_text::plan_text;
pub use progress::{Progress, ProgressStyle};
pub use text::{Sheet, failures, rows, sums, text};
pub use words::{clean, copyable, duration, hang, many, unbroken};
