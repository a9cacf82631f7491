//! Compilation of a playbook, its inputs and its targets to a [`Plan`]: for each device, the requests in the
//! order in which they are sent, one `runliveresponse` call for each session.
//!
//! Nothing here uses a clock or the network, and files are read only through
//! [`Files`](svar_language::playbook::Files). A session with a step that reads the result of an earlier session
//! has no request in the plan; it has the names of the steps it waits for. [`CompiledPlan::resolve`] returns
//! the request when the results are available, and [`CompiledPlan::judge`] compares a result with the
//! expectations. [`Forecast`] estimates the calls and the time of a run.
//!
//! ```
//! use svar_language::playbook::{NoFiles, load};
//! use svar_language::source::SourceText;
//! use svar_plan::{GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile};
//! use svar_wire::DeviceId;
//!
//! let playbook = "playbook: 1\nsteps:\n  - get: /var/log/auth.log\n";
//! let loaded = load(&SourceText::new("auth.yaml", playbook), &NoFiles);
//! let inputs = Inputs::merge(&loaded, &GivenInputs::default()).expect("no inputs are missing");
//! let target = Target {
//!     id: DeviceId::parse(&"7".repeat(40)).expect("40 hexadecimal digits"),
//!     name: Some("srv-7".to_owned()),
//!     os: Some("Linux".to_owned()),
//!     tags: Vec::new(),
//!     group: None,
//!     reason: "an example".to_owned(),
//! };
//! let limits = Limits::of(LimitsProfile::Safe);
//! let names = RunNames::default();
//! let compiled = compile(&loaded, &NoFiles, &inputs, vec![target], &names, &limits)
//!     .expect("nothing is wrong with the playbook");
//!
//! let session = &compiled.plan().devices[0].sessions[0];
//! let request = session.request.as_ref().expect("it waits for no result");
//! assert_eq!(request.commands[0].param("Path"), Some("/var/log/auth.log"));
//! ```

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
    BindingLimit, CallCounts, Forecast, MakespanBound, OfflineCost, OfflineDelay, PlaybookEdit,
    RecentlySeenCost, SESSION_ESTIMATE, Saving, SessionTiming, TimeLimit, WindowCount,
    least_makespan,
};
pub use hours::{Hours, Opening, UnknownZone};
pub use index::{CommandIndex, DeviceIndex, SessionIndex, StepIndex};
pub use inputs::{
    ENVIRONMENT_PREFIX, GivenInputs, InputOrigin, InputValue, Inputs, MissingSecrets,
};
pub use limits::{CallLimit, Limits, LimitsProfile, PICKUP};
pub use model::{
    CommandPlan, DevicePlan, OfflinePolicy, Plan, PlannedFile, PlannedInput, Policy, RetryPolicy,
    Session, SessionKind, StepLocation, StepPlan, StopWhen, Target, Verdict, family_of,
};
pub use polling::{
    DEVICE_LIST_INTERVAL, DEVICE_LIST_INTERVAL_IDLE, DEVICES_PER_LOOKUP, OFFLINE_TICKS, TICK,
};
pub use quote::{Argument, ArgumentError, Shell, base64url, write_arguments};
pub use result::{Results, RunNames, StepResult};
pub use rules::RULES;
pub use secrets::{MASK, Secrets};
pub use tag::{TAG_LENGTH, find_tag, tagged};

pub use svar_language::playbook::model::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, ResultsWanted, Risk, StopBase, Verb,
};
