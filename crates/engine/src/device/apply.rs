//! Applies facts: every change of a device's state begins in [`Transition::apply`], or with an order of
//! the run.
//!
//! A fact that does not fit is refused by name and changes nothing: a damaged journal, or a driver
//! that made a mistake, must not make us start something twice.

use svar_plan::{CommandIndex, SessionIndex, StepIndex, Verdict};
use svar_wire::{ActionId, ActionStatus};

use crate::end::EndState;
use crate::fact::{
    Attempt, CancelWhy, CommandEnd, CommandState, FactBody, Refusal, RequestIndex, SentCommand,
};
use crate::retry::{AnswerClass, class_of_read};
use crate::status::Readiness;

use super::state::{
    Cancel, CancelReason, Collecting, CommandOutcome, Context, Current, Open, Reached, Rejected,
    Running, Selection, Sent, Stage, Unconfirmed,
};
use super::transition::{ActionEnd, Transition, VISIBILITY_LAG};

/// The owner of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionOwner {
    /// No device of this run.
    Unowned,
    /// The device that the fact is about.
    ThisDevice,
    /// Another device of this run.
    OtherDevice,
}

impl Transition<'_, '_> {
    /// Applies a fact.
    ///
    /// `owner` is the owner of the action that the fact names, if it names one.
    ///
    /// # Errors
    /// The fact does not fit the state, which is unchanged then.
    pub(crate) fn apply(self, body: &FactBody, owner: ActionOwner) -> Result<(), Rejected> {
        let mut device = Applying {
            transition: self,
            owner,
        };
        match body {
            FactBody::StartAnnounced {
                session,
                attempt,
                commands,
                ..
            } => device.start_announced(*session, *attempt, commands),
            FactBody::StartAccepted {
                session,
                attempt,
                action,
                adopted: false,
            } => device.start_accepted(*session, *attempt, action),
            FactBody::StartAccepted {
                session,
                attempt,
                action,
                adopted: true,
            } => device.start_adopted(*session, *attempt, action),
            FactBody::StartRefused {
                session,
                attempt,
                refusal,
            } => device.start_refused(*session, *attempt, refusal),
            FactBody::StartUnknown {
                session, attempt, ..
            } => device.start_unknown(*session, *attempt),
            FactBody::StartNotFound { session, attempt } => {
                device.start_not_found(*session, *attempt)
            }
            FactBody::ActionBegan { action } => device.action_began(action),
            FactBody::CommandReached {
                action,
                index,
                state,
            } => device.command_reached(action, *index, *state),
            FactBody::ActionEnded {
                action,
                status,
                commands,
                expired,
            } => device.action_ended(action, status, *expired, commands),
            FactBody::ResultFetched {
                action,
                index,
                verdict,
                ..
            } => device.result_fetched(action, *index, verdict),
            FactBody::ResultMissing { action, index, why } => {
                device.result_missing(action, *index, why)
            }
            FactBody::SessionResolved { session, commands } => {
                device.session_resolved(*session, commands)
            }
            FactBody::SessionUnresolvable { session, step, why } => {
                device.session_unresolvable(*session, *step, why)
            }
            FactBody::CancelAnnounced { action, why } => device.cancel_announced(action, *why),
            FactBody::CancelAnswered { action, status } => {
                if class_of_read(*status) == AnswerClass::Success {
                    device.cancel_accepted(action)
                } else {
                    device.cancel_failed(action)
                }
            }
            FactBody::CancelUnknown { action, .. } => device.cancel_failed(action),
            FactBody::Readiness(availability) => {
                device.transition.readiness(availability);
                Ok(())
            }
            FactBody::GaveUp { on } => device.transition.gave_up(*on),
            FactBody::CleanupWaived { .. } => device.transition.waive(),
            FactBody::LimitPassed { .. }
            | FactBody::Stopped { .. }
            | FactBody::RateLimited { .. }
            | FactBody::Interrupted { .. }
            | FactBody::Resumed
            | FactBody::TenantLost { .. } => Err(Rejected("it concerns the whole run")),
        }
    }
}

/// A device to which a fact is being applied. Each method checks first and changes the state last,
/// so that a refused fact leaves no trace.
struct Applying<'p, 's> {
    transition: Transition<'p, 's>,
    owner: ActionOwner,
}

/// The starts of a session.
impl Applying<'_, '_> {
    fn start_announced(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        commands: &[SentCommand],
    ) -> Result<(), Rejected> {
        self.expect_start(session, attempt)?;
        let Stage::Idle(idle) = &self.transition.state.stage else {
            return Err(Rejected("a start of this device is under way"));
        };
        if idle.current.selection == Selection::Unresolved {
            return Err(Rejected("the session has not been resolved"));
        }
        let due = idle.current.to_send(self.transition.context);
        if commands.len() != due.len() || !commands.iter().zip(&due).all(|(a, b)| a.is_same(b)) {
            return Err(Rejected(
                "its commands are not those that the session sends",
            ));
        }
        let start = Unconfirmed {
            sent: Sent {
                current: idle.current.clone(),
                commands: commands.iter().map(|sent| sent.command).collect(),
            },
            refusals: idle.refusals,
        };
        self.transition.state.traces.mark_started();
        self.transition.enter(Stage::Announced(start));
        Ok(())
    }

    fn start_accepted(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        action: &ActionId,
    ) -> Result<(), Rejected> {
        self.expect_start_under_way(session, attempt)?;
        match self.owner {
            ActionOwner::Unowned => self.transition.open(action),
            ActionOwner::ThisDevice | ActionOwner::OtherDevice => {
                self.transition.begin_busy_search()
            }
        }
        Ok(())
    }

    fn start_adopted(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        action: &ActionId,
    ) -> Result<(), Rejected> {
        self.expect_start_under_way(session, attempt)?;
        if self.owner != ActionOwner::Unowned {
            return Err(Rejected("the action that was found is another start's"));
        }
        self.transition.open(action);
        Ok(())
    }

    fn start_refused(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        refusal: &Refusal,
    ) -> Result<(), Rejected> {
        self.expect_unanswered_start(session, attempt)?;
        self.transition.refused(refusal);
        Ok(())
    }

    fn start_unknown(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Rejected> {
        self.expect_unanswered_start(session, attempt)?;
        self.transition
            .begin_search(self.transition.at + VISIBILITY_LAG);
        Ok(())
    }

    fn start_not_found(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Rejected> {
        self.expect_start(session, attempt)?;
        match self.transition.state.stage {
            Stage::Searching { final_from, .. } if self.transition.at < final_from => {
                Err(Rejected("the start may become visible yet"))
            }
            Stage::Searching { .. } => {
                self.transition.start_not_found();
                Ok(())
            }
            _ => Err(Rejected("no start of it is being looked for")),
        }
    }

    fn expect_current(&self) -> Result<&Current, Rejected> {
        let current = self.transition.state.current();
        current.ok_or(Rejected("the device has ended"))
    }

    fn expect_start(&self, session: SessionIndex, attempt: Attempt) -> Result<(), Rejected> {
        let current = self.expect_current()?;
        if session != current.session {
            Err(Rejected("the device is at another session"))
        } else if attempt != current.attempt {
            Err(Rejected("the session is at another start"))
        } else {
            Ok(())
        }
    }

    fn expect_unanswered_start(
        &self,
        session: SessionIndex,
        attempt: Attempt,
    ) -> Result<(), Rejected> {
        self.expect_start(session, attempt)?;
        match self.transition.state.stage {
            Stage::Announced(_) => Ok(()),
            _ => Err(Rejected("no start of it awaits an answer")),
        }
    }

    fn expect_start_under_way(
        &self,
        session: SessionIndex,
        attempt: Attempt,
    ) -> Result<(), Rejected> {
        self.expect_start(session, attempt)?;
        match self.transition.state.stage {
            Stage::Announced(_) | Stage::Searching { .. } => Ok(()),
            _ => Err(Rejected("no start of it is under way")),
        }
    }
}

/// The course of an action, and its results.
impl Applying<'_, '_> {
    fn action_began(&mut self, action: &ActionId) -> Result<(), Rejected> {
        let at = self.transition.at;
        let Some(open) = self.open_action(action) else {
            return self.accept_if_own();
        };
        if open.running.is_some() {
            return Err(Rejected("the action has begun already"));
        }
        // Until the service says more: a session begins with its first command.
        let reached = Reached {
            index: RequestIndex::FIRST,
            state: CommandState::Presumed,
            since: at,
        };
        open.running = Some(Running { began: at, reached });
        self.transition.state.readiness = Readiness::Ready;
        Ok(())
    }

    fn command_reached(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        state: CommandState,
    ) -> Result<(), Rejected> {
        let at = self.transition.at;
        let Some(open) = self.open_action(action) else {
            return self.accept_if_own();
        };
        let count = open.sent.commands.len();
        let Some(running) = &mut open.running else {
            return Err(Rejected("the action has not begun"));
        };
        if (index, state) <= (running.reached.index, running.reached.state) {
            return Err(Rejected("the action has already reached that command"));
        }
        if index.place() + usize::from(state != CommandState::Waiting) > count {
            return Err(Rejected("it has no such command"));
        }
        running.reached = Reached {
            index,
            state,
            since: at,
        };
        Ok(())
    }

    fn action_ended(
        &mut self,
        action: &ActionId,
        status: &ActionStatus,
        expired: bool,
        commands: &[CommandEnd],
    ) -> Result<(), Rejected> {
        match &self.transition.state.stage {
            Stage::Open(open) if open.action == *action => {}
            Stage::Collecting(collecting) if collecting.action == *action => {
                return Err(Rejected("the action has ended already"));
            }
            _ => return self.accept_if_own(),
        }
        if !status.is_final() {
            return Err(Rejected("that is not a final status"));
        }
        self.transition.action_ended(ActionEnd {
            status,
            expired: expired || *status == ActionStatus::TimeOut,
            commands,
        });
        Ok(())
    }

    fn result_fetched(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        verdict: &Verdict,
    ) -> Result<(), Rejected> {
        let Some(collecting) = self.collecting(action, index)? else {
            return Ok(());
        };
        if let Verdict::NotMet { why } = verdict {
            collecting.replace_outcome(index, CommandOutcome::NotMet(why.as_str().into()));
        }
        self.transition.result_done(index);
        Ok(())
    }

    fn result_missing(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        why: &str,
    ) -> Result<(), Rejected> {
        let Some(collecting) = self.collecting(action, index)? else {
            return Ok(());
        };
        collecting.replace_outcome(index, CommandOutcome::Missing(why.into()));
        self.transition.result_done(index);
        Ok(())
    }

    /// Returns the open action if it is this one.
    fn open_action(&mut self, action: &ActionId) -> Option<&mut Open> {
        match &mut self.transition.state.stage {
            Stage::Open(open) if open.action == *action => Some(open),
            _ => None,
        }
    }

    /// Returns the state that a result belongs to; `None` if it comes too late to matter.
    fn collecting(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
    ) -> Result<Option<&mut Collecting>, Rejected> {
        let late = self.accept_if_own();
        match &mut self.transition.state.stage {
            Stage::Collecting(collecting) if collecting.action == *action => {
                if collecting.wanted.contains(&index) {
                    Ok(Some(collecting))
                } else {
                    Err(Rejected("that result is not awaited"))
                }
            }
            Stage::Open(open) if open.action == *action => {
                Err(Rejected("the action has not ended"))
            }
            _ => late.map(|()| None),
        }
    }

    /// Accepts a fact about an earlier action of this device: it changes nothing.
    fn accept_if_own(&self) -> Result<(), Rejected> {
        match self.owner {
            ActionOwner::ThisDevice => Ok(()),
            ActionOwner::OtherDevice => Err(Rejected("the action is another device's")),
            ActionOwner::Unowned => Err(Rejected("the action is not this run's")),
        }
    }
}

/// Sessions that wait for results.
impl Applying<'_, '_> {
    fn session_resolved(
        &mut self,
        session: SessionIndex,
        commands: &[CommandIndex],
    ) -> Result<(), Rejected> {
        self.expect_unresolved(session)?;
        let count = self.transition.context.session(session).commands.len();
        if commands.iter().any(|index| index.place() >= count)
            || commands.windows(2).any(|pair| pair[0] >= pair[1])
        {
            return Err(Rejected("these are not commands of the session, in order"));
        }
        if commands.is_empty() {
            self.transition.advance(session);
        } else if let Stage::Idle(idle) = &mut self.transition.state.stage {
            idle.current.selection = Selection::Resolved(commands.into());
            self.transition.state.since = self.transition.at;
        }
        Ok(())
    }

    fn session_unresolvable(
        &mut self,
        session: SessionIndex,
        step: Option<StepIndex>,
        why: &str,
    ) -> Result<(), Rejected> {
        self.expect_unresolved(session)?;
        if step.is_some_and(|step| step.get(&self.transition.context.plan.steps).is_none()) {
            return Err(Rejected("there is no such step"));
        }
        self.transition.trouble(EndState::Failed, step, why);
        self.transition.advance(session);
        Ok(())
    }

    fn expect_unresolved(&self, session: SessionIndex) -> Result<(), Rejected> {
        let current = self.expect_current()?;
        if session != current.session {
            Err(Rejected("the device is at another session"))
        } else if current.selection != Selection::Unresolved {
            Err(Rejected("the session does not wait to be resolved"))
        } else {
            Ok(())
        }
    }
}

/// Cancels. What became of the action is seen in the action list, whatever the answer to the cancel
/// said; the answer only decides how soon to ask again.
impl Applying<'_, '_> {
    fn cancel_announced(&mut self, action: &ActionId, why: CancelWhy) -> Result<(), Rejected> {
        let Transition { context, at, .. } = self.transition;
        let Some(open) = self.open_action(action) else {
            return Err(Rejected("the action is not open"));
        };
        let mut cancel = match open.cancel {
            Some(cancel) => cancel,
            None => Cancel {
                reason: cancel_reason(context, open, why)?,
                since: at,
                last: at,
                sent: 0,
                failed: 0,
                last_failed: false,
                undelivered: false,
            },
        };
        cancel.last = at;
        cancel.last_failed = false;
        cancel.sent = cancel.sent.saturating_add(1);
        open.cancel = Some(cancel);
        self.transition.state.since = cancel.since;
        Ok(())
    }

    fn cancel_accepted(&mut self, action: &ActionId) -> Result<(), Rejected> {
        match self.open_action(action) {
            Some(_) => Ok(()),
            None => self.accept_if_own(),
        }
    }

    fn cancel_failed(&mut self, action: &ActionId) -> Result<(), Rejected> {
        let Some(open) = self.open_action(action) else {
            return self.accept_if_own();
        };
        if let Some(cancel) = &mut open.cancel {
            cancel.failed = cancel.failed.saturating_add(1);
            cancel.last_failed = true;
        }
        Ok(())
    }
}

fn cancel_reason(
    context: Context<'_>,
    open: &Open,
    why: CancelWhy,
) -> Result<CancelReason, Rejected> {
    match why {
        CancelWhy::Timeout => match open.step_deadline(context) {
            Some((step, _)) => Ok(CancelReason::Timeout(step)),
            None => Err(Rejected("no step that has a `timeout` executes")),
        },
        CancelWhy::Deadline => Ok(CancelReason::Deadline),
        CancelWhy::Offline => Ok(CancelReason::Offline),
        CancelWhy::Stop => Ok(CancelReason::Stop),
        CancelWhy::Operator => Ok(CancelReason::Operator),
        CancelWhy::Unresponsive => Ok(CancelReason::Unresponsive),
        CancelWhy::Hours => Ok(CancelReason::Hours),
        CancelWhy::Pause => Ok(CancelReason::Pause),
    }
}
