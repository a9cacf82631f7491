//! What an ended action means: which results are wanted, and what its commands add up to.

use svar_plan::{CommandIndex, OnFail, ResultsWanted, StepIndex, Verb};
use svar_wire::{ActionStatus, CommandStatus};

use super::state::{ActionOutcome, Collecting, CommandOutcome, Context, DeviceState, Trouble};
use crate::answer::{CommandAnswer, MISMATCH, match_answer};
use crate::end::EndState;
use crate::fact::{CancelWhy, CommandEnd, RequestIndex};

/// What a session comes to once everything about it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SessionOutcome {
    /// The device goes on; so many steps failed that were allowed to.
    GoOn { tolerated: u16 },
    /// The command at this place of the session is tried again.
    Retry {
        command: CommandIndex,
        delay_ms: u64,
    },
    /// The device fails.
    Trouble(Trouble),
}

/// What became of each command. Where the service says nothing of one (API notes 4.2), or uses a state
/// that we don't know (4.3), the action's own state speaks for it.
pub(crate) fn command_outcomes(
    sent: usize,
    status: &ActionStatus,
    ends: &[CommandEnd],
) -> Box<[CommandOutcome]> {
    let succeeded = *status == ActionStatus::Succeeded;
    let fate = |answer| match answer {
        CommandAnswer::Mismatch(why) => CommandOutcome::Unknown(why.into()),
        CommandAnswer::Silent if succeeded => CommandOutcome::Completed,
        CommandAnswer::Silent => CommandOutcome::Cut,
        CommandAnswer::Told(end) => match end.status {
            CommandStatus::Completed => CommandOutcome::Completed,
            CommandStatus::Failed => {
                let error = end.error.as_deref();
                CommandOutcome::Failed(error.unwrap_or("the service gives no reason").into())
            }
            _ if succeeded => CommandOutcome::Completed,
            CommandStatus::Created => CommandOutcome::NotRun,
            // It was on its way when the action ended.
            _ => CommandOutcome::Cut,
        },
    };
    match_answer(sent, status, ends)
        .into_iter()
        .map(fate)
        .collect()
}

/// Certainly nothing of the action was ever begun: neither was it seen to run, nor does a command
/// say that it left the queue.
pub(crate) fn never_ran(ends: &[CommandEnd], began: bool) -> bool {
    !began && ends.iter().all(|end| end.status == CommandStatus::Created)
}

/// Which results are wanted, by the service's index: at once, and if the session turns out to have
/// failed. Never for PutFile, which has none (API notes 6.2); a failed script usually left output.
pub(crate) fn wanted(
    context: Context<'_>,
    progress: &DeviceState,
    command_outcomes: &[CommandOutcome],
    failed: bool,
) -> (Vec<RequestIndex>, Vec<RequestIndex>) {
    let mut now = Vec::new();
    let mut if_failed = Vec::new();
    for (index, command) in RequestIndex::enumerate(progress.sent()) {
        let Some(fate) = index.get(command_outcomes) else {
            continue;
        };
        let Some(command) = progress.command(context, *command) else {
            continue;
        };
        let Some(step) = command.step.get(&context.plan.steps) else {
            continue;
        };
        let has_result = match (command.verb, fate) {
            (Verb::Put, _) => false,
            (_, CommandOutcome::Completed) => true,
            (Verb::Run, CommandOutcome::Failed(_)) => true,
            _ => false,
        };
        match step.results {
            _ if !has_result => {}
            _ if step.judged => now.push(index),
            ResultsWanted::All => now.push(index),
            ResultsWanted::Failed if failed => now.push(index),
            ResultsWanted::Failed => if_failed.push(index),
            ResultsWanted::None => {}
        }
    }
    (now, if_failed)
}

/// What the session comes to, now that its results are in.
pub(crate) fn conclude(
    context: Context<'_>,
    progress: &DeviceState,
    collecting: &Collecting,
) -> SessionOutcome {
    let first_bad = collecting
        .command_outcomes
        .iter()
        .zip(&collecting.sent)
        .find(|(fate, _)| **fate != CommandOutcome::Completed);
    let step_of = |command: CommandIndex| {
        progress
            .command(context, command)
            .map(|command| command.step)
    };

    let Some((fate, command)) = first_bad else {
        return match collecting.close {
            // The cancel never reached it.
            ActionOutcome::Succeeded if collecting.overdue.is_some() => {
                let why = Some(CancelWhy::Timeout);
                too_late(context, progress, why, collecting.overdue)
            }
            ActionOutcome::Succeeded => SessionOutcome::GoOn { tolerated: 0 },
            ActionOutcome::Failed => SessionOutcome::Trouble(Trouble {
                state: EndState::Failed,
                step: None,
                why: "the service reports the action as failed but no command failed".into(),
            }),
            ActionOutcome::TimeOut => SessionOutcome::Trouble(Trouble {
                state: EndState::TimedOut,
                step: None,
                why: "all commands completed, but the service reports the action as timed out"
                    .into(),
            }),
            ActionOutcome::Cancelled(why) => too_late(context, progress, why, collecting.overdue),
        };
    };

    let step_index = step_of(*command);
    let step = step_index.and_then(|step| step.get(&context.plan.steps));
    let allowed = step.is_some_and(|step| step.on_fail == OnFail::Continue);
    let go_on = SessionOutcome::GoOn { tolerated: 1 };
    let trouble = |state, why: &str| {
        SessionOutcome::Trouble(Trouble {
            state,
            step: step_index,
            why: why.into(),
        })
    };

    let (state, why) = match fate {
        CommandOutcome::NotMet(why) => (EndState::ExpectFailed, why),
        CommandOutcome::Failed(why) | CommandOutcome::Missing(why) => (EndState::Failed, why),
        // It may have run: nothing later is built on it, and it is not tried again.
        CommandOutcome::Unknown(why) => {
            let why = format!("{MISMATCH}: {why}");
            return trouble(EndState::Unknown, &why);
        }
        CommandOutcome::Completed | CommandOutcome::Cut | CommandOutcome::NotRun => {
            return match collecting.close {
                ActionOutcome::Cancelled(Some(CancelWhy::Timeout))
                    if may_be_late(context, collecting.overdue) =>
                {
                    go_on
                }
                ActionOutcome::Cancelled(why) => {
                    cancelled(context, why, collecting.overdue, step_index)
                }
                ActionOutcome::TimeOut => trouble(
                    EndState::TimedOut,
                    "the service's time limit expired while it ran",
                ),
                ActionOutcome::Succeeded | ActionOutcome::Failed => {
                    trouble(EndState::Failed, "the action failed before it completed")
                }
            };
        }
    };
    // What the operator or the stop rule ended is not tried again.
    let may_go_on = match collecting.close {
        ActionOutcome::Succeeded | ActionOutcome::Failed => true,
        ActionOutcome::Cancelled(Some(why)) => why == CancelWhy::Timeout || why.calls_back(),
        ActionOutcome::Cancelled(None) | ActionOutcome::TimeOut => false,
    };
    match step.and_then(|step| step.retry) {
        Some(retry) if may_go_on && progress.retries < retry.max => SessionOutcome::Retry {
            command: *command,
            delay_ms: retry.delay_ms,
        },
        _ if allowed && may_go_on => go_on,
        // An allowed failure stays allowed, whatever ended the session. With tries left the step was
        // not through, as if it had been cut.
        Some(retry) if allowed && progress.retries < retry.max => match collecting.close {
            ActionOutcome::Cancelled(why) => {
                cancelled(context, why, collecting.overdue, step_index)
            }
            _ => trouble(state, why),
        },
        _ if allowed => match collecting.close {
            ActionOutcome::Cancelled(why) => {
                match too_late(context, progress, why, collecting.overdue) {
                    SessionOutcome::GoOn { .. } => go_on,
                    ended => ended,
                }
            }
            _ => trouble(state, why),
        },
        _ => trouble(state, why),
    }
}

/// Everything completed although a cancel was on its way (API notes 7).
fn too_late(
    context: Context<'_>,
    progress: &DeviceState,
    why: Option<CancelWhy>,
    late: Option<StepIndex>,
) -> SessionOutcome {
    let kind_of_next = (progress.session.next())
        .and_then(|next| next.get(&context.device.sessions))
        .map(|session| session.kind);
    let more = kind_of_next == Some(svar_plan::SessionKind::Main);
    match why {
        Some(CancelWhy::Timeout) if may_be_late(context, late) => {
            SessionOutcome::GoOn { tolerated: 1 }
        }
        Some(CancelWhy::Timeout) => {
            let (step, words) = overdue(context, late);
            SessionOutcome::Trouble(Trouble {
                state: EndState::TimedOut,
                step,
                why: format!("{words}; it finished before the cancel took effect").into(),
            })
        }
        // All that was planned has been done, or is done yet: the cancel changed nothing.
        _ if !more => SessionOutcome::GoOn { tolerated: 0 },
        Some(why) if why.calls_back() => SessionOutcome::GoOn { tolerated: 0 },
        Some(CancelWhy::Deadline) => SessionOutcome::Trouble(Trouble {
            state: EndState::TimedOut,
            step: None,
            why: "the run's deadline passed; the session finished before the cancel took effect"
                .into(),
        }),
        _ => SessionOutcome::Trouble(Trouble {
            state: EndState::Cancelled,
            step: None,
            why: "cancelled between two sessions; this one finished before the cancel took effect"
                .into(),
        }),
    }
}

/// The step that took too long was allowed to fail.
fn may_be_late(context: Context<'_>, late: Option<StepIndex>) -> bool {
    late.and_then(|step| step.get(&context.plan.steps))
        .is_some_and(|step| step.on_fail == OnFail::Continue)
}

/// What a session is told as that was cancelled because this step took too long.
pub(crate) fn overdue(
    context: Context<'_>,
    step: Option<StepIndex>,
) -> (Option<StepIndex>, String) {
    let timeout = step.and_then(|step| step.get(&context.plan.steps)?.timeout);
    let words = match timeout {
        Some(timeout) => {
            let timeout = svar_wire::text::duration(timeout);
            format!("it took longer than its timeout of {timeout}")
        }
        None => "it took longer than it may".to_owned(),
    };
    (step, words)
}

/// What a cancelled action means for its device: `late` is the step that was overdue, `step` the
/// one that ran at the end.
pub(crate) fn cancelled(
    context: Context<'_>,
    why: Option<CancelWhy>,
    late: Option<StepIndex>,
    step: Option<StepIndex>,
) -> SessionOutcome {
    let (state, why) = match why {
        Some(CancelWhy::Timeout) => {
            let (late, words) = overdue(context, late);
            return SessionOutcome::Trouble(Trouble {
                state: EndState::TimedOut,
                step: late.or(step),
                why: words.into(),
            });
        }
        Some(CancelWhy::Deadline) => (EndState::TimedOut, "the run's deadline passed"),
        Some(CancelWhy::Offline) => (
            EndState::OfflineExpired,
            "it did not come online before `offline.until`",
        ),
        Some(CancelWhy::Stop) => (EndState::Cancelled, "cancelled by the stop rule"),
        Some(CancelWhy::Operator) => (EndState::Cancelled, "cancelled by the operator"),
        Some(CancelWhy::Asleep | CancelWhy::Hours | CancelWhy::Pause) => (
            EndState::Cancelled,
            "the device had started the session when it was recalled; it was aborted",
        ),
        None => (EndState::Cancelled, "cancelled outside this run"),
    };
    SessionOutcome::Trouble(Trouble {
        state,
        step,
        why: why.into(),
    })
}
