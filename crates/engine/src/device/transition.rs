//! How a device goes on from one thing to the next. Called from `apply.rs` for what happens to the
//! device, and from the fleet for orders of the run as a whole.

use std::mem;
use std::time::Duration;

use svar_plan::{CleanupWhen, OfflineMode, OnStop, SessionIndex, StepIndex};
use svar_wire::{ActionId, ActionStatus, Moment};

use super::outcome::{self, SessionOutcome};
use super::state::{
    ActionOutcome, CancelReason, Collecting, Context, Current, DeviceState, Idle, Open, Refusals,
    Rejected, Selection, Sent, Stage, Trouble, Unconfirmed,
};
use crate::end::EndState;
use crate::fact::{Availability, CommandEnd, GiveUp, Refusal, RequestIndex};
use crate::retry::{AnswerClass, class_of_start};
use crate::status::Readiness;
use crate::stop::{Orders, StoppedBy};

/// An action may be invisible to lists for this long after it was created (API notes 4.5).
pub(crate) const VISIBILITY_LAG: Duration = Duration::from_secs(120);

/// A request of a process that died may reach the service this much later, through a gateway: as long
/// as the client would have waited for its answer.
pub(crate) const REQUEST_ARRIVAL_LAG: Duration = Duration::from_secs(100);

/// Pauses between starts on a busy device, in seconds. The first is short, because the other session is
/// often just ending.
const BUSY_PAUSES: [u64; 4] = [15, 30, 45, 60];

/// A permission takes effect about so long after it was granted (API notes 2.4).
const PERMISSION_LAG: Duration = Duration::from_secs(60);

/// Refusals in a row that are tried again, before a further one is final.
const REFUSALS_MAX: u16 = 5;

/// A device whose state changes at a moment.
pub(crate) struct Transition<'p, 's> {
    pub(crate) context: Context<'p>,
    pub(crate) state: &'s mut DeviceState,
    pub(crate) at: Moment,
}

/// What the service says of an action that has ended.
#[derive(Clone, Copy)]
pub(crate) struct ActionEnd<'e> {
    pub(crate) status: &'e ActionStatus,
    /// The service ended it because its time was over.
    pub(crate) expired: bool,
    pub(crate) commands: &'e [CommandEnd],
}

/// What a refusal of a start leads to.
enum AfterRefusal {
    /// The start is sent again after the pause.
    StartAgain { refusals: Refusals, pause: Duration },
    /// The start may have been applied after all.
    Search,
    /// It is refused permanently.
    Fail,
}

impl Transition<'_, '_> {
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.state.stage = stage;
        self.state.since = self.at;
    }

    /// Takes the device out of its stage; the caller enters the next one.
    fn leave(&mut self) -> Stage {
        mem::replace(&mut self.state.stage, Stage::Done)
    }

    /// Takes the device out of a start that is announced or looked for.
    fn leave_start(&mut self) -> Unconfirmed {
        match self.leave() {
            Stage::Announced(start) | Stage::Searching { start, .. } => start,
            stage => panic!("internal error: no start is under way, but {stage:?}"),
        }
    }

    /// Records why the device will not end as `ok`. The first trouble decides.
    pub(crate) fn trouble(&mut self, state: EndState, step: Option<StepIndex>, why: &str) {
        self.state.trouble.get_or_insert_with(|| {
            Box::new(Trouble {
                state,
                step,
                why: why.into(),
            })
        });
    }

    /// Makes the start under way the open action.
    pub(crate) fn open(&mut self, action: &ActionId) {
        let start = self.leave_start();
        self.enter(Stage::Open(Box::new(Open {
            sent: start.sent,
            action: action.clone(),
            accepted: self.at,
            running: None,
            cancel: None,
        })));
    }

    /// Begins to look for a start whose answer is lost. From `final_from` on, not found means not sent.
    pub(crate) fn begin_search(&mut self, final_from: Moment) {
        let start = self.leave_start();
        self.enter(Stage::Searching { start, final_from });
    }

    /// Begins to look for a start that the service answered with an action of this run (API
    /// notes 3.6): another session holds the device, and the service may have created one more.
    pub(crate) fn begin_busy_search(&mut self) {
        let mut start = self.leave_start();
        start.refusals.busy_since.get_or_insert(self.at);
        let final_from = self.at + VISIBILITY_LAG;
        self.enter(Stage::Searching { start, final_from });
    }

    /// Starts the session again: the start that was looked for never reached the service.
    pub(crate) fn start_not_found(&mut self) {
        let start = self.leave_start();
        self.start_again(start.sent.current, start.refusals, Duration::ZERO);
    }

    /// Makes the session wait for its next start, which gets a number of its own, so that its tag is
    /// unique.
    fn start_again(&mut self, current: Current, refusals: Refusals, pause: Duration) {
        // Its cleanup was given up while its start was under way: it is not sent again.
        if self.state.traces.is_waived() && current.is_cleanup(self.context) {
            return self.enter(Stage::Done);
        }
        let Some(attempt) = current.attempt.next() else {
            self.trouble(EndState::Failed, None, "too many start attempts");
            return self.advance(current.session);
        };
        self.enter(Stage::Idle(Idle {
            current: Current { attempt, ..current },
            not_before: self.at + pause,
            refusals,
        }));
    }

    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        let Unconfirmed { sent, refusals } = self.leave_start();
        match after_refusal(refusal, refusals, self.at) {
            AfterRefusal::StartAgain { refusals, pause } => {
                self.start_again(sent.current, refusals, pause);
            }
            AfterRefusal::Search => self.enter(Stage::Searching {
                start: Unconfirmed { sent, refusals },
                final_from: self.at + VISIBILITY_LAG,
            }),
            AfterRefusal::Fail => {
                let code = match refusal.code.as_str() {
                    "" => String::new(),
                    code => format!(" {code}"),
                };
                let why = format!("refused: {}{code}: {}", refusal.status, refusal.message);
                self.trouble(EndState::Failed, None, &why);
                self.advance(sent.current.session);
            }
        }
    }

    /// Ends the open action and begins to collect its results.
    pub(crate) fn action_ended(&mut self, end: ActionEnd<'_>) {
        let open = match self.leave() {
            Stage::Open(open) => *open,
            stage => panic!("internal error: no action is open, but {stage:?}"),
        };
        let never_ran = outcome::never_ran(end.commands, open.running);
        let reason = open.cancel.map(|cancel| cancel.reason);
        let outcome = match end.status {
            ActionStatus::Succeeded => ActionOutcome::Succeeded,
            ActionStatus::TimeOut => ActionOutcome::TimeOut,
            ActionStatus::Cancelled => ActionOutcome::Cancelled,
            _ => ActionOutcome::Failed,
        };
        let recalled =
            outcome == ActionOutcome::Cancelled && reason.is_some_and(CancelReason::is_recall);
        if never_ran && (end.expired || recalled) {
            return self.left_the_queue(open, end);
        }
        if !never_ran {
            self.state.readiness = Readiness::Ready;
        }
        if outcome != ActionOutcome::Cancelled || !never_ran {
            self.state
                .traces
                .record_run(open.sent.leftovers(self.context));
        }
        let outcomes =
            outcome::command_outcomes(open.sent.commands.len(), end.status, end.commands);
        let mut collecting = Collecting {
            sent: open.sent,
            action: open.action,
            ended: self.at,
            outcome,
            cancel: reason,
            command_outcomes: outcomes,
            wanted: Vec::new(),
            wanted_if_failed: Vec::new(),
            certain_trouble: None,
        };
        outcome::want_results(self.context, &mut collecting);
        self.enter(Stage::Collecting(Box::new(collecting)));
        self.conclude_if_complete();
    }

    /// Goes on after a session that left the service's queue, by its end or by a recall, without a
    /// command run.
    fn left_the_queue(&mut self, open: Open, end: ActionEnd<'_>) {
        let reason = open.cancel.map(|cancel| cancel.reason);
        // A device that is online would have taken it in that time.
        if end.expired || reason == Some(CancelReason::Unresponsive) {
            self.state.set_unresponsive(open.accepted);
        }
        if let Some(reason) = reason.filter(|reason| !reason.is_recall()) {
            let outcome = outcome::cancelled(self.context, Some(reason), None);
            return self.conclude(open.sent.current, outcome);
        }
        let is_offline = self.state.readiness.is_offline();
        let left_out = self.context.plan.policy.offline.mode == OfflineMode::Skip
            && !self.state.traces.has_run();
        if is_offline && left_out {
            let why = "offline: the device did not pick up the session";
            self.trouble(EndState::Skipped, None, why);
            self.advance(open.sent.current.session);
        } else if is_offline && self.at >= self.context.offline_until {
            let why = self.state.offline_reason();
            self.trouble(EndState::OfflineExpired, None, &why);
            self.advance(open.sent.current.session);
        } else {
            self.start_again(open.sent.current, Refusals::default(), Duration::ZERO);
        }
    }

    /// Removes a result from those that are awaited: it was fetched, or can't be.
    pub(crate) fn result_done(&mut self, index: RequestIndex) {
        if let Stage::Collecting(collecting) = &mut self.state.stage {
            collecting.wanted.retain(|other| *other != index);
            if !collecting.all_completed() {
                collecting.wanted.append(&mut collecting.wanted_if_failed);
            }
        }
        self.conclude_if_complete();
    }

    /// Concludes the session if its last result is in. Before that, the trouble that is certain is
    /// known to the stop rule at once: a further result can only show that an earlier command of the
    /// session failed as well.
    fn conclude_if_complete(&mut self) {
        let Stage::Collecting(collecting) = &mut self.state.stage else {
            return;
        };
        if collecting.wanted.is_empty() {
            let outcome = outcome::conclude(self.context, collecting);
            let current = collecting.sent.current.clone();
            self.conclude(current, outcome);
        } else if self.state.trouble.is_none()
            && collecting.certain_trouble.is_none()
            && let SessionOutcome::Trouble(trouble) = outcome::conclude(self.context, collecting)
        {
            collecting.certain_trouble = Some(Box::new(trouble));
        }
    }

    fn conclude(&mut self, current: Current, outcome: SessionOutcome) {
        match outcome {
            SessionOutcome::GoOn { tolerated } => {
                self.state.tolerated = self.state.tolerated.saturating_add(tolerated);
                if current.is_cleanup(self.context) {
                    self.state.traces.mark_cleaned();
                }
                self.advance(current.session);
            }
            SessionOutcome::Retry { command, delay_ms } => {
                let number = current.retries() + 1;
                let current = Current {
                    selection: Selection::Retry { command, number },
                    ..current
                };
                let pause = Duration::from_millis(delay_ms);
                self.start_again(current, Refusals::default(), pause);
            }
            SessionOutcome::Trouble(trouble) => {
                self.state.trouble.get_or_insert_with(|| Box::new(trouble));
                self.advance(current.session);
            }
        }
    }

    /// Applies what the device list says of the device.
    pub(crate) fn readiness(&mut self, availability: &Availability) {
        let Stage::Idle(idle) = &self.state.stage else {
            // It was started in the meantime: what the service does with the start says more than the list.
            return;
        };
        let session = idle.current.session;
        self.state.readiness = match availability {
            Availability::Ready => Readiness::Ready,
            Availability::Offline { why } | Availability::Unsupported { why } => {
                Readiness::Offline {
                    why: why.as_str().into(),
                }
            }
        };
        if self.state.traces.has_run() {
            return;
        }
        match availability {
            Availability::Ready => {}
            Availability::Unsupported { why } => {
                self.trouble(EndState::Skipped, None, why);
                self.advance(session);
            }
            Availability::Offline { why } => {
                if self.context.plan.policy.offline.mode == OfflineMode::Skip {
                    self.trouble(EndState::Skipped, None, &format!("offline: {why}"));
                    self.advance(session);
                } else if self.at >= self.context.offline_until {
                    let why = self.state.offline_reason();
                    self.trouble(EndState::OfflineExpired, None, &why);
                    self.advance(session);
                }
            }
        }
    }

    /// Ends a wait whose time is over.
    pub(crate) fn gave_up(&mut self, why: GiveUp) -> Result<(), Rejected> {
        match (why, &mut self.state.stage) {
            (GiveUp::OtherSession, Stage::Idle(idle)) if idle.refusals.busy_since.is_some() => {
                let session = idle.current.session;
                let why = "another live response session kept the device busy for too long";
                self.trouble(EndState::Busy, None, why);
                self.advance(session);
            }
            (GiveUp::CancelConfirmation, Stage::Open(open)) => {
                let Some(cancel) = open.cancel else {
                    return Err(Rejected("no cancel was sent"));
                };
                let unconfirmed = format!(
                    "action {} was cancelled but the service did not confirm it; it may still be running",
                    open.action
                );
                let (step, why) = match cancel.reason {
                    CancelReason::Timeout(step) => {
                        let overdue = outcome::overdue(self.context, step);
                        (Some(step), format!("{overdue}; {unconfirmed}"))
                    }
                    _ => (None, unconfirmed),
                };
                let state = outcome::cancelled_state(cancel.reason);
                self.give_up_open(step, state, &why);
            }
            (GiveUp::ActionEnd, Stage::Open(open)) => {
                let why = format!(
                    "the service never reported how action {} ended",
                    open.action
                );
                self.give_up_open(None, EndState::Unknown, &why);
            }
            (GiveUp::Pickup, Stage::Open(open)) if open.running.is_none() => {
                let accepted = open.accepted;
                self.state.set_unresponsive(accepted);
            }
            (GiveUp::CancelDelivery, Stage::Open(open)) if !open.is_cancel_undelivered() => {
                let Some(cancel) = &mut open.cancel else {
                    return Err(Rejected("no cancel was sent"));
                };
                cancel.undelivered = true;
                let since = cancel.since;
                self.state.set_unresponsive(since);
            }
            _ => return Err(Rejected("the device does not wait for that")),
        }
        Ok(())
    }

    /// Stops waiting for the end of the open action, which may have run.
    fn give_up_open(&mut self, step: Option<StepIndex>, state: EndState, why: &str) {
        let sent = self.expect_sent();
        let (left, session) = (sent.leftovers(self.context), sent.current.session);
        self.state.traces.record_run(left);
        self.trouble(state, step, why);
        self.advance(session);
    }

    fn expect_sent(&self) -> &Sent {
        match self.state.sent() {
            Some(sent) => sent,
            None => panic!("internal error: no start is under way"),
        }
    }

    /// Goes on to the next session, to cleanup, or to the end.
    pub(crate) fn advance(&mut self, after: SessionIndex) {
        if self.state.trouble.is_none()
            && let Some(next) = self.context.next_main(Some(after))
        {
            return self.begin_session(next);
        }
        let due = match self.context.plan.policy.cleanup_when {
            CleanupWhen::Always => true,
            CleanupWhen::Failed => self.state.trouble.is_some(),
        };
        if !due {
            self.state.traces.mark_cleaned();
        }
        match self.context.cleanup() {
            Some(cleanup) if cleanup != after && self.state.traces.needs_cleanup() => {
                self.begin_session(cleanup);
            }
            _ => self.enter(Stage::Done),
        }
    }

    fn begin_session(&mut self, session: SessionIndex) {
        self.enter(Stage::Idle(Idle {
            current: Current::new(self.context, session),
            not_before: self.at,
            refusals: Refusals::default(),
        }));
    }

    /// Applies the orders of the run to an idle device.
    pub(crate) fn apply_orders(&mut self, orders: &Orders) {
        while let Stage::Idle(idle) = &self.state.stage {
            let session = idle.current.session;
            let is_cleanup = idle.current.is_cleanup(self.context);
            let is_offline = orders.offline_limit_passed && self.state.readiness.is_offline();
            if is_cleanup {
                if orders.deadline_passed || is_offline {
                    // Given up: what is left stays and is reported.
                    self.enter(Stage::Done);
                }
                return;
            }
            let (state, why) = if is_offline {
                (EndState::OfflineExpired, self.state.offline_reason())
            } else if let Some((state, why)) = self.ended_by(orders) {
                (state, why.to_owned())
            } else {
                return;
            };
            self.trouble(state, None, &why);
            self.advance(session);
        }
    }

    /// Returns how the run's deadline or its stop ends a device before its next main session, if it does.
    fn ended_by(&self, orders: &Orders) -> Option<(EndState, &'static str)> {
        let touched = self.state.traces.has_run();
        if orders.deadline_passed {
            return Some(if touched {
                (EndState::TimedOut, "the run's deadline passed")
            } else {
                let why = "the run's deadline passed before it was started";
                (EndState::NotStarted, why)
            });
        }
        let stopped = orders.stopped?;
        match (touched, stopped.by) {
            (false, StoppedBy::Operator) => {
                let why = "the operator ended the run before it was started";
                Some((EndState::NotStarted, why))
            }
            (false, StoppedBy::Rule) => {
                let why = "the stop rule stopped the run before it was started";
                Some((EndState::NotStarted, why))
            }
            (true, _) if stopped.how != OnStop::Abort => None,
            (true, StoppedBy::Operator) => {
                let why = "the operator ended the run between two sessions";
                Some((EndState::Cancelled, why))
            }
            (true, StoppedBy::Rule) => {
                let why = "the stop rule stopped the run between two sessions";
                Some((EndState::Cancelled, why))
            }
        }
    }

    /// Gives up the cleanup of this device. A cleanup session under way is not cancelled.
    pub(crate) fn waive(&mut self) -> Result<(), Rejected> {
        if !self.state.owes_cleanup(self.context) {
            return Err(Rejected("the device owes no cleanup"));
        }
        self.state.traces.waive();
        if let Stage::Idle(idle) = &self.state.stage
            && idle.current.is_cleanup(self.context)
        {
            self.enter(Stage::Done);
        }
        Ok(())
    }

    /// Adapts to another process that resumed the run. A start that was announced and not answered may
    /// have been sent at any moment until now, may arrive later, and becomes visible later still.
    pub(crate) fn resume(&mut self) {
        if matches!(self.state.stage, Stage::Announced(_)) {
            self.begin_search(self.at + REQUEST_ARRIVAL_LAG + VISIBILITY_LAG);
        }
    }
}

fn after_refusal(refusal: &Refusal, before: Refusals, at: Moment) -> AfterRefusal {
    let asked = refusal.retry_after_ms.map(Duration::from_millis);
    let again = |refusals, pause| AfterRefusal::StartAgain {
        refusals,
        pause: asked.unwrap_or(pause),
    };
    match class_of_start(refusal.status, &refusal.code) {
        AnswerClass::Busy => {
            let place = usize::from(before.busy).min(BUSY_PAUSES.len() - 1);
            let refusals = Refusals {
                busy: before.busy.saturating_add(1),
                busy_since: Some(before.busy_since.unwrap_or(at)),
                ..before
            };
            again(refusals, Duration::from_secs(BUSY_PAUSES[place]))
        }
        // The network is down, or the sign-in: however long that takes, it is not the device's
        // failure, so it is not counted.
        AnswerClass::NotSent => AfterRefusal::StartAgain {
            refusals: before,
            pause: Duration::from_secs(30),
        },
        // The quota knows how long.
        AnswerClass::Throttled => AfterRefusal::StartAgain {
            refusals: before,
            pause: Duration::ZERO,
        },
        AnswerClass::Retry if before.other < REFUSALS_MAX => {
            let refusals = Refusals {
                other: before.other + 1,
                ..before
            };
            again(refusals, Duration::from_secs(5 << before.other.min(4)))
        }
        AnswerClass::Forbidden if before.forbidden == 0 => {
            let refusals = Refusals {
                forbidden: 1,
                ..before
            };
            again(refusals, PERMISSION_LAG)
        }
        // Reported as a refusal, which it is not: it may have been applied.
        AnswerClass::Unknown | AnswerClass::Success => AfterRefusal::Search,
        AnswerClass::Rejected | AnswerClass::Retry | AnswerClass::Forbidden => AfterRefusal::Fail,
    }
}
