//! State of one device's run: small, serializable, made of facts alone.

use serde::{Deserialize, Serialize};

use svar_plan::{
    CommandIndex, CommandPlan, DevicePlan, Plan, Session, SessionIndex, SessionKind, StepIndex,
    StepPlan, Verb,
};
use svar_wire::ActionId;
use svar_wire::Moment;

use crate::end::EndState;
use crate::fact::{Attempt, CancelWhy, CommandState, RequestIndex, SentCommand};
use crate::status::Readiness;

use super::traces::{Leftovers, Traces};

/// The plan that a device's facts are read against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) device: &'p DevicePlan,
    pub(crate) offline_until: Moment,
}

impl<'p> Context<'p> {
    /// Returns a session of the device.
    pub(crate) fn session(self, index: SessionIndex) -> &'p Session {
        index.of(&self.device.sessions)
    }

    /// Returns a step of the playbook.
    pub(crate) fn step(self, index: StepIndex) -> &'p StepPlan {
        index.of(&self.plan.steps)
    }

    /// Returns the first main session, or the one after `after`.
    pub(crate) fn next_main(self, after: Option<SessionIndex>) -> Option<SessionIndex> {
        let next = match after {
            None => SessionIndex::FIRST,
            Some(after) => after.next()?,
        };
        let session = next.get(&self.device.sessions)?;
        (session.kind == SessionKind::Main).then_some(next)
    }

    /// Returns the cleanup session, which is the last one.
    pub(crate) fn cleanup(self) -> Option<SessionIndex> {
        let (index, last) = SessionIndex::enumerate(&self.device.sessions).last()?;
        (last.kind == SessionKind::Cleanup).then_some(index)
    }

    fn is_cleanup(self, index: SessionIndex) -> bool {
        self.session(index).kind == SessionKind::Cleanup
    }
}

/// State of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviceState {
    pub(crate) stage: Stage,
    /// When this stage, the resolution of its session or its cancel began.
    pub(crate) since: Moment,
    pub(crate) readiness: Readiness,
    pub(crate) traces: Traces,
    /// Steps that failed and were allowed to.
    pub(crate) tolerated: u16,
    /// Reason why the device will not end as `ok`; the first one stays.
    pub(crate) trouble: Option<Box<Trouble>>,
}

/// Stage of the session that a device is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The session waits to be started.
    Idle(Idle),
    /// The start was announced and has no answer.
    Announced(Unconfirmed),
    /// The answer to the start was lost. From `final_from` on, a search that does not find the tag means
    /// that the start never arrived.
    Searching {
        start: Unconfirmed,
        final_from: Moment,
    },
    /// The service has the session's action, which has not ended.
    Open(Box<Open>),
    /// The action has ended and its results are fetched.
    Collecting(Box<Collecting>),
    /// The device has ended.
    Done,
}

/// A session, and the start of it that is under way or comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Current {
    pub(crate) session: SessionIndex,
    pub(crate) attempt: Attempt,
    pub(crate) selection: Selection,
}

/// The commands of a session that its next start sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Selection {
    /// Not known until the session is compiled from results.
    Unresolved,
    /// All of them.
    All,
    /// Those that the session's conditions left.
    Resolved(Box<[CommandIndex]>),
    /// A failed command alone. `number` counts its retries from 1.
    Retry { command: CommandIndex, number: u16 },
}

/// A session that waits to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idle {
    pub(crate) current: Current,
    /// The start is not sent before.
    pub(crate) not_before: Moment,
    pub(crate) refusals: Refusals,
}

/// Refusals of the session's starts since the service last accepted one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refusals {
    /// Because another session runs on the device.
    pub(crate) busy: u16,
    /// When that was found first.
    pub(crate) busy_since: Option<Moment>,
    /// For lack of a permission.
    pub(crate) forbidden: u16,
    /// For other reasons that may pass.
    pub(crate) other: u16,
}

/// A start as it was announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) current: Current,
    /// The commands of the request, by the service's index.
    pub(crate) commands: Box<[CommandIndex]>,
}

/// A start that the service has not accepted, as far as is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unconfirmed {
    pub(crate) sent: Sent,
    pub(crate) refusals: Refusals,
}

/// An action that the service has and that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) sent: Sent,
    pub(crate) action: ActionId,
    pub(crate) accepted: Moment,
    /// Its progress on the device; `None` while it waits in the service's queue.
    pub(crate) running: Option<Running>,
    pub(crate) cancel: Option<Cancel>,
}

/// Progress of an action on the device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// When it was first seen to run.
    pub(crate) began: Moment,
    pub(crate) reached: Reached,
}

/// The command that an action is at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The service's index.
    pub(crate) index: RequestIndex,
    pub(crate) state: CommandState,
    /// When that was seen, by our clock: never before it was so.
    pub(crate) since: Moment,
}

/// The cancel of an action of this run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancel {
    pub(crate) reason: CancelReason,
    /// The first request.
    pub(crate) since: Moment,
    /// The latest request.
    pub(crate) last: Moment,
    /// Requests sent.
    pub(crate) sent: u8,
    /// Requests that were refused, or whose answer was lost.
    pub(crate) failed: u8,
    /// The latest request is one of them.
    pub(crate) last_failed: bool,
    /// No further cancel is sent, and the action goes on: its device is offline.
    pub(crate) undelivered: bool,
}

/// Why we cancelled an action: [`CancelWhy`] with the step that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CancelReason {
    /// This step took longer than its `timeout`.
    Timeout(StepIndex),
    Deadline,
    Offline,
    Stop,
    Operator,
    Unresponsive,
    Hours,
    Pause,
}

impl CancelReason {
    /// Returns the reason as the journal names it.
    pub(crate) fn why(self) -> CancelWhy {
        match self {
            CancelReason::Timeout(_) => CancelWhy::Timeout,
            CancelReason::Deadline => CancelWhy::Deadline,
            CancelReason::Offline => CancelWhy::Offline,
            CancelReason::Stop => CancelWhy::Stop,
            CancelReason::Operator => CancelWhy::Operator,
            CancelReason::Unresponsive => CancelWhy::Unresponsive,
            CancelReason::Hours => CancelWhy::Hours,
            CancelReason::Pause => CancelWhy::Pause,
        }
    }

    /// Returns whether the action is only recalled from the service's queue.
    pub(crate) fn is_recall(self) -> bool {
        self.why().is_recall()
    }
}

/// An action that has ended and whose results are fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collecting {
    pub(crate) sent: Sent,
    pub(crate) action: ActionId,
    pub(crate) ended: Moment,
    pub(crate) outcome: ActionOutcome,
    /// Our cancel of it, which may have come too late.
    pub(crate) cancel: Option<CancelReason>,
    /// Outcome of each command that was sent, by the service's index.
    pub(crate) command_outcomes: Box<[CommandOutcome]>,
    /// Results still to be fetched, by the service's index.
    pub(crate) wanted: Vec<RequestIndex>,
    /// Results that are fetched only if the session fails, which it has not so far.
    pub(crate) wanted_if_failed: Vec<RequestIndex>,
    /// The trouble that the session will cause at least; a further result may show that an earlier
    /// command failed as well.
    pub(crate) certain_trouble: Option<Box<Trouble>>,
}

impl Collecting {
    /// Replaces the outcome of a completed command by that of its result. A command that did not
    /// complete keeps its outcome.
    pub(crate) fn replace_outcome(&mut self, index: RequestIndex, outcome: CommandOutcome) {
        if let Some(known @ CommandOutcome::Completed) = index.get_mut(&mut self.command_outcomes) {
            *known = outcome;
        }
    }

    /// Returns whether all commands completed as expected, as far as is known.
    pub(crate) fn all_completed(&self) -> bool {
        self.command_outcomes
            .iter()
            .all(|outcome| *outcome == CommandOutcome::Completed)
    }
}

/// How an action ended, by its own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionOutcome {
    Succeeded,
    Failed,
    /// The service's time ran out while it ran.
    TimeOut,
    /// By us, or by another client.
    Cancelled,
}

/// Outcome of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommandOutcome {
    Completed,
    Failed(Box<str>),
    /// It was running when the action ended.
    Interrupted,
    NotRun,
    /// It completed and is not as expected.
    NotMet(Box<str>),
    /// It completed, and its result can't be fetched.
    Missing(Box<str>),
    /// The service's answer does not match what was sent.
    Unknown(Box<str>),
}

/// Why a device does not end as `ok`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) state: EndState,
    pub(crate) step: Option<StepIndex>,
    pub(crate) why: Box<str>,
}

impl Current {
    /// Returns a session before its first start.
    pub(crate) fn new(context: Context<'_>, session: SessionIndex) -> Self {
        let selection = match context.session(session).request {
            Some(_) => Selection::All,
            None => Selection::Unresolved,
        };
        Current {
            session,
            attempt: Attempt::FIRST,
            selection,
        }
    }

    pub(crate) fn is_cleanup(&self, context: Context<'_>) -> bool {
        context.is_cleanup(self.session)
    }

    /// Retries of the session's last step so far.
    pub(crate) fn retries(&self) -> u16 {
        match self.selection {
            Selection::Retry { number, .. } => number,
            _ => 0,
        }
    }

    /// Returns the commands that the next start of the session sends; none while they are not known.
    pub(crate) fn to_send(&self, context: Context<'_>) -> Vec<SentCommand> {
        let session = context.session(self.session);
        let commands: Vec<CommandIndex> = match &self.selection {
            Selection::Unresolved => Vec::new(),
            Selection::All => CommandIndex::all(session.commands.len()).collect(),
            Selection::Resolved(commands) => commands.to_vec(),
            Selection::Retry { command, .. } => vec![*command],
        };
        let sent = commands.into_iter().map(|command| {
            let planned = command.of(&session.commands);
            SentCommand {
                step: planned.step,
                command,
                retry: self.retries(),
                verb: planned.verb,
                file: None,
            }
        });
        sent.collect()
    }
}

impl Sent {
    /// Returns the plan of a command that was sent.
    pub(crate) fn command<'p>(&self, context: Context<'p>, index: RequestIndex) -> &'p CommandPlan {
        let command = index.of(&self.commands);
        command.of(&context.session(self.current.session).commands)
    }

    /// Returns what the session leaves on the device if it runs. A cleanup session leaves nothing, and
    /// neither does one that only gets files.
    pub(crate) fn leftovers(&self, context: Context<'_>) -> Leftovers {
        let session = context.session(self.current.session);
        let leaves = |command: &CommandIndex| command.of(&session.commands).verb != Verb::Get;
        if session.kind == SessionKind::Main && self.commands.iter().any(leaves) {
            Leftovers::Present
        } else {
            Leftovers::None
        }
    }
}

impl Open {
    /// Returns whether it is cancelled and its device is offline.
    pub(crate) fn is_cancel_undelivered(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.undelivered)
    }

    /// Returns the step that executes and has a `timeout`, and when that ends.
    pub(crate) fn step_deadline(&self, context: Context<'_>) -> Option<(StepIndex, Moment)> {
        let reached = self.running?.reached;
        if reached.state == CommandState::Waiting {
            return None;
        }
        let step = self.sent.command(context, reached.index).step;
        let timeout = context.step(step).timeout?;
        Some((step, reached.since + timeout))
    }
}

impl DeviceState {
    /// Returns the state of a device before its first session, or its end if the plan has no main
    /// session for it.
    pub(crate) fn new(context: Context<'_>, started: Moment) -> Self {
        let state = DeviceState {
            stage: Stage::Done,
            since: started,
            readiness: Readiness::Unknown,
            traces: Traces::NotStarted,
            tolerated: 0,
            trouble: None,
        };
        match context.next_main(None) {
            Some(first) => DeviceState {
                stage: Stage::Idle(Idle {
                    current: Current::new(context, first),
                    not_before: started,
                    refusals: Refusals::default(),
                }),
                ..state
            },
            None => DeviceState {
                trouble: Some(Box::new(Trouble {
                    state: EndState::Skipped,
                    step: None,
                    why: "no step of the playbook applies to it".into(),
                })),
                ..state
            },
        }
    }

    /// Returns the reason why it is no longer waited for, as a clause.
    pub(crate) fn offline_reason(&self) -> String {
        let never = "it did not come online before `offline.until`";
        match &self.readiness {
            Readiness::Offline { why } => format!("{never}: {why}"),
            Readiness::Unresponsive { .. } => {
                format!("{never}: it was not seen again after it did not pick up its session")
            }
            Readiness::Unknown | Readiness::Ready => never.to_owned(),
        }
    }

    /// Records that the device has not taken the session, or not heard of the cancel, of `since`.
    pub(crate) fn set_unresponsive(&mut self, since: Moment) {
        if !matches!(self.readiness, Readiness::Offline { .. }) {
            self.readiness = Readiness::Unresponsive { since };
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle(_))
    }

    /// Returns the session that it is at; `None` once it has ended.
    pub(crate) fn current(&self) -> Option<&Current> {
        match &self.stage {
            Stage::Idle(idle) => Some(&idle.current),
            _ => self.sent().map(|sent| &sent.current),
        }
    }

    /// Returns the start that is under way or whose results are fetched.
    pub(crate) fn sent(&self) -> Option<&Sent> {
        match &self.stage {
            Stage::Announced(start) | Stage::Searching { start, .. } => Some(&start.sent),
            Stage::Open(open) => Some(&open.sent),
            Stage::Collecting(collecting) => Some(&collecting.sent),
            Stage::Idle(_) | Stage::Done => None,
        }
    }

    /// Returns the read that it waits for, if any. Failures of one read don't delay the next one.
    pub(crate) fn awaited_read(&self) -> Option<AwaitedRead> {
        match &self.stage {
            Stage::Idle(idle) if idle.current.selection == Selection::Unresolved => {
                Some(AwaitedRead::Results(idle.current.session))
            }
            Stage::Searching { start, final_from } => Some(AwaitedRead::Search {
                attempt: start.sent.current.attempt,
                final_from: *final_from,
            }),
            Stage::Collecting(collecting) => Some(AwaitedRead::Result {
                ended: collecting.ended,
                next: collecting.wanted.first().copied(),
            }),
            Stage::Idle(_) | Stage::Announced(_) | Stage::Open(_) | Stage::Done => None,
        }
    }

    /// Returns whether it holds one of the tenant's slots, or may.
    pub(crate) fn holds_slot(&self) -> bool {
        matches!(
            self.stage,
            Stage::Announced(_) | Stage::Searching { .. } | Stage::Open(_)
        )
    }

    /// Returns whether it holds a slot while its device is offline.
    pub(crate) fn is_offline_in_slot(&self) -> bool {
        self.readiness.is_offline()
            && match &self.stage {
                Stage::Announced(_) | Stage::Searching { .. } => true,
                Stage::Open(open) => open.running.is_none() || open.is_cancel_undelivered(),
                Stage::Idle(_) | Stage::Collecting(_) | Stage::Done => false,
            }
    }

    /// Returns the open action, if there is one.
    pub(crate) fn open(&self) -> Option<&Open> {
        match &self.stage {
            Stage::Open(open) => Some(open),
            _ => None,
        }
    }

    /// Returns when the service accepted the open action, if its device has not taken it and it is not
    /// being cancelled.
    pub(crate) fn waits_for_device(&self) -> Option<Moment> {
        self.open()
            .filter(|open| open.running.is_none() && open.cancel.is_none())
            .map(|open| open.accepted)
    }

    /// Returns whether the effect of a cancel is awaited.
    pub(crate) fn is_being_cancelled(&self) -> bool {
        self.open()
            .is_some_and(|open| open.cancel.is_some() && !open.is_cancel_undelivered())
    }

    /// Returns whether its device went offline at a session that was cancelled.
    pub(crate) fn is_cancel_undelivered(&self) -> bool {
        self.open().is_some_and(Open::is_cancel_undelivered)
    }

    /// Returns how it will end, as far as that is certain.
    pub(crate) fn certain_end(&self) -> Option<EndState> {
        match (&self.trouble, &self.stage) {
            (Some(trouble), _) => Some(trouble.state),
            (None, Stage::Collecting(collecting)) => collecting
                .certain_trouble
                .as_deref()
                .map(|trouble| trouble.state),
            (None, Stage::Done) => Some(EndState::Ok),
            (None, _) => None,
        }
    }

    /// Returns whether something is left on the device that nobody has cleaned up or given up.
    pub(crate) fn owes_cleanup(&self, context: Context<'_>) -> bool {
        let under_way = || {
            self.sent()
                .is_some_and(|sent| sent.leftovers(context) == Leftovers::Present)
        };
        context.cleanup().is_some()
            && !self.traces.is_waived()
            && (self.traces.needs_cleanup() || under_way())
    }
}

/// A read that a device waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AwaitedRead {
    /// The results that the session is compiled from.
    Results(SessionIndex),
    /// A search for the start.
    Search {
        attempt: Attempt,
        final_from: Moment,
    },
    /// This result of the action that ended then.
    Result {
        ended: Moment,
        next: Option<RequestIndex>,
    },
}

/// Why a fact does not fit, as a clause about the state that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rejected(pub(crate) &'static str);
