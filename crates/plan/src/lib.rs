//! From a playbook, inputs and targets to what will be sent: a [`Plan`].
//!
//! The plan is a value. It says for each device which sessions it gets, in order; a session is
//! one `runliveresponse` call. What can't be known yet (a step that reads the result of an earlier
//! one) is a session that waits, and [`Plan`] says for what.

mod compile;
mod forecast;
mod hours;
mod index;
mod inputs;
mod limits;
mod model;
mod polling;
mod quote;
mod result;
mod rules;
mod secrets;
mod tag;

pub use compile::{
    CompiledPlan, DeviceSelection, DeviceSelector, ResolvedSession, TargetsFile,
    UnresolvableSession, compile,
};
pub use forecast::{
    BindingLimit, CallCounts, Forecast, Job, MakespanBound, OfflineCost, OfflineDelay,
    PlaybookEdit, RecentlySeenCost, SESSION_ESTIMATE, Saving, TimeLimit, WindowCount,
    least_makespan,
};
pub use hours::{Hours, UnknownZone};
pub use index::{CommandIndex, DeviceIndex, SessionIndex, StepIndex};
pub use inputs::{ENVIRONMENT_PREFIX, GivenInputs, InputOrigin, InputValue, Inputs};
pub use limits::{Limits, LimitsProfile, PICKUP, ReadBudget};
pub use model::{
    CommandPlan, DevicePlan, OfflinePolicy, Plan, PlannedFile, PlannedInput, Policy, RetryPolicy,
    Session, SessionKind, StepLocation, StepPlan, StopWhen, Target, Verdict, family_of,
};
pub use polling::{DEVICES_AGAIN, DEVICES_AT_ONCE, DEVICES_SOON, TICK, TICKS_ASLEEP};
pub use quote::{Argument, Shell, base64url, write as write_arguments};
pub use result::{Results, RunNames, StepResult};
pub use rules::RULES;
pub use secrets::{MASK, Secrets};
pub use tag::{TAG_LENGTH, find_tag, tagged};

pub use svar_language::playbook::model::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, ResultsWanted, Risk, StopBase, Verb,
};
