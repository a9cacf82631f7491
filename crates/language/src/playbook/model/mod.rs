//! Types of a playbook, version 1: plain data, each value with its place.
//!
//! The schema is generated from these types. The comments on their fields are shown by editors, so they are
//! written for authors of playbooks.

mod expect;
mod input;
mod notation;
mod playbook;
mod rollout;
mod step;
mod target;
mod value;

pub use expect::{Exit, Expect, TextCheck};
pub use input::{Input, InputType, LibraryFile};
pub use playbook::{CleanupWhen, Os, Playbook, Risk};
pub use rollout::{Offline, OfflineMode, OnStop, Rollout, StopBase, StopWhen};
pub(crate) use step::StepSection;
pub use step::{OnFail, Pass, ResultsWanted, Retry, Save, Step, Stream, Verb};
pub use target::{Exclude, ExpectTargets, Targets};
pub use value::{Comparison, CountOrPercent, Period, Size, SizeCheck, ValueError, Window};
