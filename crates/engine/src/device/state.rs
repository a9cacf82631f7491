//! How far one device has come: small, serializable, made of facts alone.

use serde::{Deserialize, Serialize};

use svar_plan::{
    CommandIndex, CommandPlan, DevicePlan, Plan, Session, SessionIndex, SessionKind, StepIndex,
    Verb,
};
use svar_wire::ActionId;
use svar_wire::Moment;

use crate::end::EndState;
use crate::fact::{Attempt, CancelWhy, CommandState, RequestIndex, SentCommand};

/// What a device's facts are read against: the plan, and its own part of it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) device: &'p DevicePlan,
    pub(crate) offline_until: Moment,
}

/// One device's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviceState {
    pub(crate) stage: Stage,
    /// Since when it is in this stage.
    pub(crate) since: Moment,
    /// The session it is at.
    pub(crate) session: SessionIndex,
    /// The number of the start under way, or of the next one.
    pub(crate) attempt: Attempt,
    /// The commands that the session's conditions left, once it was resolved.
    pub(crate) resolved: Option<Box<[CommandIndex]>>,
    /// The start sends this command alone: a retry.
    pub(crate) only: Option<CommandIndex>,
    /// Retries of the session's last step so far.
    pub(crate) retries: u16,
    /// Refusals in a row that are to be tried again.
    pub(crate) refusals: u16,
    /// Since when somebody else's session holds the device.
    pub(crate) busy_since: Option<Moment>,
    /// The next start is not sent before.
    pub(crate) not_before: Moment,
    /// Whether it can be started, as far as is known.
    pub(crate) readiness: Readiness,
    /// Why the machine list does not show it as ready.
    pub(crate) unready: Option<Box<str>>,
    /// A start was announced at least once.
    pub(crate) begun: bool,
    /// A session of it ran on the device, or may have.
    pub(crate) touched: bool,
    /// Something that was put or run in an earlier session is not yet cleaned up.
    pub(crate) debt: bool,
    /// A person gave up what is not cleaned up.
    pub(crate) waived: bool,
    /// Steps that failed and were allowed to.
    pub(crate) tolerated: u16,
    /// Why it will not end as `ok`; the first such thing stays.
    pub(crate) trouble: Option<Box<Trouble>>,
}

/// What a device is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// No start is under way.
    Idle,
    /// Announced, not answered.
    Announced { sent: Box<[CommandIndex]> },
    /// The answer is lost. From `settled` on, not finding the tag means that it never arrived.
    Doubtful {
        settled: Moment,
        sent: Box<[CommandIndex]>,
    },
    /// The service has it.
    Open(Box<Open>),
    /// It has ended; results come in.
    Collecting(Box<Collecting>),
    /// Over.
    Done,
}

/// An action that the service has and that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) action: ActionId,
    /// The commands that were sent, by the service's index.
    pub(crate) sent: Box<[CommandIndex]>,
    pub(crate) accepted: Moment,
    /// When it was seen to run on the device.
    pub(crate) began: Option<Moment>,
    /// How far it is on the device, once it has begun.
    pub(crate) reached: Option<Reached>,
    pub(crate) cancel: Option<Cancelling>,
}

impl Open {
    /// It is cancelled, and its device sleeps.
    pub(crate) fn is_unheard(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.unheard)
    }
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

/// An own action that was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancelling {
    pub(crate) why: CancelWhy,
    /// The step that took longer than it may.
    pub(crate) overdue: Option<StepIndex>,
    /// The first cancel.
    pub(crate) since: Moment,
    /// The latest cancel.
    pub(crate) last: Moment,
    pub(crate) sent: u8,
    /// Of those, how many were refused, or their answer was lost.
    pub(crate) failed: u8,
    /// The latest is one of them.
    pub(crate) just_failed: bool,
    /// The service took them all and the action goes on: its device sleeps.
    pub(crate) unheard: bool,
}

/// An action that has ended and whose results come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collecting {
    pub(crate) action: ActionId,
    /// The commands that were sent, by the service's index.
    pub(crate) sent: Box<[CommandIndex]>,
    pub(crate) ended: Moment,
    pub(crate) close: ActionOutcome,
    /// The step that it was cancelled for.
    pub(crate) overdue: Option<StepIndex>,
    /// What became of each command that was sent, by the service's index.
    pub(crate) command_outcomes: Box<[CommandOutcome]>,
    /// Results still to be had, by the service's index.
    pub(crate) wanted: Vec<RequestIndex>,
    /// Results that are wanted only of sessions that failed, and this one has not so far.
    pub(crate) if_failed: Vec<RequestIndex>,
    /// The device's trouble comes from this session, and a further result may name an earlier
    /// command instead.
    pub(crate) foreseen: bool,
}

impl Collecting {
    /// Replaces the outcome of a completed command by what its result says. A command that did not
    /// complete keeps its outcome.
    pub(crate) fn spoil(&mut self, index: RequestIndex, outcome: CommandOutcome) {
        if let Some(known @ CommandOutcome::Completed) = index.get_mut(&mut self.command_outcomes) {
            *known = outcome;
        }
    }
}

/// How the action itself ended, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionOutcome {
    Succeeded,
    Failed,
    /// The service's time ran out while it ran.
    TimeOut,
    /// Cancelled: by us for this reason, or by somebody else.
    Cancelled(Option<CancelWhy>),
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommandOutcome {
    Completed,
    Failed(Box<str>),
    /// It had begun and not ended when the action ended.
    Cut,
    NotRun,
    /// It completed and is not as expected.
    NotMet(Box<str>),
    /// It completed, and its result is not to be had.
    Missing(Box<str>),
    /// The service's answer does not fit what was sent.
    Unknown(Box<str>),
}

/// Why a device does not end as `ok`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) state: EndState,
    pub(crate) step: Option<StepIndex>,
    pub(crate) why: Box<str>,
}

/// Whether a device can be started, as far as is known. The one place where that is kept: who reads
/// the machine list is told what counts as news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    /// The machine list has not been asked.
    Unasked,
    /// It was seen lately, or at work.
    Ready,
    /// It was seen lately, and has not taken the session that the service accepted at `since`, nor
    /// heard of a cancel since then. Only being seen after that moment makes it ready again: the same
    /// old report would start it for ever.
    Dozing { since: Moment },
    /// The machine list does not show it as ready.
    Asleep,
}

impl Readiness {
    pub(crate) fn sleeps(self) -> bool {
        matches!(self, Readiness::Dozing { .. } | Readiness::Asleep)
    }
}

impl DeviceState {
    pub(crate) fn new(started: Moment) -> Self {
        DeviceState {
            stage: Stage::Idle,
            since: started,
            session: SessionIndex::FIRST,
            attempt: Attempt::FIRST,
            resolved: None,
            only: None,
            retries: 0,
            refusals: 0,
            busy_since: None,
            not_before: started,
            readiness: Readiness::Unasked,
            unready: None,
            begun: false,
            touched: false,
            debt: false,
            waived: false,
            tolerated: 0,
            trouble: None,
        }
    }

    /// In one sentence, once it is not waited for any longer.
    pub(crate) fn never_came(&self) -> String {
        let never = "it did not come online before `offline.until`";
        match (&self.unready, self.readiness) {
            (Some(why), Readiness::Asleep) => format!("{never}: {why}"),
            (_, Readiness::Dozing { .. }) => {
                format!("{never}: it was not seen again after it left its session in the queue")
            }
            _ => never.to_owned(),
        }
    }

    /// It has not taken the session, or not heard of the cancel, of `since`.
    pub(crate) fn doze(&mut self, since: Moment) {
        if self.readiness != Readiness::Asleep {
            self.readiness = Readiness::Dozing { since };
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// It holds one of the tenant's slots, or may.
    pub(crate) fn holds_slot(&self) -> bool {
        matches!(
            self.stage,
            Stage::Announced { .. } | Stage::Doubtful { .. } | Stage::Open(_)
        )
    }

    /// Holds a slot while its device sleeps.
    pub(crate) fn sleeps_in_slot(&self) -> bool {
        self.readiness.sleeps()
            && match &self.stage {
                Stage::Announced { .. } | Stage::Doubtful { .. } => true,
                Stage::Open(open) => open.began.is_none() || open.is_unheard(),
                _ => false,
            }
    }

    /// The open action, if there is one.
    pub(crate) fn open_action(&self) -> Option<&ActionId> {
        match &self.stage {
            Stage::Open(open) => Some(&open.action),
            _ => None,
        }
    }

    /// When the service accepted the open action, if its device has not taken it and nobody cancels it.
    pub(crate) fn waits_for_device(&self) -> Option<Moment> {
        match &self.stage {
            Stage::Open(open) if open.began.is_none() && open.cancel.is_none() => {
                Some(open.accepted)
            }
            _ => None,
        }
    }

    /// A cancel is on its way that is waited for.
    pub(crate) fn is_being_cancelled(&self) -> bool {
        matches!(&self.stage, Stage::Open(open) if open.cancel.is_some() && !open.is_unheard())
    }

    /// Its device fell asleep at a session that was cancelled.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(&self.stage, Stage::Open(open) if open.is_unheard())
    }

    /// How it will end, as far as that is certain already.
    pub(crate) fn decided(&self) -> Option<EndState> {
        match &self.trouble {
            Some(trouble) => Some(trouble.state),
            None => self.is_done().then_some(EndState::Ok),
        }
    }

    /// The session it is at.
    pub(crate) fn at<'p>(&self, context: Context<'p>) -> Option<&'p Session> {
        self.session.get(&context.device.sessions)
    }

    pub(crate) fn in_cleanup(&self, context: Context<'_>) -> bool {
        self.at(context)
            .is_some_and(|session| session.kind == SessionKind::Cleanup)
    }

    /// The session's commands must be worked out from results first.
    pub(crate) fn must_resolve(&self, context: Context<'_>) -> bool {
        self.resolved.is_none()
            && self
                .at(context)
                .is_some_and(|session| session.request.is_none())
    }

    /// The commands that the next start of the session sends.
    pub(crate) fn to_send(&self, context: Context<'_>) -> Vec<SentCommand> {
        let Some(session) = self.at(context) else {
            return Vec::new();
        };
        let commands: Vec<CommandIndex> = match (self.only, &self.resolved) {
            (Some(only), _) => vec![only],
            (None, Some(resolved)) => resolved.to_vec(),
            (None, None) => CommandIndex::all(session.commands.len()).collect(),
        };
        let sent = commands.into_iter().map(|command| {
            let planned = command.of(&session.commands);
            SentCommand {
                step: planned.step,
                command,
                retry: if self.only.is_some() { self.retries } else { 0 },
                verb: planned.verb,
                file: None,
            }
        });
        sent.collect()
    }

    /// The commands of the start under way, by the service's index; none while there is no such start.
    pub(crate) fn sent(&self) -> &[CommandIndex] {
        match &self.stage {
            Stage::Announced { sent } | Stage::Doubtful { sent, .. } => sent,
            Stage::Open(open) => &open.sent,
            Stage::Collecting(collecting) => &collecting.sent,
            Stage::Idle | Stage::Done => &[],
        }
    }

    /// The command behind an index of the session.
    pub(crate) fn command<'p>(
        &self,
        context: Context<'p>,
        index: CommandIndex,
    ) -> Option<&'p CommandPlan> {
        index.get(&self.at(context)?.commands)
    }

    /// The session puts or runs something.
    pub(crate) fn leaves_traces(&self, context: Context<'_>) -> bool {
        self.sent().iter().any(|index| {
            self.command(context, *index)
                .is_some_and(|command| command.verb != Verb::Get)
        })
    }

    /// The step that executes and has a `timeout`, and when that is over.
    pub(crate) fn time_out(
        &self,
        context: Context<'_>,
        open: &Open,
    ) -> Option<(StepIndex, Moment)> {
        let reached = open
            .reached
            .filter(|reached| reached.state != CommandState::Waiting)?;
        let step = self.command(context, *reached.index.get(&open.sent)?)?.step;
        let timeout = step.get(&context.plan.steps)?.timeout?;
        Some((step, reached.since + timeout))
    }

    /// Something is left on the device that nobody has cleaned up.
    pub(crate) fn owes_cleanup(&self, context: Context<'_>) -> bool {
        let has_cleanup = context
            .device
            .sessions
            .last()
            .is_some_and(|session| session.kind == SessionKind::Cleanup);
        let under_way = !matches!(self.stage, Stage::Idle | Stage::Done)
            && !self.in_cleanup(context)
            && self.leaves_traces(context);
        has_cleanup && !self.waived && (self.debt || under_way)
    }
}

/// What a fact meets instead of what it needs, as a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) &'static str);
