//! From a playbook, inputs and targets to what will be sent: a [`Plan`].
//!
//! The plan is a value. It says for each device which sessions it gets, in order; a session is
//! one `runliveresponse` call. What can't be known yet (a step that reads the result of an earlier
//! one) is a session that waits, and [`Plan`] says for what.

mod bound;
mod command;
mod compile;
mod compiled;
mod derived;
mod digest;
mod document;
mod economy;
mod explain;
mod forecast;
mod hours;
mod inputs;
mod judge;
mod library;
mod limits;
mod looks;
mod merge;
mod openings;
mod origin;
mod policy;
mod prepare;
mod quote;
mod scope;
mod secrets;
mod segment;
mod selection;
mod session;
mod tag;

pub use bound::{Binding, Bound, Job, least_makespan};
pub use compile::compile;
pub use compiled::{CompiledPlan, Resolved, Results, RunNames, StepResult, Unresolvable};
pub use document::{document, masked};
pub use explain::explain;
pub use forecast::{Asleep, Calls, Forecast, Gain};
pub use hours::Hours;
pub use inputs::{ENVIRONMENT_PREFIX, Given, InputValue, Inputs, Origin};
pub use limits::{Limits, LimitsProfile, PICKUP, ReadBudget};
pub use looks::{DEVICES_AGAIN, DEVICES_AT_ONCE, DEVICES_SOON, TICK, TICKS_ASLEEP};
pub use openings::Openings;
pub use quote::{Argument, Shell, base64url, write as write_arguments};
pub use secrets::{MASK, Secrets};
pub use selection::{Selection, Selector};
pub use session::{
    Amount, CleanupWhen, CommandPlan, DevicePlan, OfflineMode, OfflinePolicy, OnFail, OnStop,
    Place, Plan, PlannedFile, PlannedInput, Policy, ResultsWanted, RetryPolicy, Session,
    SessionKind, StepPlan, StopBase, StopWhen, Target, Verb, Verdict, family_of,
};
pub use tag::{TAG_LENGTH, find_tag, tagged};
