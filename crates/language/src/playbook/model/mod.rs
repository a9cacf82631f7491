//! The types of a playbook, version 1: plain data, each value with its place.
//!
//! The schema is generated from these types, so the comments on their fields are what an editor
//! shows its user; they are written for the author of a playbook. Defaults that need no
//! evaluation are methods beside the field they fill in.

mod expect;
mod input;
mod playbook;
mod rollout;
mod step;
mod target;
mod value;

pub use expect::{Exit, Expect, TextCheck};
pub use input::{Input, InputType, LibraryFile};
pub use playbook::{CleanupWhen, Os, Playbook, Risk};
pub use rollout::{Offline, OfflineMode, OnStop, Rollout, StopBase, StopWhen};
pub use step::{OnFail, Pass, ResultsWanted, Retry, Save, Step, Stream, Verb};
pub use target::{Exclude, ExpectTargets, Targets};
pub use value::{Comparison, CountOrPercent, Period, Size, SizeCheck, ValueError, Window};

/// A name that can stand in an expression.
const WORD: &str = "^[A-Za-z][A-Za-z0-9_]*$";
