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
    Cancel, CancelReason, Collecting, CommandOutcome, Context, Current, Misfit, Open, Reached,
    Running, Selection, Sent, Stage, Unconfirmed,
};
use super::transition::{ActionEnd, Transition, VISIBILITY_LAG};

/// The owner of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionOwner {
    /// No device of this run.
    No,
    /// This device.
    Own,
    /// Another device of this run.
    Other,
}

impl Transition<'_, '_> {
    /// Applies a fact.
    ///
    /// `owner` is the owner of the action that the fact names, if it names one.
    ///
    /// # Errors
    /// The fact does not fit the state, which is unchanged then.
    pub(crate) fn apply(self, body: &FactBody, owner: ActionOwner) -> Result<(), Misfit> {
        let mut device = Applying {
            device: self,
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
            FactBody::StartAbsent { session, attempt } => device.start_absent(*session, *attempt),
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
                if class_of_read(*status) == AnswerClass::Done {
                    device.cancel_heard(action)
                } else {
                    device.cancel_failed(action)
                }
            }
            FactBody::CancelUnknown { action, .. } => device.cancel_failed(action),
            FactBody::Readiness(availability) => {
                device.device.readiness(availability);
                Ok(())
            }
            FactBody::GaveUp { why } => device.device.gave_up(*why),
            FactBody::CleanupWaived { .. } => device.device.waive(),
            FactBody::Passed { .. }
            | FactBody::Stopped { .. }
            | FactBody::Blocked { .. }
            | FactBody::Interrupted { .. }
            | FactBody::Resumed
            | FactBody::TenantLost { .. } => Err(Misfit("it concerns the whole run")),
        }
    }
}

/// A device to which a fact is being applied. Each method checks first and changes the state last,
/// so that a refused fact leaves no trace.
struct Applying<'p, 's> {
    device: Transition<'p, 's>,
    owner: ActionOwner,
}

/// The starts of a session.
impl Applying<'_, '_> {
    fn start_announced(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        commands: &[SentCommand],
    ) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        let Stage::Idle(idle) = &self.device.state.stage else {
            return Err(Misfit("a start of this device is under way"));
        };
        if idle.current.selection == Selection::Unresolved {
            return Err(Misfit("the session has not been resolved"));
        }
        let due = idle.current.to_send(self.device.context);
        if commands.len() != due.len() || !commands.iter().zip(&due).all(|(a, b)| a.is_same(b)) {
            return Err(Misfit("its commands are not those that the session sends"));
        }
        let start = Unconfirmed {
            sent: Sent {
                current: idle.current.clone(),
                commands: commands.iter().map(|sent| sent.command).collect(),
            },
            refusals: idle.refusals,
        };
        self.device.state.traces.begin();
        self.device.enter(Stage::Announced(start));
        Ok(())
    }

    fn start_accepted(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        action: &ActionId,
    ) -> Result<(), Misfit> {
        self.expect_start_under_way(session, attempt)?;
        match self.owner {
            ActionOwner::No => self.device.open(action),
            ActionOwner::Own | ActionOwner::Other => self.device.doubt_busy(),
        }
        Ok(())
    }

    fn start_adopted(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        action: &ActionId,
    ) -> Result<(), Misfit> {
        self.expect_start_under_way(session, attempt)?;
        if self.owner != ActionOwner::No {
            return Err(Misfit("the action that was found is another start's"));
        }
        self.device.open(action);
        Ok(())
    }

    fn start_refused(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        refusal: &Refusal,
    ) -> Result<(), Misfit> {
        self.expect_unanswered_start(session, attempt)?;
        self.device.refused(refusal);
        Ok(())
    }

    fn start_unknown(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        self.expect_unanswered_start(session, attempt)?;
        self.device.doubt(self.device.at + VISIBILITY_LAG);
        Ok(())
    }

    fn start_absent(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        match self.device.state.stage {
            Stage::Doubtful { settled, .. } if self.device.at < settled => {
                Err(Misfit("the start may become visible yet"))
            }
            Stage::Doubtful { .. } => {
                self.device.start_absent();
                Ok(())
            }
            _ => Err(Misfit("no start of it is in doubt")),
        }
    }

    fn expect_current(&self) -> Result<&Current, Misfit> {
        let current = self.device.state.current();
        current.ok_or(Misfit("the device has ended"))
    }

    fn expect_start(&self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        let current = self.expect_current()?;
        if session != current.session {
            Err(Misfit("the device is at another session"))
        } else if attempt != current.attempt {
            Err(Misfit("the session is at another start"))
        } else {
            Ok(())
        }
    }

    fn expect_unanswered_start(
        &self,
        session: SessionIndex,
        attempt: Attempt,
    ) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        match self.device.state.stage {
            Stage::Announced(_) => Ok(()),
            _ => Err(Misfit("no start of it awaits an answer")),
        }
    }

    fn expect_start_under_way(
        &self,
        session: SessionIndex,
        attempt: Attempt,
    ) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        match self.device.state.stage {
            Stage::Announced(_) | Stage::Doubtful { .. } => Ok(()),
            _ => Err(Misfit("no start of it is under way")),
        }
    }
}

/// The course of an action, and its results.
impl Applying<'_, '_> {
    fn action_began(&mut self, action: &ActionId) -> Result<(), Misfit> {
        let at = self.device.at;
        let Some(open) = self.open_action(action) else {
            return self.late();
        };
        if open.running.is_some() {
            return Err(Misfit("the action has begun already"));
        }
        // Until the service says more: a session begins with its first command.
        let reached = Reached {
            index: RequestIndex::FIRST,
            state: CommandState::Presumed,
            since: at,
        };
        open.running = Some(Running { began: at, reached });
        self.device.state.readiness = Readiness::Ready;
        Ok(())
    }

    fn command_reached(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        state: CommandState,
    ) -> Result<(), Misfit> {
        let at = self.device.at;
        let Some(open) = self.open_action(action) else {
            return self.late();
        };
        let count = open.sent.commands.len();
        let Some(running) = &mut open.running else {
            return Err(Misfit("the action has not begun"));
        };
        if (index, state) <= (running.reached.index, running.reached.state) {
            return Err(Misfit("the action has come so far already"));
        }
        if index.place() + usize::from(state != CommandState::Waiting) > count {
            return Err(Misfit("it has no such command"));
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
    ) -> Result<(), Misfit> {
        match &self.device.state.stage {
            Stage::Open(open) if open.action == *action => {}
            Stage::Collecting(now) if now.action == *action => {
                return Err(Misfit("the action has ended already"));
            }
            _ => return self.late(),
        }
        if !status.is_final() {
            return Err(Misfit("that is no final state"));
        }
        self.device.ended(ActionEnd {
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
    ) -> Result<(), Misfit> {
        let Some(collecting) = self.collecting(action, index)? else {
            return Ok(());
        };
        if let Verdict::NotMet { why } = verdict {
            collecting.replace_outcome(index, CommandOutcome::NotMet(why.as_str().into()));
        }
        self.device.collected(index);
        Ok(())
    }

    fn result_missing(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        why: &str,
    ) -> Result<(), Misfit> {
        let Some(collecting) = self.collecting(action, index)? else {
            return Ok(());
        };
        collecting.replace_outcome(index, CommandOutcome::Missing(why.into()));
        self.device.collected(index);
        Ok(())
    }

    /// Returns the open action if it is this one.
    fn open_action(&mut self, action: &ActionId) -> Option<&mut Open> {
        match &mut self.device.state.stage {
            Stage::Open(open) if open.action == *action => Some(open),
            _ => None,
        }
    }

    /// Returns the state that a result belongs to; `None` if it comes too late to matter.
    fn collecting(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
    ) -> Result<Option<&mut Collecting>, Misfit> {
        let late = self.late();
        match &mut self.device.state.stage {
            Stage::Collecting(now) if now.action == *action => {
                if now.wanted.contains(&index) {
                    Ok(Some(now))
                } else {
                    Err(Misfit("that result is not awaited"))
                }
            }
            Stage::Open(open) if open.action == *action => Err(Misfit("the action has not ended")),
            _ => late.map(|()| None),
        }
    }

    /// Accepts a fact about an own action that the device has left behind: it changes nothing.
    fn late(&self) -> Result<(), Misfit> {
        match self.owner {
            ActionOwner::Own => Ok(()),
            ActionOwner::Other => Err(Misfit("the action is another device's")),
            ActionOwner::No => Err(Misfit("the action is not this run's")),
        }
    }
}

/// Sessions that wait for results.
impl Applying<'_, '_> {
    fn session_resolved(
        &mut self,
        session: SessionIndex,
        commands: &[CommandIndex],
    ) -> Result<(), Misfit> {
        self.expect_unresolved(session)?;
        let count = self.device.context.session(session).commands.len();
        if commands.iter().any(|index| index.place() >= count)
            || commands.windows(2).any(|pair| pair[0] >= pair[1])
        {
            return Err(Misfit("these are not commands of the session, in order"));
        }
        if commands.is_empty() {
            self.device.advance(session);
        } else if let Stage::Idle(idle) = &mut self.device.state.stage {
            idle.current.selection = Selection::Resolved(commands.into());
            self.device.state.since = self.device.at;
        }
        Ok(())
    }

    fn session_unresolvable(
        &mut self,
        session: SessionIndex,
        step: Option<StepIndex>,
        why: &str,
    ) -> Result<(), Misfit> {
        self.expect_unresolved(session)?;
        if step.is_some_and(|step| step.get(&self.device.context.plan.steps).is_none()) {
            return Err(Misfit("there is no such step"));
        }
        self.device.trouble(step, EndState::Failed, why);
        self.device.advance(session);
        Ok(())
    }

    fn expect_unresolved(&self, session: SessionIndex) -> Result<(), Misfit> {
        let current = self.expect_current()?;
        if session != current.session {
            Err(Misfit("the device is at another session"))
        } else if current.selection != Selection::Unresolved {
            Err(Misfit("the session does not wait to be resolved"))
        } else {
            Ok(())
        }
    }
}

/// Cancels. What became of the action is seen in the status list, whatever the answer to the cancel
/// said; the answer only decides how soon to ask again.
impl Applying<'_, '_> {
    fn cancel_announced(&mut self, action: &ActionId, why: CancelWhy) -> Result<(), Misfit> {
        let Transition { context, at, .. } = self.device;
        let Some(open) = self.open_action(action) else {
            return Err(Misfit("the action is not open"));
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
                unheard: false,
            },
        };
        cancel.last = at;
        cancel.last_failed = false;
        cancel.sent = cancel.sent.saturating_add(1);
        open.cancel = Some(cancel);
        self.device.state.since = cancel.since;
        Ok(())
    }

    fn cancel_heard(&mut self, action: &ActionId) -> Result<(), Misfit> {
        match self.open_action(action) {
            Some(_) => Ok(()),
            None => self.late(),
        }
    }

    fn cancel_failed(&mut self, action: &ActionId) -> Result<(), Misfit> {
        let Some(open) = self.open_action(action) else {
            return self.late();
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
) -> Result<CancelReason, Misfit> {
    match why {
        CancelWhy::Timeout => match open.time_out(context) {
            Some((step, _)) => Ok(CancelReason::Timeout(step)),
            None => Err(Misfit("no step that has a `timeout` executes")),
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
