//! From a playbook, inputs and targets to what will be sent: a [`Plan`].
//!
//! The plan is a value. It says for each machine which sessions it gets, in order; a session is
//! one `runliveresponse` call. What can't be known yet (a step that reads the result of an earlier
//! one) is a session that waits, and [`Plan`] says for what.

mod inputs;
mod limits;
mod runbook;
mod secrets;
mod session;
mod tag;

pub use inputs::{ENVIRONMENT_PREFIX, Given, Inputs};
pub use limits::{Limits, LimitsProfile, ReadBudget};
pub use runbook::{Resolved, Results, RunNames, Runbook, StepResult};
pub use secrets::{MASK, Secrets};
pub use session::{
    Amount, CleanupWhen, CommandPlan, MachinePlan, OfflineMode, OfflinePolicy, OnFail, OnStop,
    Place, Plan, PlannedInput, Policy, ResultsWanted, RetryPolicy, Session, SessionKind, StepPlan,
    StopBase, StopWhen, Target, Verb, Verdict,
};
pub use tag::{TAG_LENGTH, find_tag, tagged};
