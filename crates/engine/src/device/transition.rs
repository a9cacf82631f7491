//! How a device goes on from one thing to the next. Called from `absorb.rs`, and from
//! `fleet.rs` where the run as a whole is told something.

use std::time::Duration;

use svar_plan::{CleanupWhen, OfflineMode, OnStop, SessionIndex, SessionKind, StepIndex};
use svar_wire::ActionStatus;
use svar_wire::Moment;

use super::outcome::{self, SessionOutcome};
use super::state::{
    ActionOutcome, Collecting, CommandOutcome, Context, DeviceState, Misfit, Open, Readiness,
    Stage, Trouble,
};
use crate::end::EndState;
use crate::fact::{Attempt, CancelWhy, CommandEnd, GiveUp, Refusal, RequestIndex};
use crate::retry::{AnswerClass, class_of_start};
use crate::stop::Orders;

/// An action may be invisible to lists for this long after it was created (API notes 4.5).
pub(crate) const VISIBILITY_LAG: Duration = Duration::from_secs(120);

/// A request of a process that died may be on its way for this long yet, in some gateway: as long as
/// the client would have waited for its answer.
pub(crate) const ON_ITS_WAY: Duration = Duration::from_secs(100);

/// Pauses between the tries on a device that is busy: the first is short, because a session of
/// somebody else is often just ending.
const BUSY_PAUSES: [u64; 4] = [15, 30, 45, 60];

/// A permission that was granted lately counts after about so long (API notes 2.4).
const HEALING: Duration = Duration::from_secs(60);

/// Refusals in a row that promise a later success, before they are taken as final.
const REFUSALS_MAX: u16 = 5;

pub(crate) fn enter(progress: &mut DeviceState, stage: Stage, at: Moment) {
    progress.stage = stage;
    progress.since = at;
}

/// The answer to the start is lost: it is looked for, and from `settled` on not found means not sent.
pub(crate) fn doubt(progress: &mut DeviceState, at: Moment, settled: Moment) {
    let sent = progress.sent().into();
    enter(progress, Stage::Doubtful { settled, sent }, at);
}

pub(crate) fn trouble(progress: &mut DeviceState, state: EndState, why: &str) {
    trouble_at(progress, None, state, why);
}

/// What goes wrong first decides; `step` is the one that it is about.
pub(crate) fn trouble_at(
    progress: &mut DeviceState,
    step: Option<StepIndex>,
    state: EndState,
    why: &str,
) {
    if progress.trouble.is_none() {
        progress.trouble = Some(Box::new(Trouble {
            state,
            step,
            why: why.into(),
        }));
    }
}

/// The session's next start gets a number of its own, so that its tag names it alone.
pub(crate) fn start_again(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    pause: Duration,
) {
    // Given up while its start was in the air: it is not sent anew.
    if progress.waived && progress.in_cleanup(context) {
        return enter(progress, Stage::Done, at);
    }
    match progress.attempt.next() {
        Some(attempt) => {
            progress.attempt = attempt;
            progress.not_before = at + pause;
            enter(progress, Stage::Idle, at);
        }
        None => {
            trouble(progress, EndState::Failed, "too many start attempts");
            advance(context, progress, at);
        }
    }
}

pub(crate) fn refused(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    refusal: &Refusal,
) {
    let asked = refusal.retry_after_ms.map(Duration::from_millis);
    match class_of_start(refusal.status, &refusal.code) {
        AnswerClass::Busy => {
            progress.busy_since.get_or_insert(at);
            let place = usize::from(progress.refusals).min(BUSY_PAUSES.len() - 1);
            progress.refusals = progress.refusals.saturating_add(1);
            let pause = Duration::from_secs(BUSY_PAUSES[place]);
            start_again(context, progress, at, asked.unwrap_or(pause));
        }
        // The network is down, or the sign-in: however long that takes, it is not the device's
        // failure, so it is not counted.
        AnswerClass::NotSent => start_again(context, progress, at, Duration::from_secs(30)),
        // The quota knows how long; the device only gets back in line.
        AnswerClass::Throttled => start_again(context, progress, at, Duration::ZERO),
        AnswerClass::AgainLater if progress.refusals < REFUSALS_MAX => {
            let pause = Duration::from_secs(5 << progress.refusals.min(4));
            progress.refusals = progress.refusals.saturating_add(1);
            start_again(context, progress, at, asked.unwrap_or(pause));
        }
        AnswerClass::MayHeal if progress.refusals == 0 => {
            progress.refusals = 1;
            start_again(context, progress, at, asked.unwrap_or(HEALING));
        }
        // Called a refusal, and none: it may have been applied.
        AnswerClass::Unknown | AnswerClass::Done => {
            doubt(progress, at, at + VISIBILITY_LAG);
        }
        AnswerClass::Never | AnswerClass::AgainLater | AnswerClass::MayHeal => {
            let code = match refusal.code.as_str() {
                "" => String::new(),
                code => format!(" {code}"),
            };
            let why = format!("refused: {}{code}: {}", refusal.status, refusal.message);
            trouble(progress, EndState::Failed, &why);
            advance(context, progress, at);
        }
    }
}

pub(crate) fn ended(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    open: &Open,
    (status, expired): (&ActionStatus, bool),
    commands: &[CommandEnd],
) {
    let never_ran = outcome::never_ran(commands, open.began.is_some());
    let cancel = open.cancel.map(|cancel| cancel.why);
    let overdue = open.cancel.and_then(|cancel| cancel.overdue);
    let close = match status {
        ActionStatus::Succeeded => ActionOutcome::Succeeded,
        ActionStatus::TimeOut => ActionOutcome::TimeOut,
        ActionStatus::Cancelled => ActionOutcome::Cancelled(cancel),
        _ => ActionOutcome::Failed,
    };
    let called_back = cancel.is_some_and(CancelWhy::calls_back);
    let was_called_back = called_back && matches!(close, ActionOutcome::Cancelled(_));
    if never_ran && (expired || was_called_back) {
        // It had the time that a device needs which is awake.
        if expired || cancel == Some(CancelWhy::Asleep) {
            progress.doze(open.accepted);
        }
        return match cancel.filter(|_| !called_back) {
            Some(why) => conclude(
                context,
                progress,
                at,
                outcome::cancelled(context, Some(why), overdue, None),
            ),
            None => given_back(context, progress, at),
        };
    }
    if !never_ran {
        progress.readiness = Readiness::Ready;
    }
    let command_outcomes = outcome::command_outcomes(open.sent.len(), status, commands);
    let ran_something = close != ActionOutcome::Cancelled(cancel) || !never_ran;
    if ran_something {
        leave_debt(context, progress);
    }
    let failed = close != ActionOutcome::Succeeded
        || command_outcomes
            .iter()
            .any(|fate| *fate != CommandOutcome::Completed);
    let (wanted, if_failed) = outcome::wanted(context, progress, &command_outcomes, failed);
    let collecting = Collecting {
        action: open.action.clone(),
        sent: open.sent.clone(),
        ended: at,
        close,
        overdue,
        command_outcomes,
        wanted,
        if_failed,
        foreseen: false,
    };
    enter(progress, Stage::Collecting(Box::new(collecting)), at);
    foresee(context, progress);
    all_collected(context, progress, at);
}

/// The service's queue gave the session back, and nothing of it was run.
fn given_back(context: Context<'_>, progress: &mut DeviceState, at: Moment) {
    let sleeps = progress.readiness.sleeps();
    let left_out = context.plan.policy.offline.mode == OfflineMode::Skip && !progress.touched;
    if sleeps && left_out {
        let why = "offline: the device did not pick up the session";
        trouble(progress, EndState::Skipped, why);
        advance(context, progress, at);
    } else if sleeps && at >= context.offline_until {
        let why = progress.never_came();
        trouble(progress, EndState::OfflineExpired, &why);
        advance(context, progress, at);
    } else {
        start_again(context, progress, at, Duration::ZERO);
    }
}

/// What is certain before the last result is in is known to the stop rule at once. A result can
/// only show that an earlier command of the session failed as well.
fn foresee(context: Context<'_>, progress: &mut DeviceState) {
    if let Stage::Collecting(collecting) = &progress.stage
        && progress.trouble.is_none()
        && let SessionOutcome::Trouble(trouble) = outcome::conclude(context, progress, collecting)
    {
        progress.trouble = Some(Box::new(trouble));
        if let Stage::Collecting(collecting) = &mut progress.stage {
            collecting.foreseen = true;
        }
    }
}

pub(crate) fn collected(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    index: RequestIndex,
) {
    if let Stage::Collecting(collecting) = &mut progress.stage {
        collecting.wanted.retain(|other| *other != index);
        let failed = collecting
            .command_outcomes
            .iter()
            .any(|fate| *fate != CommandOutcome::Completed);
        if failed {
            collecting.wanted.append(&mut collecting.if_failed);
        }
    }
    foresee(context, progress);
    all_collected(context, progress, at);
}

fn all_collected(context: Context<'_>, progress: &mut DeviceState, at: Moment) {
    if let Stage::Collecting(collecting) = &progress.stage
        && collecting.wanted.is_empty()
    {
        let outcome = outcome::conclude(context, progress, collecting);
        if collecting.foreseen {
            progress.trouble = None;
        }
        conclude(context, progress, at, outcome);
    }
}

fn conclude(context: Context<'_>, progress: &mut DeviceState, at: Moment, outcome: SessionOutcome) {
    match outcome {
        SessionOutcome::GoOn { tolerated } => {
            progress.tolerated = progress.tolerated.saturating_add(tolerated);
            if progress.in_cleanup(context) {
                progress.debt = false;
            }
            advance(context, progress, at);
        }
        SessionOutcome::Retry { command, delay_ms } => {
            progress.retries += 1;
            progress.only = Some(command);
            start_again(context, progress, at, Duration::from_millis(delay_ms));
        }
        SessionOutcome::Trouble(new) => {
            if progress.trouble.is_none() {
                progress.trouble = Some(Box::new(new));
            }
            advance(context, progress, at);
        }
    }
}

pub(crate) fn readiness(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    ready: bool,
    never: bool,
    why: Option<&str>,
) -> Result<(), Misfit> {
    if progress.stage != Stage::Idle {
        // It went on in the meantime: what the service does with it says more than the list.
        return Ok(());
    }
    progress.readiness = if ready {
        Readiness::Ready
    } else {
        Readiness::Asleep
    };
    progress.unready = why.filter(|_| !ready).map(Into::into);
    if progress.touched {
        return Ok(());
    }
    let words = why.unwrap_or("the machine list does not show it as active");
    if never {
        trouble(progress, EndState::Skipped, words);
        advance(context, progress, at);
    } else if !ready && context.plan.policy.offline.mode == OfflineMode::Skip {
        trouble(progress, EndState::Skipped, &format!("offline: {words}"));
        advance(context, progress, at);
    } else if !ready && at >= context.offline_until {
        let why = progress.never_came();
        trouble(progress, EndState::OfflineExpired, &why);
        advance(context, progress, at);
    }
    Ok(())
}

pub(crate) fn gave_up(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
    why: GiveUp,
) -> Result<(), Misfit> {
    match (why, &progress.stage) {
        (GiveUp::Busy, Stage::Idle) if progress.busy_since.is_some() => {
            trouble(
                progress,
                EndState::Busy,
                "another live response session kept the device busy for too long",
            );
            // Cleanup may wait for its own time.
            progress.busy_since = None;
            progress.refusals = 0;
        }
        (GiveUp::Cancel, Stage::Open(open)) => {
            let Some(cancel) = open.cancel else {
                return Err(Misfit("no cancel was sent"));
            };
            let state = match cancel.why {
                CancelWhy::Timeout | CancelWhy::Deadline => EndState::TimedOut,
                CancelWhy::Offline => EndState::OfflineExpired,
                CancelWhy::Stop
                | CancelWhy::Operator
                | CancelWhy::Asleep
                | CancelWhy::Hours
                | CancelWhy::Pause => EndState::Cancelled,
            };
            let unconfirmed = format!(
                "action {} was cancelled but the service did not confirm it; it may still be running",
                open.action
            );
            let (step, why) = match cancel.why {
                CancelWhy::Timeout => {
                    let (step, words) = outcome::overdue(context, cancel.overdue);
                    (step, format!("{words}; {unconfirmed}"))
                }
                _ => (None, unconfirmed),
            };
            leave_debt(context, progress);
            trouble_at(progress, step, state, &why);
        }
        (GiveUp::Action, Stage::Open(open)) => {
            let why = format!(
                "the service never reported how action {} ended",
                open.action
            );
            leave_debt(context, progress);
            trouble(progress, EndState::Unknown, &why);
        }
        (GiveUp::Pickup, Stage::Open(open)) if open.began.is_none() => {
            let accepted = open.accepted;
            progress.doze(accepted);
            return Ok(());
        }
        (GiveUp::Device, Stage::Open(open)) if !open.is_unheard() => {
            let mut open = open.clone();
            let Some(cancel) = &mut open.cancel else {
                return Err(Misfit("no cancel was sent"));
            };
            cancel.unheard = true;
            progress.doze(cancel.since);
            progress.stage = Stage::Open(open);
            return Ok(());
        }
        _ => return Err(Misfit("that is not what the device waits for")),
    }
    advance(context, progress, at);
    Ok(())
}

/// The action under way ran on the device, or may have: what it put or ran is still there.
fn leave_debt(context: Context<'_>, progress: &mut DeviceState) {
    progress.touched = true;
    progress.debt |= !progress.in_cleanup(context) && progress.leaves_traces(context);
}

/// The present session is over: on to the next, to cleanup, or to the end.
pub(crate) fn advance(context: Context<'_>, progress: &mut DeviceState, at: Moment) {
    let sessions = &context.device.sessions;
    let was_cleanup = progress.in_cleanup(context);
    progress.attempt = Attempt::FIRST;
    progress.resolved = None;
    progress.only = None;
    progress.retries = 0;
    progress.refusals = 0;
    progress.busy_since = None;
    progress.not_before = at;

    let next = progress.session.next();
    if progress.trouble.is_none()
        && let Some(next) = next
        && next
            .get(sessions)
            .is_some_and(|session| session.kind == SessionKind::Main)
    {
        progress.session = next;
        return enter(progress, Stage::Idle, at);
    }
    let due = match context.plan.policy.cleanup_when {
        CleanupWhen::Always => true,
        CleanupWhen::Failed => progress.trouble.is_some(),
    };
    progress.debt &= due;
    let has_cleanup = sessions
        .last()
        .is_some_and(|session| session.kind == SessionKind::Cleanup);
    if progress.debt && has_cleanup && !was_cleanup && !progress.waived {
        progress.session = SessionIndex::at(sessions.len() - 1);
        return enter(progress, Stage::Idle, at);
    }
    enter(progress, Stage::Done, at);
}

/// Makes an idle device obey what the run as a whole was told.
pub(crate) fn obey(context: Context<'_>, progress: &mut DeviceState, orders: &Orders, at: Moment) {
    while progress.stage == Stage::Idle {
        let asleep = progress.readiness.sleeps();
        let cleanup = progress.in_cleanup(context);
        let expired;
        let (state, why) = if orders.deadline && cleanup {
            // Given up; `debt` stays and shows.
            return enter(progress, Stage::Done, at);
        } else if orders.offline && asleep {
            expired = progress.never_came();
            (EndState::OfflineExpired, expired.as_str())
        } else if cleanup {
            return;
        } else if orders.deadline && progress.touched {
            (EndState::TimedOut, "the run's deadline passed")
        } else if orders.deadline {
            (
                EndState::NotStarted,
                "the run's deadline passed before it was started",
            )
        } else if let Some(stopped) = orders.stopped {
            if !progress.touched {
                let why = match stopped.ordered {
                    true => "the operator ended the run before it was started",
                    false => "the stop rule stopped the run before it was started",
                };
                (EndState::NotStarted, why)
            } else if stopped.how == OnStop::Abort {
                let why = match stopped.ordered {
                    true => "the operator ended the run between two sessions",
                    false => "the stop rule stopped the run between two sessions",
                };
                (EndState::Cancelled, why)
            } else {
                return;
            }
        } else {
            return;
        };
        if cleanup {
            return enter(progress, Stage::Done, at);
        }
        trouble(progress, state, why);
        advance(context, progress, at);
    }
}

/// A person gives up the cleanup of this device. One that is on its way is not called back.
pub(crate) fn waive(
    context: Context<'_>,
    progress: &mut DeviceState,
    at: Moment,
) -> Result<(), Misfit> {
    if !progress.owes_cleanup(context) {
        return Err(Misfit("the device owes no cleanup"));
    }
    progress.waived = true;
    if progress.stage == Stage::Idle && progress.in_cleanup(context) {
        enter(progress, Stage::Done, at);
    }
    Ok(())
}

/// Another process took up the run. A start that was announced and not answered may have been sent
/// at any moment until now, may arrive a while later, and becomes visible later still.
pub(crate) fn resume(progress: &mut DeviceState, at: Moment) {
    if matches!(progress.stage, Stage::Announced { .. }) {
        doubt(progress, at, at + ON_ITS_WAY + VISIBILITY_LAG);
    }
}

/// Ends a device for which the plan has no main session; says whether it is one.
pub(crate) fn nothing_to_do(context: Context<'_>, progress: &mut DeviceState, at: Moment) -> bool {
    let first = context.device.sessions.first();
    let nothing = first.is_none_or(|session| session.kind == SessionKind::Cleanup);
    if nothing {
        trouble(
            progress,
            EndState::Skipped,
            "no step of the playbook applies to it",
        );
        enter(progress, Stage::Done, at);
    }
    nothing
}
