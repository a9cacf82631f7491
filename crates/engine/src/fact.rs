//! Facts: what the engine is given. What it returns is in `need.rs`.

use serde::{Deserialize, Serialize};

use svar_plan::{
    CommandIndex, DeviceIndex, OnStop, SessionIndex, StepIndex, Verb, Verdict, index_type,
};
use svar_wire::Moment;
use svar_wire::{ActionId, Tag};
use svar_wire::{ActionStatus, CommandStatus};

use crate::endpoint::Endpoint;

/// The journal's format. A journal with a greater number is refused with words.
pub const FORMAT: u32 = 1;

index_type! {
    /// Start attempt of a session on a device, counted from 0.
    Attempt(u16)
}

index_type! {
    /// Index of a command in the request that was sent, which the service calls `index`.
    RequestIndex(u16)
}

/// Something that happened. The journal holds facts and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened.
    pub at: Moment,
    /// The device that it concerns; `None` for the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceIndex>,
    /// What happened.
    #[serde(flatten)]
    pub body: FactBody,
}

/// What happened.
///
/// `attempt` counts the starts of one session on one device from 0; a start is named by
/// (device, session, attempt) and its [`Tag`] is the digest of (run, device, session, attempt).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[allow(missing_docs)] // Fields named session, attempt, action, index say themselves.
pub enum FactBody {
    /// A start will be sent. Durable before it is.
    StartAnnounced {
        session: SessionIndex,
        attempt: Attempt,
        tag: Tag,
        /// The commands of the request; the place of each is the index that the service gives it.
        commands: Vec<SentCommand>,
    },
    /// The service took it, or a search by tag found it.
    StartAccepted {
        session: SessionIndex,
        attempt: Attempt,
        action: ActionId,
        /// Found by its tag after the answer was lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        adopted: bool,
    },
    /// The service refused it. Most refusals mean that it was not applied; after the others it is looked
    /// for.
    StartRefused {
        session: SessionIndex,
        attempt: Attempt,
        refusal: Refusal,
    },
    /// The answer was lost: it may have been applied.
    StartUnknown {
        session: SessionIndex,
        attempt: Attempt,
        why: String,
    },
    /// A search past the visibility lag found no action with the tag: it was never applied.
    StartNotFound {
        session: SessionIndex,
        attempt: Attempt,
    },
    /// The service says that the action has begun on the device.
    ActionBegan { action: ActionId },
    /// The service says that the action has come further, to the command at `index` in the request.
    /// Only of sessions with a step that has a `timeout`. (`index`, `state`) only ever grows.
    CommandReached {
        action: ActionId,
        index: RequestIndex,
        state: CommandState,
    },
    /// The service says that the action has ended.
    ActionEnded {
        action: ActionId,
        status: ActionStatus,
        commands: Vec<CommandEnd>,
        /// Its time in the service's queue was over and no client had cancelled it: that ended it,
        /// whichever status the service gives it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
    },
    /// A result was fetched, stored and judged.
    ResultFetched {
        action: ActionId,
        index: RequestIndex,
        result: ResultSummary,
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// There is no result to be had.
    ResultMissing {
        action: ActionId,
        index: RequestIndex,
        why: String,
    },
    /// A session that waited for results is compiled: `commands` are those of its commands (by
    /// index into [`Session::commands`](svar_plan::Session::commands)) that will be sent; none if
    /// every `when` is false.
    SessionResolved {
        session: SessionIndex,
        commands: Vec<CommandIndex>,
    },
    /// A waiting session can't be compiled: its data does not fit its template.
    SessionUnresolvable {
        session: SessionIndex,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepIndex>,
        why: String,
    },
    /// A cancel will be sent. Durable before it is.
    CancelAnnounced { action: ActionId, why: CancelWhy },
    /// The service answered the cancel; what became of the action comes as [`FactBody::ActionEnded`].
    CancelAnswered { action: ActionId, status: u16 },
    /// The answer to a cancel was lost.
    CancelUnknown { action: ActionId, why: String },
    /// What the device list says of a device that waits to be started, where that is new
    /// ([`crate::Fleet::readiness`]).
    Readiness(Availability),
    /// Time decided: this device is not waited for any longer.
    GaveUp { on: GiveUp },
    /// The run's deadline or its offline limit has passed.
    LimitPassed { limit: RunLimit },
    /// The tenant refused a call for its rate: nothing of that endpoint before `until`.
    RateLimited { endpoint: Endpoint, until: Moment },
    /// The operator interrupted the run, which can be resumed.
    Interrupted { how: Interrupt },
    /// The operator ended the run: no further device is started, and started ones go on or not by
    /// `how`.
    Stopped {
        how: OnStop,
        /// Name of that person; empty if none was given.
        by: String,
    },
    /// A person gave up the cleanup: what is left on the device may stay there, or is gone.
    CleanupWaived {
        /// Name of that person; empty if none was given.
        by: String,
        /// Why.
        why: String,
    },
    /// Another process resumed the run.
    Resumed,
    /// The tenant can't be used any more (sign-in, permission): nothing further is sent.
    TenantLost { why: String },
}

impl FactBody {
    /// Returns its name, as in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            FactBody::StartAnnounced { .. } => "start_announced",
            FactBody::StartAccepted { .. } => "start_accepted",
            FactBody::StartRefused { .. } => "start_refused",
            FactBody::StartUnknown { .. } => "start_unknown",
            FactBody::StartNotFound { .. } => "start_not_found",
            FactBody::ActionBegan { .. } => "action_began",
            FactBody::CommandReached { .. } => "command_reached",
            FactBody::ActionEnded { .. } => "action_ended",
            FactBody::ResultFetched { .. } => "result_fetched",
            FactBody::ResultMissing { .. } => "result_missing",
            FactBody::SessionResolved { .. } => "session_resolved",
            FactBody::SessionUnresolvable { .. } => "session_unresolvable",
            FactBody::CancelAnnounced { .. } => "cancel_announced",
            FactBody::CancelAnswered { .. } => "cancel_answered",
            FactBody::CancelUnknown { .. } => "cancel_unknown",
            FactBody::Readiness(_) => "readiness",
            FactBody::GaveUp { .. } => "gave_up",
            FactBody::LimitPassed { .. } => "limit_passed",
            FactBody::RateLimited { .. } => "rate_limited",
            FactBody::Interrupted { .. } => "interrupted",
            FactBody::Stopped { .. } => "stopped",
            FactBody::CleanupWaived { .. } => "cleanup_waived",
            FactBody::Resumed => "resumed",
            FactBody::TenantLost { .. } => "tenant_lost",
        }
    }

    /// Returns the action that it is about, if it is about one.
    pub const fn action(&self) -> Option<&ActionId> {
        match self {
            FactBody::StartAccepted { action, .. }
            | FactBody::ActionBegan { action }
            | FactBody::CommandReached { action, .. }
            | FactBody::ActionEnded { action, .. }
            | FactBody::ResultFetched { action, .. }
            | FactBody::ResultMissing { action, .. }
            | FactBody::CancelAnnounced { action, .. }
            | FactBody::CancelAnswered { action, .. }
            | FactBody::CancelUnknown { action, .. } => Some(action),
            _ => None,
        }
    }
}

/// Why an action of this run is cancelled; it decides the device's end state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelWhy {
    /// A step of it took longer than its `timeout`: `timed_out`.
    Timeout,
    /// The run's deadline has passed: `timed_out`.
    Deadline,
    /// It still waited for its device when `offline.until` came: `offline_expired`.
    Offline,
    /// The stop rule: `cancelled`.
    Stop,
    /// The operator: `cancelled`.
    Operator,
    /// Its device is offline, and others want the slot: recalled, to be started again.
    Unresponsive,
    /// It still waited for its device when the hours of `window` ended: recalled, as above.
    Hours,
    /// The run is paused and its device is offline, or it is interrupted a second time before the device
    /// took it: recalled, as above.
    Pause,
}

impl CancelWhy {
    /// Returns whether the action is only recalled from the service's queue: if it has not run, its
    /// device is started again later.
    pub const fn is_recall(self) -> bool {
        matches!(
            self,
            CancelWhy::Unresponsive | CancelWhy::Hours | CancelWhy::Pause
        )
    }
}

/// What a device is not waited for any longer to do. These are facts because only time decides them,
/// and a replay has no clock. After `Pickup` and `CancelDelivery` the device counts as offline, and the
/// end of its action is still awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUp {
    /// The end of another session that keeps the device busy.
    OtherSession,
    /// The confirmation that a cancelled action has ended.
    CancelConfirmation,
    /// The end of an action that was not cancelled, a day after the longest time that it can take.
    ActionEnd,
    /// A device that seemed online, to take its session.
    Pickup,
    /// A device to react to the cancel of its session.
    CancelDelivery,
}

/// How the operator interrupted a run. The later one is more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interrupt {
    /// Nothing but cleanup is started, and sessions under way finish.
    Pause,
    /// Nothing is started, and the actions of the run are cancelled.
    Cancel,
}

/// What the device list says of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Availability {
    /// Healthy and seen lately; or, of one that did not take its session, seen since.
    Ready,
    /// Not now.
    Offline {
        /// Why, as a clause.
        why: String,
    },
    /// Not in this run: it is not onboarded, excluded, merged into another, or of another system.
    Unsupported {
        /// Why, as a clause.
        why: String,
    },
}

/// A limit of the whole run that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunLimit {
    /// `deadline`.
    Deadline,
    /// `offline.until`.
    Offline,
}

/// State of the first unfinished command of an open action. The order is that of a command's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// The service only says that the action runs: the command is taken to execute.
    Presumed,
    /// It does not execute: it waits, or all commands have finished and there is none at this index.
    Waiting,
    /// It executes.
    Executing,
}

/// One command of a request, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCommand {
    /// The step that it comes from.
    pub step: StepIndex,
    /// Its index in the session.
    pub command: CommandIndex,
    /// Retries of the step on this device before this one: 0 for its first try.
    pub retry: u16,
    /// Its verb.
    pub verb: Verb,
    /// The library file, or the path on the device, that it names; secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl SentCommand {
    /// Returns whether it is the same command of the same try, whatever file it names.
    pub(crate) fn is_same(&self, other: &SentCommand) -> bool {
        let key = |sent: &SentCommand| (sent.step, sent.command, sent.retry, sent.verb);
        key(self) == key(other)
    }
}

/// State of one command of an ended action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// The service's index.
    pub index: RequestIndex,
    /// Its state.
    pub status: CommandStatus,
    /// What the service says went wrong, joined and shortened to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The command that the service names under this index, where it is not the one that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
}

/// Summary of a fetched result, small enough for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResultSummary {
    /// Of a script.
    Script {
        /// Its exit code, if the result was readable.
        exit: Option<i64>,
        /// Path of its record, relative to the run folder.
        path: String,
        /// SHA-256 of what came over the wire.
        sha256_wire: String,
    },
    /// A file.
    File {
        /// Path of the file, relative to the run folder.
        path: String,
        /// Bytes of the content.
        size: u64,
        /// SHA-256 of the content.
        sha256: String,
        /// SHA-256 of what came over the wire.
        sha256_wire: String,
    },
}

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status; 0 if the call was not sent, for lack of a connection or a token.
    pub status: u16,
    /// The service's code; empty where there was none.
    pub code: String,
    /// The service's message, without control characters and shortened to 500 characters.
    pub message: String,
    /// The correlation id to quote to support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Wait that the service asks for, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
