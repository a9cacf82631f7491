//! What an ended action means: which results are wanted, and what its commands add up to.

use svar_plan::{CommandIndex, OnFail, ResultsWanted, RetryPolicy, StepIndex, StepPlan, Verb};
use svar_wire::{ActionStatus, CommandStatus};

use super::state::{
    ActionOutcome, CancelReason, Collecting, CommandOutcome, Context, Running, Trouble,
};
use crate::answer::{CommandAnswer, MISMATCH, match_answer};
use crate::end::EndState;
use crate::fact::{CommandEnd, RequestIndex};

/// Outcome of a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SessionOutcome {
    /// The device goes on. `tolerated` steps failed and were allowed to.
    GoOn { tolerated: u16 },
    /// The command is tried again.
    Retry {
        command: CommandIndex,
        delay_ms: u64,
    },
    /// The device fails.
    Trouble(Trouble),
}

/// Returns the outcome of each command. Where the service says nothing of one (API notes 4.2), or uses
/// a state that we don't know (4.3), the action's own state decides.
pub(crate) fn command_outcomes(
    sent: usize,
    status: &ActionStatus,
    ends: &[CommandEnd],
) -> Box<[CommandOutcome]> {
    let succeeded = *status == ActionStatus::Succeeded;
    let outcome = |answer| match answer {
        CommandAnswer::Mismatch(why) => CommandOutcome::Unknown(why.into()),
        CommandAnswer::Unreported if succeeded => CommandOutcome::Completed,
        CommandAnswer::Unreported => CommandOutcome::Interrupted,
        CommandAnswer::Reported(end) => match end.status {
            CommandStatus::Completed => CommandOutcome::Completed,
            CommandStatus::Failed => {
                let error = end.error.as_deref();
                CommandOutcome::Failed(error.unwrap_or("the service gives no reason").into())
            }
            _ if succeeded => CommandOutcome::Completed,
            CommandStatus::Created => CommandOutcome::NotRun,
            // It was on its way when the action ended.
            _ => CommandOutcome::Interrupted,
        },
    };
    match_answer(sent, status, ends)
        .into_iter()
        .map(outcome)
        .collect()
}

/// Returns whether certainly nothing of the action was ever executed: neither was it seen to run, nor does
/// a command say that it left the queue.
pub(crate) fn never_ran(ends: &[CommandEnd], running: Option<Running>) -> bool {
    running.is_none() && ends.iter().all(|end| end.status == CommandStatus::Created)
}

/// Decides which results are wanted: at once, and if the session turns out to have failed. Never of
/// PutFile, which has none (API notes 6.2); a failed script usually left output.
pub(crate) fn want_results(context: Context<'_>, collecting: &mut Collecting) {
    let failed = collecting.outcome != ActionOutcome::Succeeded || !collecting.all_completed();
    for (index, outcome) in RequestIndex::enumerate(&collecting.command_outcomes) {
        let command = collecting.sent.command(context, index);
        let step = context.step(command.step);
        let has_result = match (command.verb, outcome) {
            (Verb::Put, _) => false,
            (_, CommandOutcome::Completed) => true,
            (Verb::Run, CommandOutcome::Failed(_)) => true,
            _ => false,
        };
        match step.results {
            _ if !has_result => {}
            _ if step.judged => collecting.wanted.push(index),
            ResultsWanted::All => collecting.wanted.push(index),
            ResultsWanted::Failed if failed => collecting.wanted.push(index),
            ResultsWanted::Failed => collecting.wanted_if_failed.push(index),
            ResultsWanted::None => {}
        }
    }
}

/// Returns the outcome of a session by what is known of its commands.
pub(crate) fn conclude(context: Context<'_>, collecting: &Collecting) -> SessionOutcome {
    let mut outcomes = RequestIndex::enumerate(&collecting.command_outcomes);
    match outcomes.find(|(_, outcome)| **outcome != CommandOutcome::Completed) {
        None => all_completed(context, collecting),
        Some((index, outcome)) => not_completed(context, collecting, index, outcome),
    }
}

fn all_completed(context: Context<'_>, collecting: &Collecting) -> SessionOutcome {
    match (collecting.outcome, collecting.cancel) {
        // The cancel never reached it.
        (ActionOutcome::Succeeded, Some(reason @ CancelReason::Timeout(_))) => {
            finished_anyway(context, collecting, Some(reason))
        }
        (ActionOutcome::Succeeded, _) => SessionOutcome::GoOn { tolerated: 0 },
        (ActionOutcome::Failed, _) => trouble(
            EndState::Failed,
            None,
            "the service reports the action as failed but no command failed",
        ),
        (ActionOutcome::TimeOut, _) => trouble(
            EndState::TimedOut,
            None,
            "all commands completed, but the service reports the action as timed out",
        ),
        (ActionOutcome::Cancelled, reason) => finished_anyway(context, collecting, reason),
    }
}

/// Returns the outcome of a session whose first command that did not complete is `index`.
fn not_completed(
    context: Context<'_>,
    collecting: &Collecting,
    index: RequestIndex,
    outcome: &CommandOutcome,
) -> SessionOutcome {
    let step_index = collecting.sent.command(context, index).step;
    let (state, why) = match outcome {
        CommandOutcome::NotMet(why) => (EndState::ExpectFailed, why),
        CommandOutcome::Failed(why) | CommandOutcome::Missing(why) => (EndState::Failed, why),
        // It may have run: nothing later is built on it, and it is not tried again.
        CommandOutcome::Unknown(why) => {
            let why = format!("{MISMATCH}: {why}");
            return trouble(EndState::Unknown, Some(step_index), &why);
        }
        CommandOutcome::Completed | CommandOutcome::Interrupted | CommandOutcome::NotRun => {
            return cut_off(context, collecting, step_index);
        }
    };
    let step = context.step(step_index);
    let allowed = step.on_fail == OnFail::Continue;
    let retry = remaining_retry(step, collecting);
    // What the operator or the stop rule ended is not tried again.
    let may_go_on = match (collecting.outcome, collecting.cancel) {
        (ActionOutcome::Succeeded | ActionOutcome::Failed, _) => true,
        (ActionOutcome::Cancelled, Some(reason)) => {
            matches!(reason, CancelReason::Timeout(_)) || reason.is_recall()
        }
        (ActionOutcome::Cancelled, None) | (ActionOutcome::TimeOut, _) => false,
    };
    match retry {
        Some(retry) if may_go_on => SessionOutcome::Retry {
            command: *index.of(&collecting.sent.commands),
            delay_ms: retry.delay_ms,
        },
        _ if allowed && may_go_on => SessionOutcome::GoOn { tolerated: 1 },
        // An allowed failure stays allowed, whatever ended the session. With retries left the step had
        // not ended, as if it had been cut off.
        Some(_) if allowed && collecting.outcome == ActionOutcome::Cancelled => {
            cancelled(context, collecting.cancel, Some(step_index))
        }
        None if allowed && collecting.outcome == ActionOutcome::Cancelled => {
            match finished_anyway(context, collecting, collecting.cancel) {
                SessionOutcome::GoOn { .. } => SessionOutcome::GoOn { tolerated: 1 },
                ended => ended,
            }
        }
        _ => trouble(state, Some(step_index), why),
    }
}

/// Returns the outcome of a session that ended before this step completed.
fn cut_off(context: Context<'_>, collecting: &Collecting, step: StepIndex) -> SessionOutcome {
    match (collecting.outcome, collecting.cancel) {
        (ActionOutcome::Cancelled, Some(CancelReason::Timeout(late)))
            if may_fail(context, late) =>
        {
            SessionOutcome::GoOn { tolerated: 1 }
        }
        (ActionOutcome::Cancelled, reason) => cancelled(context, reason, Some(step)),
        (ActionOutcome::TimeOut, _) => trouble(
            EndState::TimedOut,
            Some(step),
            "the service's time limit expired while it ran",
        ),
        (ActionOutcome::Succeeded | ActionOutcome::Failed, _) => trouble(
            EndState::Failed,
            Some(step),
            "the action failed before it completed",
        ),
    }
}

/// Returns the step's retry policy if it has retries left.
fn remaining_retry(step: &StepPlan, collecting: &Collecting) -> Option<RetryPolicy> {
    step.retry
        .filter(|retry| collecting.sent.current.retries() < retry.max)
}

/// Returns the outcome of a session that completed although it was being cancelled (API notes 7).
fn finished_anyway(
    context: Context<'_>,
    collecting: &Collecting,
    reason: Option<CancelReason>,
) -> SessionOutcome {
    if let Some(CancelReason::Timeout(late)) = reason {
        return if may_fail(context, late) {
            SessionOutcome::GoOn { tolerated: 1 }
        } else {
            let overdue = overdue(context, late);
            let why = format!("{overdue}; it finished before the cancel took effect");
            trouble(EndState::TimedOut, Some(late), &why)
        };
    }
    // Nothing was to come after it, or what comes is still started: the cancel changed nothing.
    let is_last = context
        .next_main(Some(collecting.sent.current.session))
        .is_none();
    if is_last || reason.is_some_and(CancelReason::is_recall) {
        return SessionOutcome::GoOn { tolerated: 0 };
    }
    if reason == Some(CancelReason::Deadline) {
        let why = "the run's deadline passed; the session finished before the cancel took effect";
        return trouble(EndState::TimedOut, None, why);
    }
    let why = "cancelled between two sessions; this one finished before the cancel took effect";
    trouble(EndState::Cancelled, None, why)
}

fn trouble(state: EndState, step: Option<StepIndex>, why: &str) -> SessionOutcome {
    SessionOutcome::Trouble(Trouble {
        state,
        step,
        why: why.into(),
    })
}

/// Returns whether the failure of the step is allowed.
fn may_fail(context: Context<'_>, step: StepIndex) -> bool {
    context.step(step).on_fail == OnFail::Continue
}

/// Returns the reason of a session that was cancelled because this step took too long, as a clause.
pub(crate) fn overdue(context: Context<'_>, step: StepIndex) -> String {
    match context.step(step).timeout {
        Some(timeout) => {
            let timeout = svar_wire::text::duration(timeout);
            format!("it took longer than its timeout of {timeout}")
        }
        None => panic!("internal error: step {step} has no timeout"),
    }
}

/// Returns the state in which a device ends whose action was cancelled for this reason.
pub(crate) const fn cancelled_state(reason: CancelReason) -> EndState {
    match reason {
        CancelReason::Timeout(_) | CancelReason::Deadline => EndState::TimedOut,
        CancelReason::Offline => EndState::OfflineExpired,
        CancelReason::Stop
        | CancelReason::Operator
        | CancelReason::Unresponsive
        | CancelReason::Hours
        | CancelReason::Pause => EndState::Cancelled,
    }
}

/// Returns the outcome of a session whose action was cancelled. `step` is the one that ran at the end.
pub(crate) fn cancelled(
    context: Context<'_>,
    reason: Option<CancelReason>,
    step: Option<StepIndex>,
) -> SessionOutcome {
    let Some(reason) = reason else {
        return trouble(EndState::Cancelled, step, "cancelled outside this run");
    };
    let state = cancelled_state(reason);
    let why = match reason {
        CancelReason::Timeout(late) => return trouble(state, Some(late), &overdue(context, late)),
        CancelReason::Deadline => "the run's deadline passed",
        CancelReason::Offline => "it did not come online before `offline.until`",
        CancelReason::Stop => "cancelled by the stop rule",
        CancelReason::Operator => "cancelled by the operator",
        CancelReason::Unresponsive | CancelReason::Hours | CancelReason::Pause => {
            "the device had started the session when it was recalled; it was aborted"
        }
    };
    trouble(state, step, why)
}
