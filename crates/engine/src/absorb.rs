//! One device: what its facts make of it. Every change of its state is in [`absorb`].
//!
//! A fact that does not fit is refused by name and changes nothing: a damaged journal, or a driver
//! that made a mistake, must not make us start something twice.

use std::time::Duration;

use svar_plan::{SessionIndex, Verdict};
use svar_wire::ActionId;
use svar_wire::ActionStatus;
use svar_wire::Moment;

use super::end::EndState;
use super::fact::{Attempt, CancelWhy, CommandState, FactBody, RequestIndex};
use super::retry::{AnswerClass, class_of_read};
use super::state::{
    Cancelling, Collecting, CommandOutcome, Context, DeviceState, Open, Reached, Readiness, Stage,
};
use super::transition::{self, VISIBILITY_LAG, enter, start_again};

/// Takes in what happened to this device.
///
/// `known` says that the action of the fact belongs to this device or another one of the run.
///
/// # Errors
/// What the fact meets instead of what it needs.
pub(super) fn absorb(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    body: &FactBody,
    known: ActionOwner,
) -> Result<(), Misfit> {
    let is_start = |session: SessionIndex, attempt: Attempt| {
        if session != progress.session {
            Err(Misfit("the device is at another session"))
        } else if attempt != progress.attempt {
            Err(Misfit("the session is at another start"))
        } else {
            Ok(())
        }
    };
    match body {
        FactBody::StartAnnounced {
            session,
            attempt,
            commands,
            ..
        } => {
            is_start(*session, *attempt)?;
            match progress.stage {
                Stage::Idle if progress.must_resolve(context) => {
                    return Err(Misfit("the session has not been resolved"));
                }
                Stage::Idle => {}
                Stage::Done => return Err(Misfit("the device has ended")),
                _ => return Err(Misfit("a start of this device is under way")),
            }
            let due = progress.to_send(context);
            if commands.len() != due.len() || !commands.iter().zip(&due).all(|(a, b)| a.is_same(b))
            {
                return Err(Misfit("its commands are not those that the session sends"));
            }
            let sent = commands.iter().map(|sent| sent.command).collect();
            progress.begun = true;
            enter(progress, Stage::Announced { sent }, at);
        }

        FactBody::StartAccepted {
            session,
            attempt,
            action,
            adopted,
        } => {
            is_start(*session, *attempt)?;
            if !matches!(
                progress.stage,
                Stage::Announced { .. } | Stage::Doubtful { .. }
            ) {
                return Err(Misfit("no start of it is under way"));
            }
            match known {
                ActionOwner::No => {}
                _ if *adopted => {
                    return Err(Misfit("the action that was found is another start's"));
                }
                // The service answered with an action that we own already (API notes 3.6). Whether
                // it made one more, only a search can tell.
                ActionOwner::Own | ActionOwner::Other => {
                    progress.busy_since.get_or_insert(at);
                    transition::doubt(progress, at, at + VISIBILITY_LAG);
                    return Ok(());
                }
            }
            progress.busy_since = None;
            progress.refusals = 0;
            let open = Open {
                action: action.clone(),
                sent: progress.sent().into(),
                accepted: at,
                began: None,
                reached: None,
                cancel: None,
            };
            enter(progress, Stage::Open(Box::new(open)), at);
        }

        FactBody::StartRefused {
            session,
            attempt,
            refusal,
        } => {
            is_start(*session, *attempt)?;
            if !matches!(progress.stage, Stage::Announced { .. }) {
                return Err(Misfit("no start of it awaits an answer"));
            }
            transition::refused(context, progress, at, refusal);
        }

        FactBody::StartUnknown {
            session, attempt, ..
        } => {
            is_start(*session, *attempt)?;
            if !matches!(progress.stage, Stage::Announced { .. }) {
                return Err(Misfit("no start of it awaits an answer"));
            }
            transition::doubt(progress, at, at + VISIBILITY_LAG);
        }

        FactBody::StartAbsent { session, attempt } => {
            is_start(*session, *attempt)?;
            match progress.stage {
                Stage::Doubtful { settled, .. } if at < settled => {
                    return Err(Misfit("the start may become visible yet"));
                }
                Stage::Doubtful { .. } => start_again(context, progress, at, Duration::ZERO),
                _ => return Err(Misfit("no start of it is in doubt")),
            }
        }

        FactBody::ActionBegan { action } => match &mut progress.stage {
            Stage::Open(open) if open.action == *action => {
                if open.began.is_some() {
                    return Err(Misfit("the action has begun already"));
                }
                open.began = Some(at);
                // Until more is told: a session begins with its first command.
                open.reached = Some(Reached {
                    index: RequestIndex::FIRST,
                    state: CommandState::Presumed,
                    since: at,
                });
                progress.readiness = Readiness::Ready;
            }
            _ => return late(known),
        },

        FactBody::CommandReached {
            action,
            index,
            state,
        } => {
            let count = progress.sent().len();
            match &mut progress.stage {
                Stage::Open(open) if open.action == *action => {
                    let Some(before) = open.reached else {
                        return Err(Misfit("the action has not begun"));
                    };
                    if (*index, *state) <= (before.index, before.state) {
                        return Err(Misfit("the action has come so far already"));
                    }
                    if index.place() + usize::from(*state != CommandState::Waiting) > count {
                        return Err(Misfit("it has no such command"));
                    }
                    open.reached = Some(Reached {
                        index: *index,
                        state: *state,
                        since: at,
                    });
                }
                _ => return late(known),
            }
        }

        FactBody::ActionEnded {
            action,
            status,
            commands,
            expired,
        } => {
            let open = match &progress.stage {
                Stage::Open(open) if open.action == *action => open.clone(),
                Stage::Collecting(now) if now.action == *action => {
                    return Err(Misfit("the action has ended already"));
                }
                _ => return late(known),
            };
            if !status.is_final() {
                return Err(Misfit("that is no final state"));
            }
            let expired = *expired || *status == ActionStatus::TimeOut;
            transition::ended(context, progress, at, &open, (status, expired), commands);
        }

        FactBody::ResultFetched {
            action,
            index,
            verdict,
            ..
        } => {
            let collecting = collecting(progress, action, *index, known)?;
            if let Some(collecting) = collecting {
                if let (Verdict::NotMet { why }, Some(fate @ CommandOutcome::Completed)) =
                    (verdict, index.get_mut(&mut collecting.command_outcomes))
                {
                    *fate = CommandOutcome::NotMet(why.as_str().into());
                }
                transition::collected(context, progress, at, *index);
            }
        }

        FactBody::ResultMissing { action, index, why } => {
            let collecting = collecting(progress, action, *index, known)?;
            if let Some(collecting) = collecting {
                if let Some(fate @ CommandOutcome::Completed) =
                    index.get_mut(&mut collecting.command_outcomes)
                {
                    *fate = CommandOutcome::Missing(why.as_str().into());
                }
                transition::collected(context, progress, at, *index);
            }
        }

        FactBody::SessionResolved { session, commands } => {
            waits_to_resolve(context, progress, *session)?;
            let count = progress
                .at(context)
                .map_or(0, |session| session.commands.len());
            if commands.iter().any(|index| index.place() >= count)
                || commands.windows(2).any(|pair| pair[0] >= pair[1])
            {
                return Err(Misfit("these are not commands of the session, in order"));
            }
            progress.resolved = Some(commands.as_slice().into());
            progress.since = at;
            if commands.is_empty() {
                transition::advance(context, progress, at);
            }
        }

        FactBody::SessionUnresolvable { session, step, why } => {
            waits_to_resolve(context, progress, *session)?;
            if step.is_some_and(|step| step.get(&context.plan.steps).is_none()) {
                return Err(Misfit("there is no such step"));
            }
            transition::trouble_at(progress, *step, EndState::Failed, why);
            transition::advance(context, progress, at);
        }

        FactBody::CancelAnnounced { action, why } => {
            let overdue = match &progress.stage {
                Stage::Open(open) if *why == CancelWhy::Timeout => progress.time_out(context, open),
                _ => None,
            };
            let Stage::Open(open) = &mut progress.stage else {
                return Err(Misfit("the action is not open"));
            };
            if open.action != *action {
                return Err(Misfit("the action is not open"));
            }
            let cancel = open.cancel.get_or_insert(Cancelling {
                why: *why,
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
            progress.since = cancel.since;
        }

        // What became of the action is seen in the list, whatever the answer said. The answer only
        // says how soon to ask again.
        FactBody::CancelAnswered { action, .. } | FactBody::CancelUnknown { action, .. } => {
            let failed = match body {
                FactBody::CancelAnswered { status, .. } => {
                    class_of_read(*status) != AnswerClass::Done
                }
                _ => true,
            };
            match &mut progress.stage {
                Stage::Open(open) if open.action == *action => {
                    if let Some(cancel) = open.cancel.as_mut().filter(|_| failed) {
                        cancel.failed = cancel.failed.saturating_add(1);
                        cancel.just_failed = true;
                    }
                }
                _ => return late(known),
            }
        }

        FactBody::Readiness { ready, why, never } => transition::readiness(
            context,
            progress,
            at,
            *ready && !never,
            *never,
            why.as_deref(),
        )?,

        FactBody::GaveUp { why } => transition::gave_up(context, progress, at, *why)?,

        FactBody::CleanupWaived { .. } => transition::waive(context, progress, at)?,

        FactBody::Passed { .. }
        | FactBody::Stopped { .. }
        | FactBody::Blocked { .. }
        | FactBody::Interrupted { .. }
        | FactBody::Resumed
        | FactBody::TenantLost { .. } => return Err(Misfit("it concerns the whole run")),
    }
    Ok(())
}

/// What a fact meets instead of what it needs, as a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit(pub(super) &'static str);

/// Whose an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionOwner {
    /// Not one that this run owns.
    No,
    /// This device's.
    Own,
    /// Another device's of this run.
    Other,
}

/// A fact about an own action that the device has left behind comes late and changes nothing.
fn late(known: ActionOwner) -> Result<(), Misfit> {
    match known {
        ActionOwner::Own => Ok(()),
        ActionOwner::Other => Err(Misfit("the action is another device's")),
        ActionOwner::No => Err(Misfit("the action is not this run's")),
    }
}

/// The collecting state that a result belongs to; `None` if it comes too late to matter.
fn collecting<'a>(
    progress: &'a mut DeviceState,
    action: &ActionId,
    index: RequestIndex,
    known: ActionOwner,
) -> Result<Option<&'a mut Collecting>, Misfit> {
    match &mut progress.stage {
        Stage::Collecting(now) if now.action == *action => {
            if now.wanted.contains(&index) {
                Ok(Some(now))
            } else {
                Err(Misfit("that result is not awaited"))
            }
        }
        Stage::Open(open) if open.action == *action => Err(Misfit("the action has not ended")),
        _ => late(known).map(|()| None),
    }
}

fn waits_to_resolve(
    context: Context<'_>,
    progress: &DeviceState,
    session: SessionIndex,
) -> Result<(), Misfit> {
    if session != progress.session {
        Err(Misfit("the device is at another session"))
    } else if progress.stage != Stage::Idle || !progress.must_resolve(context) {
        Err(Misfit("the session does not wait to be resolved"))
    } else {
        Ok(())
    }
}
