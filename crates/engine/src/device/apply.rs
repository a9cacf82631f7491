//! Takes facts in: every change of a device's state begins in [`apply`].
//!
//! A fact that does not fit is refused by name and changes nothing: a damaged journal, or a driver
//! that made a mistake, must not make us start something twice.

use std::time::Duration;

use svar_plan::{CommandIndex, SessionIndex, StepIndex, Verdict};
use svar_wire::{ActionId, ActionStatus, Moment};

use crate::end::EndState;
use crate::fact::{
    Attempt, CancelWhy, CommandEnd, CommandState, FactBody, Refusal, RequestIndex, SentCommand,
};
use crate::retry::{AnswerClass, class_of_read};

use super::state::{
    Cancelling, Collecting, CommandOutcome, Context, DeviceState, Misfit, Open, Reached, Readiness,
    Stage,
};
use super::transition::{self, VISIBILITY_LAG, enter, start_again};

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

/// Applies a fact to a device's state.
///
/// `owner` is the owner of the action that the fact names, if it names one.
///
/// # Errors
/// The fact does not fit the state, which is unchanged then.
pub(crate) fn apply(
    context: Context<'_>,
    state: &mut DeviceState,
    at: Moment,
    body: &FactBody,
    owner: ActionOwner,
) -> Result<(), Misfit> {
    let mut device = Applying {
        context,
        state,
        at,
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
        FactBody::Readiness { ready, why, never } => transition::readiness(
            device.context,
            device.state,
            at,
            *ready && !never,
            *never,
            why.as_deref(),
        ),
        FactBody::GaveUp { why } => transition::gave_up(device.context, device.state, at, *why),
        FactBody::CleanupWaived { .. } => transition::waive(device.context, device.state, at),
        FactBody::Passed { .. }
        | FactBody::Stopped { .. }
        | FactBody::Blocked { .. }
        | FactBody::Interrupted { .. }
        | FactBody::Resumed
        | FactBody::TenantLost { .. } => Err(Misfit("it concerns the whole run")),
    }
}

/// A device to which a fact is being applied. Each method checks first and changes the state last,
/// so that a refused fact leaves no trace.
struct Applying<'p, 's> {
    context: Context<'p>,
    state: &'s mut DeviceState,
    at: Moment,
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
        match self.state.stage {
            Stage::Idle if self.state.must_resolve(self.context) => {
                return Err(Misfit("the session has not been resolved"));
            }
            Stage::Idle => {}
            Stage::Done => return Err(Misfit("the device has ended")),
            _ => return Err(Misfit("a start of this device is under way")),
        }
        let due = self.state.to_send(self.context);
        if commands.len() != due.len() || !commands.iter().zip(&due).all(|(a, b)| a.is_same(b)) {
            return Err(Misfit("its commands are not those that the session sends"));
        }
        let sent = commands.iter().map(|sent| sent.command).collect();
        self.state.begun = true;
        enter(self.state, Stage::Announced { sent }, self.at);
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
            ActionOwner::No => self.open(action),
            // The service answered with an action that we own already (API notes 3.6). Whether
            // it made one more, only a search can tell.
            ActionOwner::Own | ActionOwner::Other => {
                self.state.busy_since.get_or_insert(self.at);
                transition::doubt(self.state, self.at, self.at + VISIBILITY_LAG);
            }
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
        self.open(action);
        Ok(())
    }

    fn start_refused(
        &mut self,
        session: SessionIndex,
        attempt: Attempt,
        refusal: &Refusal,
    ) -> Result<(), Misfit> {
        self.expect_unanswered_start(session, attempt)?;
        transition::refused(self.context, self.state, self.at, refusal);
        Ok(())
    }

    fn start_unknown(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        self.expect_unanswered_start(session, attempt)?;
        transition::doubt(self.state, self.at, self.at + VISIBILITY_LAG);
        Ok(())
    }

    fn start_absent(&mut self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        match self.state.stage {
            Stage::Doubtful { settled, .. } if self.at < settled => {
                Err(Misfit("the start may become visible yet"))
            }
            Stage::Doubtful { .. } => {
                start_again(self.context, self.state, self.at, Duration::ZERO);
                Ok(())
            }
            _ => Err(Misfit("no start of it is in doubt")),
        }
    }

    fn expect_start(&self, session: SessionIndex, attempt: Attempt) -> Result<(), Misfit> {
        if session != self.state.session {
            Err(Misfit("the device is at another session"))
        } else if attempt != self.state.attempt {
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
        match self.state.stage {
            Stage::Announced { .. } => Ok(()),
            _ => Err(Misfit("no start of it awaits an answer")),
        }
    }

    fn expect_start_under_way(
        &self,
        session: SessionIndex,
        attempt: Attempt,
    ) -> Result<(), Misfit> {
        self.expect_start(session, attempt)?;
        match self.state.stage {
            Stage::Announced { .. } | Stage::Doubtful { .. } => Ok(()),
            _ => Err(Misfit("no start of it is under way")),
        }
    }

    fn open(&mut self, action: &ActionId) {
        self.state.busy_since = None;
        self.state.refusals = 0;
        let open = Open {
            action: action.clone(),
            sent: self.state.sent().into(),
            accepted: self.at,
            began: None,
            reached: None,
            cancel: None,
        };
        enter(self.state, Stage::Open(Box::new(open)), self.at);
    }
}

/// The course of an action, and its results.
impl Applying<'_, '_> {
    fn action_began(&mut self, action: &ActionId) -> Result<(), Misfit> {
        let at = self.at;
        let Some(open) = self.open_action(action) else {
            return self.late();
        };
        if open.began.is_some() {
            return Err(Misfit("the action has begun already"));
        }
        open.began = Some(at);
        // Until the service says more: a session begins with its first command.
        open.reached = Some(Reached {
            index: RequestIndex::FIRST,
            state: CommandState::Presumed,
            since: at,
        });
        self.state.readiness = Readiness::Ready;
        Ok(())
    }

    fn command_reached(
        &mut self,
        action: &ActionId,
        index: RequestIndex,
        state: CommandState,
    ) -> Result<(), Misfit> {
        let at = self.at;
        let count = self.state.sent().len();
        let Some(open) = self.open_action(action) else {
            return self.late();
        };
        let Some(before) = open.reached else {
            return Err(Misfit("the action has not begun"));
        };
        if (index, state) <= (before.index, before.state) {
            return Err(Misfit("the action has come so far already"));
        }
        if index.place() + usize::from(state != CommandState::Waiting) > count {
            return Err(Misfit("it has no such command"));
        }
        open.reached = Some(Reached {
            index,
            state,
            since: at,
        });
        Ok(())
    }

    fn action_ended(
        &mut self,
        action: &ActionId,
        status: &ActionStatus,
        expired: bool,
        commands: &[CommandEnd],
    ) -> Result<(), Misfit> {
        let open = match &self.state.stage {
            Stage::Open(open) if open.action == *action => open.clone(),
            Stage::Collecting(now) if now.action == *action => {
                return Err(Misfit("the action has ended already"));
            }
            _ => return self.late(),
        };
        if !status.is_final() {
            return Err(Misfit("that is no final state"));
        }
        let expired = expired || *status == ActionStatus::TimeOut;
        let end = (status, expired);
        transition::ended(self.context, self.state, self.at, &open, end, commands);
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
            collecting.spoil(index, CommandOutcome::NotMet(why.as_str().into()));
        }
        transition::collected(self.context, self.state, self.at, index);
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
        collecting.spoil(index, CommandOutcome::Missing(why.into()));
        transition::collected(self.context, self.state, self.at, index);
        Ok(())
    }

    /// Returns the open action if it is this one.
    fn open_action(&mut self, action: &ActionId) -> Option<&mut Open> {
        match &mut self.state.stage {
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
        match &mut self.state.stage {
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
        let count = self
            .state
            .at(self.context)
            .map_or(0, |session| session.commands.len());
        if commands.iter().any(|index| index.place() >= count)
            || commands.windows(2).any(|pair| pair[0] >= pair[1])
        {
            return Err(Misfit("these are not commands of the session, in order"));
        }
        self.state.resolved = Some(commands.into());
        self.state.since = self.at;
        if commands.is_empty() {
            transition::advance(self.context, self.state, self.at);
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
        if step.is_some_and(|step| step.get(&self.context.plan.steps).is_none()) {
            return Err(Misfit("there is no such step"));
        }
        transition::trouble_at(self.state, step, EndState::Failed, why);
        transition::advance(self.context, self.state, self.at);
        Ok(())
    }

    fn expect_unresolved(&self, session: SessionIndex) -> Result<(), Misfit> {
        if session != self.state.session {
            Err(Misfit("the device is at another session"))
        } else if self.state.stage != Stage::Idle || !self.state.must_resolve(self.context) {
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
        let at = self.at;
        let overdue = match &self.state.stage {
            Stage::Open(open) if why == CancelWhy::Timeout => {
                self.state.time_out(self.context, open)
            }
            _ => None,
        };
        let Some(open) = self.open_action(action) else {
            return Err(Misfit("the action is not open"));
        };
        let cancel = open.cancel.get_or_insert(Cancelling {
            why,
            overdue: overdue.map(|(step, _)| step),
            since: at,
            last: at,
            sent: 0,
            failed: 0,
            just_failed: false,
            unheard: false,
        });
        cancel.last = at;
        cancel.just_failed = false;
        cancel.sent = cancel.sent.saturating_add(1);
        self.state.since = cancel.since;
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
            cancel.just_failed = true;
        }
        Ok(())
    }
}
