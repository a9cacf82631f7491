//! All that goes out of the engine and all that comes in: needs and facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::name::{ActionId, Tag};
use crate::plan::{OnStop, Verdict};
use crate::wire::{ActionStatus, CommandStatus};

/// The journal's format. A journal with a greater number is refused with words.
pub const FORMAT: u32 = 1;

/// One target's place in [`Plan::machines`](crate::plan::Plan::machines).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneId(pub u32);

/// A session's place in the machine's plan.
pub type SessionIndex = u16;

/// Something that happened, with its time. These are journalled, and nothing else is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    pub at: Moment,
    /// Whose; `None` for what concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneId>,
    /// What.
    #[serde(flatten)]
    pub body: FactBody,
}

/// What happened.
///
/// `attempt` counts the starts of one session on one machine from 0; a start is named by
/// (lane, session, attempt) and its [`Tag`] is the digest of (run, machine, session, attempt).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[allow(missing_docs)] // Fields named session, attempt, action, index say themselves.
pub enum FactBody {
    /// A start will be sent. Durable before it is.
    StartAnnounced {
        session: SessionIndex,
        attempt: u16,
        tag: Tag,
    },
    /// The service took it, or a search by tag found it.
    StartAccepted {
        session: SessionIndex,
        attempt: u16,
        action: ActionId,
        /// Found by its tag after the answer was lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        adopted: bool,
    },
    /// The service refused it: it has certainly not been applied.
    StartRefused {
        session: SessionIndex,
        attempt: u16,
        refusal: Refusal,
    },
    /// The answer was lost: it may have been applied.
    StartUnknown {
        session: SessionIndex,
        attempt: u16,
        why: String,
    },
    /// A search past the visibility lag found no action with the tag: it was never applied.
    StartAbsent { session: SessionIndex, attempt: u16 },
    /// The service says that the action has begun on the device.
    ActionBegan { action: ActionId },
    /// The service says that the action has come further, to the command at that index of its own.
    /// Only of sessions with a step that has a `timeout`. (`index`, `state`) only ever grows.
    CommandReached {
        action: ActionId,
        index: u16,
        state: CommandState,
    },
    /// The service says that the action has ended.
    ActionEnded {
        action: ActionId,
        status: ActionStatus,
        commands: Vec<CommandEnd>,
    },
    /// A result was fetched, stored and judged.
    ResultFetched {
        action: ActionId,
        index: u16,
        result: ResultSummary,
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// There is no result to be had.
    ResultMissing {
        action: ActionId,
        index: u16,
        why: String,
    },
    /// A session that waited for results is compiled: `commands` are those of its commands (by
    /// index into [`Session::commands`](crate::plan::Session::commands)) that will be sent; none if
    /// every `when` said no.
    SessionResolved {
        session: SessionIndex,
        commands: Vec<u16>,
    },
    /// A waiting session can't be compiled: its data does not fit its template.
    SessionUnresolvable {
        session: SessionIndex,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u16>,
        why: String,
    },
    /// A cancel will be sent. Durable before it is.
    CancelAnnounced { action: ActionId, why: CancelWhy },
    /// The service answered the cancel; what became of the action comes as [`FactBody::ActionEnded`].
    CancelAnswered { action: ActionId, status: u16 },
    /// The answer to a cancel was lost.
    CancelUnknown { action: ActionId, why: String },
    /// What the machine list says of a machine that waits to be started, where that is news
    /// ([`super::Fleet::known`]).
    Readiness {
        /// Healthy and seen lately; or, of one that did not take its session, seen since.
        ready: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// It can never be started in this run.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        never: bool,
    },
    /// Time decided: this machine is not waited for any longer.
    GaveUp { why: GiveUp },
    /// The run's deadline or its offline limit has passed.
    Passed { limit: RunLimit },
    /// The tenant refused a call for its rate: nothing of that row before `until`.
    Blocked { row: Row, until: Moment },
    /// The operator interrupted the run: 1 stops new starts, 2 cancels own actions.
    Interrupted { count: u8 },
    /// The operator ended the run for good: no machine is begun any more, and the rest goes by
    /// `how`.
    Stopped {
        how: OnStop,
        /// Who; empty where nobody was named.
        by: String,
    },
    /// A person says that what is left on the machine may stay there, or is gone.
    CleanupWaived {
        /// Who; empty where nobody was named.
        by: String,
        /// Why.
        why: String,
    },
    /// A process took up the run again.
    Resumed,
    /// The tenant can't be used any more (sign-in, permission): nothing further is sent.
    TenantLost { why: String },
}

impl FactBody {
    /// Its name, as in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            FactBody::StartAnnounced { .. } => "start_announced",
            FactBody::StartAccepted { .. } => "start_accepted",
            FactBody::StartRefused { .. } => "start_refused",
            FactBody::StartUnknown { .. } => "start_unknown",
            FactBody::StartAbsent { .. } => "start_absent",
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
            FactBody::Readiness { .. } => "readiness",
            FactBody::GaveUp { .. } => "gave_up",
            FactBody::Passed { .. } => "passed",
            FactBody::Blocked { .. } => "blocked",
            FactBody::Interrupted { .. } => "interrupted",
            FactBody::Stopped { .. } => "stopped",
            FactBody::CleanupWaived { .. } => "cleanup_waived",
            FactBody::Resumed => "resumed",
            FactBody::TenantLost { .. } => "tenant_lost",
        }
    }

    /// The action that it is about, if it is about one.
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

/// Why an own action is cancelled; it decides the machine's end state.
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
    /// Its device sleeps, and others want the slot: called back, to be started again.
    Asleep,
    /// It still waited for its device when the hours of `window` ended: called back, as above.
    Hours,
    /// The run is paused, and its device sleeps: called back, as above.
    Pause,
}

impl CancelWhy {
    /// Only takes the action back out of the service's queue: if it has not run, its machine is
    /// started again later as if it never had been.
    pub const fn calls_back(self) -> bool {
        matches!(
            self,
            CancelWhy::Asleep | CancelWhy::Hours | CancelWhy::Pause
        )
    }
}

/// What is not waited for any longer. These are facts because only time decides them, and a replay
/// has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUp {
    /// Somebody else's session on the machine.
    Busy,
    /// The confirmation that a cancelled action has ended.
    Cancel,
    /// The end of an action that nobody cancelled: a day longer than it can take.
    Action,
    /// A device that is awake, to take its session: it sleeps, and the action waits on.
    Pickup,
}

/// A moment of the run that everything gives way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunLimit {
    /// `deadline`.
    Deadline,
    /// `offline.until`.
    Offline,
}

/// How the first command stands that an open action has not finished, in the order of a command's
/// life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// The service tells of no command how far it is, only that the action runs: taken to execute.
    Presumed,
    /// It does not execute: it waits, or there is none at this index, for all have finished.
    Waiting,
    /// It executes.
    Executing,
}

/// How one command of an ended action stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// The service's index.
    pub index: u16,
    /// Its state.
    pub status: CommandStatus,
    /// What the service says went wrong, joined and shortened to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was fetched, small enough for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResultSummary {
    /// Of a script.
    Script {
        /// Its exit code, if the result was readable.
        exit: Option<i64>,
        /// Where the record stands, relative to the run folder.
        path: String,
        /// SHA-256 of what came over the wire.
        sha256_wire: String,
    },
    /// A file.
    File {
        /// Where it stands, relative to the run folder.
        path: String,
        /// Bytes of the content.
        size: u64,
        /// SHA-256 of the content.
        sha256: String,
        /// SHA-256 of what came over the wire.
        sha256_wire: String,
    },
}

/// A refusal that certainly had no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status; 0 where the call was never sent, for want of a connection or a token.
    pub status: u16,
    /// The service's code; empty where there was none.
    pub code: String,
    /// The service's words, cleaned of control characters and shortened to 500 characters.
    pub message: String,
    /// The correlation id to quote to support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How long the service asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A row of the contract's rate limit table (1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// runliveresponse.
    Starts,
    /// Reading and listing machine actions.
    Actions,
    /// Result links.
    Links,
    /// Cancelling.
    Cancels,
    /// Machines.
    Machines,
}

impl Row {
    /// All rows that a run calls.
    pub const ALL: [Row; 5] = [
        Row::Starts,
        Row::Actions,
        Row::Links,
        Row::Cancels,
        Row::Machines,
    ];
}

/// What the engine needs done. Each is asked for once; the answer comes back as a fact (or, for
/// reads that failed, as a note that it is to be asked for again: [`super::Fleet::read_failed`]).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // As above.
pub enum Need {
    /// Journal this and hand it in, stamped with the present time: what time alone has decided.
    Record {
        lane: Option<LaneId>,
        body: FactBody,
    },
    /// Send a start. The driver first journals [`FactBody::StartAnnounced`], waits until it is
    /// durable, hands it to the engine, and only then sends.
    Start {
        lane: LaneId,
        session: SessionIndex,
        attempt: u16,
        tag: Tag,
        /// A retry sends this one command alone (index into
        /// [`Session::commands`](crate::plan::Session::commands)); else all that the session has,
        /// as resolved.
        only: Option<u16>,
    },
    /// List the machine's live response actions and look for the tag. Found: `StartAccepted` with
    /// `adopted`. Not found: `StartAbsent` if `conclusive`, else [`super::Fleet::read_failed`].
    Search {
        lane: LaneId,
        session: SessionIndex,
        attempt: u16,
        tag: Tag,
        /// The visibility lag is over, so that finding nothing means that there is nothing.
        conclusive: bool,
    },
    /// One bulk list: how do these actions stand? All own open actions, any number. Facts for what
    /// changed, then [`super::Fleet::watched`].
    Watch { actions: Vec<(LaneId, ActionId)> },
    /// Fetch, store and judge one result.
    Fetch {
        lane: LaneId,
        session: SessionIndex,
        action: ActionId,
        /// The service's index.
        index: u16,
        /// Whose result it is: index into [`Plan::steps`](crate::plan::Plan::steps).
        step: u16,
        /// A 404 now means that there is no result (`ResultMissing`); else it may only be late, and
        /// is handed to [`super::Fleet::read_failed`].
        conclusive: bool,
    },
    /// Compile a session that waited for results.
    Resolve { lane: LaneId, session: SessionIndex },
    /// Cancel an own action. Announced and made durable first, like a start.
    Cancel {
        lane: LaneId,
        action: ActionId,
        why: CancelWhy,
    },
    /// Read the state of these machines from the machine list. A `Readiness` fact for each whose
    /// readiness is new or has changed, then [`super::Fleet::machines_read`].
    Machines { lanes: Vec<LaneId> },
}

/// What may be done when it is not known whether a call took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Do it again: reads and links.
    Repeatable,
    /// Search for its trace first, adopt what is found, else do it: starts, cancels.
    LookFirst,
    /// A person decides.
    NeverAgain,
}

impl Need {
    /// What may be done when the answer is lost.
    pub fn care(&self) -> Care {
        match self {
            Need::Start { .. } | Need::Cancel { .. } => Care::LookFirst,
            _ => Care::Repeatable,
        }
    }

    /// The row of the rate limit table that the call counts in.
    pub fn row(&self) -> Option<Row> {
        match self {
            Need::Start { .. } => Some(Row::Starts),
            Need::Search { .. } | Need::Watch { .. } => Some(Row::Actions),
            Need::Fetch { .. } => Some(Row::Links),
            Need::Cancel { .. } => Some(Row::Cancels),
            Need::Machines { .. } => Some(Row::Machines),
            Need::Resolve { .. } | Need::Record { .. } => None,
        }
    }
}

/// How a machine ended. Always all in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// Every step did what was expected.
    Ok,
    /// A command failed, or the service refused the start for good.
    Failed,
    /// A step ran and its expectations do not hold.
    ExpectFailed,
    /// Out of time on the device or in the engine.
    TimedOut,
    /// Somebody else's session held the machine for too long.
    Busy,
    /// Never came online in time.
    OfflineExpired,
    /// Cancelled by the operator or by the stop rule.
    Cancelled,
    /// Never started, because the run stopped before.
    NotStarted,
    /// Left out on purpose.
    Skipped,
    /// It can't be known; a person decides.
    Unknown,
}

impl EndState {
    /// All of them, in the order in which sums show them.
    pub const ALL: [EndState; 10] = [
        EndState::Ok,
        EndState::Failed,
        EndState::ExpectFailed,
        EndState::TimedOut,
        EndState::Busy,
        EndState::OfflineExpired,
        EndState::Cancelled,
        EndState::NotStarted,
        EndState::Skipped,
        EndState::Unknown,
    ];

    /// Its place in [`EndState::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word for it, as in the journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndState::Ok => "ok",
            EndState::Failed => "failed",
            EndState::ExpectFailed => "expect_failed",
            EndState::TimedOut => "timed_out",
            EndState::Busy => "busy",
            EndState::OfflineExpired => "offline_expired",
            EndState::Cancelled => "cancelled",
            EndState::NotStarted => "not_started",
            EndState::Skipped => "skipped",
            EndState::Unknown => "unknown",
        }
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Row::Starts => "starts",
            Row::Actions => "actions",
            Row::Links => "links",
            Row::Cancels => "cancels",
            Row::Machines => "machines",
        })
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
