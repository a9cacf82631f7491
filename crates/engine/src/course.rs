//! How a device goes on from one thing to the next. Called from the one match in `device.rs`, and
//! from nowhere else but where the run as a whole is told something.

use std::time::Duration;

use svar_plan::{CleanupWhen, OfflineMode, OnStop, SessionIndex, SessionKind, StepIndex};
use svar_wire::ActionStatus;
use svar_wire::Moment;

use super::end::EndState;
use super::fact::{Attempt, CancelWhy, CommandEnd, GiveUp, Refusal, RequestIndex};
use super::outcome::{self, Outcome};
use super::progress::{Close, Collecting, Fate, Ground, Open, Progress, Readiness, Stage, Trouble};
use super::retry::{AnswerClass, class_of_start};
use super::stop::Orders;

/// An action may be invisible to lists for this long after it was created (API notes 4.5).
pub(super) const VISIBILITY_LAG: Duration = Duration::from_secs(120);

/// A request of a process that died may be on its way for this long yet, in some gateway: as long as
/// the client would have waited for its answer.
pub(super) const ON_ITS_WAY: Duration = Duration::from_secs(100);

/// Pauses between the tries on a device that is busy: the first is short, because a session of
/// somebody else is often just ending.
const BUSY_PAUSES: [u64; 4] = [15, 30, 45, 60];

/// A permission that was granted lately counts after about so long (API notes 2.4).
const HEALING: Duration = Duration::from_secs(60);

/// Refusals in a row that promise a later success, before they are taken as final.
const REFUSALS_MAX: u16 = 5;

pub(super) fn enter(progress: &mut Progress, stage: Stage, at: Moment) {
    progress.stage = stage;
    progress.since = at;
}

/// The answer to the start is lost: it is looked for, and from `settled` on not found means not sent.
pub(super) fn doubt(progress: &mut Progress, at: Moment, settled: Moment) {
    let sent = progress.sent().into();
    enter(progress, Stage::Doubtful { settled, sent }, at);
}

pub(super) fn trouble(progress: &mut Progress, state: EndState, why: &str) {
    trouble_at(progress, None, state, why);
}

/// What goes wrong first decides; `step` is the one that it is about.
pub(super) fn trouble_at(
    progress: &mut Progress,
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
pub(super) fn start_again(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
    pause: Duration,
) {
    // Given up while its start was in the air: it is not sent anew.
    if progress.waived && progress.in_cleanup(ground) {
        return enter(progress, Stage::Done, at);
    }
    match progress.attempt.next() {
        Some(attempt) => {
            progress.attempt = attempt;
            progress.not_before = at + pause;
            enter(progress, Stage::Idle, at);
        }
        None => {
            trouble(progress, EndState::Failed, "it was started too often");
            advance(ground, progress, at);
        }
    }
}

pub(super) fn refused(ground: Ground<'_>, progress: &mut Progress, at: Moment, refusal: &Refusal) {
    let asked = refusal.retry_after_ms.map(Duration::from_millis);
    match class_of_start(refusal.status, &refusal.code) {
        AnswerClass::Busy => {
            progress.busy_since.get_or_insert(at);
            let place = usize::from(progress.refusals).min(BUSY_PAUSES.len() - 1);
            progress.refusals = progress.refusals.saturating_add(1);
            let pause = Duration::from_secs(BUSY_PAUSES[place]);
            start_again(ground, progress, at, asked.unwrap_or(pause));
        }
        // The network is down, or the sign-in: however long that takes, it is not the device's
        // failure, so it is not counted.
        AnswerClass::NotSent => start_again(ground, progress, at, Duration::from_secs(30)),
        // The quota knows how long; the device only gets back in line.
        AnswerClass::Throttled => start_again(ground, progress, at, Duration::ZERO),
        AnswerClass::AgainLater if progress.refusals < REFUSALS_MAX => {
            let pause = Duration::from_secs(5 << progress.refusals.min(4));
            progress.refusals = progress.refusals.saturating_add(1);
            start_again(ground, progress, at, asked.unwrap_or(pause));
        }
        AnswerClass::MayHeal if progress.refusals == 0 => {
            progress.refusals = 1;
            start_again(ground, progress, at, asked.unwrap_or(HEALING));
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
            advance(ground, progress, at);
        }
    }
}

pub(super) fn ended(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
    open: &Open,
    (status, expired): (&ActionStatus, bool),
    commands: &[CommandEnd],
) {
    let never_ran = outcome::never_ran(commands, open.began.is_some());
    let cancel = open.cancel.map(|cancel| cancel.why);
    let overdue = open.cancel.and_then(|cancel| cancel.overdue);
    let close = match status {
        ActionStatus::Succeeded => Close::Succeeded,
        ActionStatus::TimeOut => Close::TimeOut,
        ActionStatus::Cancelled => Close::Cancelled(cancel),
        _ => Close::Failed,
    };
    let called_back = cancel.is_some_and(CancelWhy::calls_back);
    let was_called_back = called_back && matches!(close, Close::Cancelled(_));
    if never_ran && (expired || was_called_back) {
        // It had the time that a device needs which is awake.
        if expired || cancel == Some(CancelWhy::Asleep) {
            progress.doze(open.accepted);
        }
        return match cancel.filter(|_| !called_back) {
            Some(why) => conclude(
                ground,
                progress,
                at,
                outcome::cancelled(ground, Some(why), overdue, None),
            ),
            None => given_back(ground, progress, at),
        };
    }
    if !never_ran {
        progress.readiness = Readiness::Ready;
    }
    let fates = outcome::fates(open.sent.len(), status, commands);
    let ran_something = close != Close::Cancelled(cancel) || !never_ran;
    if ran_something {
        leave_debt(ground, progress);
    }
    let failed = close != Close::Succeeded || fates.iter().any(|fate| *fate != Fate::Completed);
    let (wanted, if_failed) = outcome::wanted(ground, progress, &fates, failed);
    let collecting = Collecting {
        action: open.action.clone(),
        sent: open.sent.clone(),
        ended: at,
        close,
        overdue,
        fates,
        wanted,
        if_failed,
        foreseen: false,
    };
    enter(progress, Stage::Collecting(Box::new(collecting)), at);
    foresee(ground, progress);
    all_collected(ground, progress, at);
}

/// The service's queue gave the session back, and nothing of it was run.
fn given_back(ground: Ground<'_>, progress: &mut Progress, at: Moment) {
    let sleeps = progress.readiness.sleeps();
    let left_out = ground.plan.policy.offline.mode == OfflineMode::Skip && !progress.touched;
    if sleeps && left_out {
        let why = "offline: it did not take its session out of the service's queue";
        trouble(progress, EndState::Skipped, why);
        advance(ground, progress, at);
    } else if sleeps && at >= ground.offline_until {
        let why = progress.never_came();
        trouble(progress, EndState::OfflineExpired, &why);
        advance(ground, progress, at);
    } else {
        start_again(ground, progress, at, Duration::ZERO);
    }
}

/// What is certain before the last result is in is known to the stop rule at once. A result can
/// only show that an earlier command of the session failed as well.
fn foresee(ground: Ground<'_>, progress: &mut Progress) {
    if let Stage::Collecting(collecting) = &progress.stage
        && progress.trouble.is_none()
        && let Outcome::Trouble(trouble) = outcome::conclude(ground, progress, collecting)
    {
        progress.trouble = Some(Box::new(trouble));
        if let Stage::Collecting(collecting) = &mut progress.stage {
            collecting.foreseen = true;
        }
    }
}

pub(super) fn collected(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
    index: RequestIndex,
) {
    if let Stage::Collecting(collecting) = &mut progress.stage {
        collecting.wanted.retain(|other| *other != index);
        let failed = collecting.fates.iter().any(|fate| *fate != Fate::Completed);
        if failed {
            collecting.wanted.append(&mut collecting.if_failed);
        }
    }
    foresee(ground, progress);
    all_collected(ground, progress, at);
}

fn all_collected(ground: Ground<'_>, progress: &mut Progress, at: Moment) {
    if let Stage::Collecting(collecting) = &progress.stage
        && collecting.wanted.is_empty()
    {
        let outcome = outcome::conclude(ground, progress, collecting);
        if collecting.foreseen {
            progress.trouble = None;
        }
        conclude(ground, progress, at, outcome);
    }
}

fn conclude(ground: Ground<'_>, progress: &mut Progress, at: Moment, outcome: Outcome) {
    match outcome {
        Outcome::GoOn { tolerated } => {
            progress.tolerated = progress.tolerated.saturating_add(tolerated);
            if progress.in_cleanup(ground) {
                progress.debt = false;
            }
            advance(ground, progress, at);
        }
        Outcome::Retry { command, delay_ms } => {
            progress.retries += 1;
            progress.only = Some(command);
            start_again(ground, progress, at, Duration::from_millis(delay_ms));
        }
        Outcome::Trouble(new) => {
            if progress.trouble.is_none() {
                progress.trouble = Some(Box::new(new));
            }
            advance(ground, progress, at);
        }
    }
}

pub(super) fn readiness(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
    ready: bool,
    never: bool,
    why: Option<&str>,
) -> Result<(), &'static str> {
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
        advance(ground, progress, at);
    } else if !ready && ground.plan.policy.offline.mode == OfflineMode::Skip {
        trouble(progress, EndState::Skipped, &format!("offline: {words}"));
        advance(ground, progress, at);
    } else if !ready && at >= ground.offline_until {
        let why = progress.never_came();
        trouble(progress, EndState::OfflineExpired, &why);
        advance(ground, progress, at);
    }
    Ok(())
}

pub(super) fn gave_up(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
    why: GiveUp,
) -> Result<(), &'static str> {
    match (why, &progress.stage) {
        (GiveUp::Busy, Stage::Idle) if progress.busy_since.is_some() => {
            trouble(
                progress,
                EndState::Busy,
                "somebody else's live response held the device for too long",
            );
            // Cleanup may wait for its own time.
            progress.busy_since = None;
            progress.refusals = 0;
        }
        (GiveUp::Cancel, Stage::Open(open)) => {
            let Some(cancel) = open.cancel else {
                return Err("no cancel was sent");
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
                "action {} was cancelled, and the service does not confirm it: it may still run",
                open.action
            );
            let (step, why) = match cancel.why {
                CancelWhy::Timeout => {
                    let (step, words) = outcome::overdue(ground, cancel.overdue);
                    (step, format!("{words}; {unconfirmed}"))
                }
                _ => (None, unconfirmed),
            };
            leave_debt(ground, progress);
            trouble_at(progress, step, state, &why);
        }
        (GiveUp::Action, Stage::Open(open)) => {
            let why = format!("the service never said how action {} ended", open.action);
            leave_debt(ground, progress);
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
                return Err("no cancel was sent");
            };
            cancel.unheard = true;
            progress.doze(cancel.since);
            progress.stage = Stage::Open(open);
            return Ok(());
        }
        _ => return Err("that is not what the device waits for"),
    }
    advance(ground, progress, at);
    Ok(())
}

/// The action under way ran on the device, or may have: what it put or ran is still there.
fn leave_debt(ground: Ground<'_>, progress: &mut Progress) {
    progress.touched = true;
    progress.debt |= !progress.in_cleanup(ground) && progress.leaves_traces(ground);
}

/// The present session is over: on to the next, to cleanup, or to the end.
pub(super) fn advance(ground: Ground<'_>, progress: &mut Progress, at: Moment) {
    let sessions = &ground.device.sessions;
    let was_cleanup = progress.in_cleanup(ground);
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
    let due = match ground.plan.policy.cleanup_when {
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
pub(super) fn obey(ground: Ground<'_>, progress: &mut Progress, orders: &Orders, at: Moment) {
    while progress.stage == Stage::Idle {
        let asleep = progress.readiness.sleeps();
        let cleanup = progress.in_cleanup(ground);
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
            (EndState::NotStarted, "the run's deadline passed before")
        } else if let Some(stopped) = orders.stopped {
            if !progress.touched {
                let why = match stopped.ordered {
                    true => "the operator ended the run before",
                    false => "the stop rule stopped the run before",
                };
                (EndState::NotStarted, why)
            } else if stopped.how == OnStop::Abort {
                let why = match stopped.ordered {
                    true => "the operator ended the run between its sessions",
                    false => "the stop rule stopped the run between its sessions",
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
        advance(ground, progress, at);
    }
}

/// A person gives up the cleanup of this device. One that is on its way is not called back.
pub(super) fn waive(
    ground: Ground<'_>,
    progress: &mut Progress,
    at: Moment,
) -> Result<(), &'static str> {
    if !progress.owes_cleanup(ground) {
        return Err("the device owes no cleanup");
    }
    progress.waived = true;
    if progress.stage == Stage::Idle && progress.in_cleanup(ground) {
        enter(progress, Stage::Done, at);
    }
    Ok(())
}

/// Another process took up the run. A start that was announced and not answered may have been sent
/// at any moment until now, may arrive a while later, and becomes visible later still.
pub(super) fn resume(progress: &mut Progress, at: Moment) {
    if matches!(progress.stage, Stage::Announced { .. }) {
        doubt(progress, at, at + ON_ITS_WAY + VISIBILITY_LAG);
    }
}

/// Ends a device for which the plan has no main session; says whether it is one.
pub(super) fn nothing_to_do(ground: Ground<'_>, progress: &mut Progress, at: Moment) -> bool {
    let first = ground.device.sessions.first();
    let nothing = first.is_none_or(|session| session.kind == SessionKind::Cleanup);
    if nothing {
        trouble(
            progress,
            EndState::Skipped,
            "the playbook has nothing for it",
        );
        enter(progress, Stage::Done, at);
    }
    nothing
}
