//! Reports of a run, made from its plan and its facts.
//!
//! All reports of results are made from an [`Evidence`], so the table on the screen, the summary on disk
//! and a later `svar show` can't disagree. [`plan_text()`] and [`plan_json()`] show a plan before it runs,
//! and [`Progress`] a run while it is active.
//!
//! Text from devices (names, errors, output) is not trusted. All of it passes through [`clean`]
//! before it is printed.

mod evidence;
mod format;
mod json;
mod plan_json;
mod plan_text;
mod progress;
mod screen;
mod text;

pub use evidence::{
    CleanupWaiver, CommandEvidence, DeviceEvidence, Evidence, FailureGroup, ReportHeader, RunState,
    StopOrder,
};
pub use format::{clean, date_time};
pub use json::summary;
pub use plan_json::plan_json;
pub use plan_text::plan_text;
pub use progress::{Progress, ProgressStyle};
pub use text::{OutputStyle, failures, rows, text, totals};
