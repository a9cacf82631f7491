//! What an ended action means: which results are wanted, and what its commands add up to.

use svar_plan::{CommandIndex, OnFail, ResultsWanted, StepIndex, Verb};
use svar_wire::{ActionStatus, CommandStatus};

use super::answer::{CommandAnswer, MISMATCH, match_answer};
use super::end::EndState;
use super::fact::{CancelWhy, CommandEnd, RequestIndex};
use super::progress::{Close, Collecting, Fate, Ground, Progress, Trouble};

/// What a session comes to once everything about it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
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
pub(super) fn fates(sent: usize, status: &ActionStatus, ends: &[CommandEnd]) -> Box<[Fate]> {
    let succeeded = *status == ActionStatus::Succeeded;
    let fate = |answer| match answer {
        CommandAnswer::Mismatch(why) => Fate::Unknown(why.into()),
        CommandAnswer::Silent if succeeded => Fate::Completed,
        CommandAnswer::Silent => Fate::Cut,
        CommandAnswer::Told(end) => match end.status {
            CommandStatus::Completed => Fate::Completed,
            CommandStatus::Failed => {
                let error = end.error.as_deref();
                Fate::Failed(error.unwrap_or("the service names no reason").into())
            }
            _ if succeeded => Fate::Completed,
            CommandStatus::Created => Fate::NotRun,
            // It was on its way when the action ended.
            _ => Fate::Cut,
        },
    };
    match_answer(sent, status, ends)
        .into_iter()
        .map(fate)
        .collect()
}

/// Certainly nothing of the action was ever begun: neither was it seen to run, nor does a command
/// say that it left the queue.
pub(super) fn never_ran(ends: &[CommandEnd], began: bool) -> bool {
    !began && ends.iter().all(|end| end.status == CommandStatus::Created)
}

/// Which results are wanted, by the service's index: at once, and if the session turns out to have
/// failed. Never for PutFile, which has none (API notes 6.2); a failed script usually left output.
pub(super) fn wanted(
    ground: Ground<'_>,
    progress: &Progress,
    fates: &[Fate],
    failed: bool,
) -> (Vec<RequestIndex>, Vec<RequestIndex>) {
    let mut now = Vec::new();
    let mut if_failed = Vec::new();
    for (index, command) in RequestIndex::enumerate(progress.sent()) {
        let Some(fate) = index.get(fates) else {
            continue;
        };
        let Some(command) = progress.command(ground, *command) else {
            continue;
        };
        let Some(step) = command.step.get(&ground.plan.steps) else {
            continue;
        };
        let has_result = match (command.verb, fate) {
            (Verb::Put, _) => false,
            (_, Fate::Completed) => true,
            (Verb::Run, Fate::Failed(_)) => true,
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
pub(super) fn conclude(
    ground: Ground<'_>,
    progress: &Progress,
    collecting: &Collecting,
) -> Outcome {
    let first_bad = collecting
        .fates
        .iter()
        .zip(&collecting.sent)
        .find(|(fate, _)| **fate != Fate::Completed);
    let step_of = |command: CommandIndex| {
        progress
            .command(ground, command)
            .map(|command| command.step)
    };

    let Some((fate, command)) = first_bad else {
        return match collecting.close {
            // The cancel never reached it.
            Close::Succeeded if collecting.overdue.is_some() => {
                let why = Some(CancelWhy::Timeout);
                too_late(ground, progress, why, collecting.overdue)
            }
            Close::Succeeded => Outcome::GoOn { tolerated: 0 },
            Close::Failed => Outcome::Trouble(Trouble {
                state: EndState::Failed,
                step: None,
                why: "the service calls the action failed, and no command of it".into(),
            }),
            Close::TimeOut => Outcome::Trouble(Trouble {
                state: EndState::TimedOut,
                step: None,
                why: "every command completed, but the service calls the action timed out".into(),
            }),
            Close::Cancelled(why) => too_late(ground, progress, why, collecting.overdue),
        };
    };

    let step_index = step_of(*command);
    let step = step_index.and_then(|step| step.get(&ground.plan.steps));
    let allowed = step.is_some_and(|step| step.on_fail == OnFail::Continue);
    let go_on = Outcome::GoOn { tolerated: 1 };
    let trouble = |state, why: &str| {
        Outcome::Trouble(Trouble {
            state,
            step: step_index,
            why: why.into(),
        })
    };

    let (state, why) = match fate {
        Fate::NotMet(why) => (EndState::ExpectFailed, why),
        Fate::Failed(why) | Fate::Missing(why) => (EndState::Failed, why),
        // It may have run: nothing later is built on it, and it is not tried again.
        Fate::Unknown(why) => {
            let why = format!("{MISMATCH}: {why}");
            return trouble(EndState::Unknown, &why);
        }
        Fate::Completed | Fate::Cut | Fate::NotRun => {
            return match collecting.close {
                Close::Cancelled(Some(CancelWhy::Timeout))
                    if may_be_late(ground, collecting.overdue) =>
                {
                    go_on
                }
                Close::Cancelled(why) => cancelled(ground, why, collecting.overdue, step_index),
                Close::TimeOut => trouble(
                    EndState::TimedOut,
                    "the service's time ran out while it ran",
                ),
                Close::Succeeded | Close::Failed => {
                    trouble(EndState::Failed, "the action failed before it completed")
                }
            };
        }
    };
    // What the operator or the stop rule ended is not tried again.
    let may_go_on = match collecting.close {
        Close::Succeeded | Close::Failed => true,
        Close::Cancelled(Some(why)) => why == CancelWhy::Timeout || why.calls_back(),
        Close::Cancelled(None) | Close::TimeOut => false,
    };
    match step.and_then(|step| step.retry) {
        Some(retry) if may_go_on && progress.retries < retry.max => Outcome::Retry {
            command: *command,
            delay_ms: retry.delay_ms,
        },
        _ if allowed && may_go_on => go_on,
        // An allowed failure stays allowed, whatever ended the session. With tries left the step was
        // not through, as if it had been cut.
        Some(retry) if allowed && progress.retries < retry.max => match collecting.close {
            Close::Cancelled(why) => cancelled(ground, why, collecting.overdue, step_index),
            _ => trouble(state, why),
        },
        _ if allowed => match collecting.close {
            Close::Cancelled(why) => match too_late(ground, progress, why, collecting.overdue) {
                Outcome::GoOn { .. } => go_on,
                ended => ended,
            },
            _ => trouble(state, why),
        },
        _ => trouble(state, why),
    }
}

/// Everything completed although a cancel was on its way (API notes 7).
fn too_late(
    ground: Ground<'_>,
    progress: &Progress,
    why: Option<CancelWhy>,
    late: Option<StepIndex>,
) -> Outcome {
    let kind_of_next = (progress.session.next())
        .and_then(|next| next.get(&ground.device.sessions))
        .map(|session| session.kind);
    let more = kind_of_next == Some(svar_plan::SessionKind::Main);
    match why {
        Some(CancelWhy::Timeout) if may_be_late(ground, late) => Outcome::GoOn { tolerated: 1 },
        Some(CancelWhy::Timeout) => {
            let (step, words) = overdue(ground, late);
            Outcome::Trouble(Trouble {
                state: EndState::TimedOut,
                step,
                why: format!("{words}; it ran to its end, the cancel came too late").into(),
            })
        }
        // All that was planned has been done, or is done yet: the cancel changed nothing.
        _ if !more => Outcome::GoOn { tolerated: 0 },
        Some(why) if why.calls_back() => Outcome::GoOn { tolerated: 0 },
        Some(CancelWhy::Deadline) => Outcome::Trouble(Trouble {
            state: EndState::TimedOut,
            step: None,
            why: "the run's deadline passed; the session ran to its end, the cancel came too late"
                .into(),
        }),
        _ => Outcome::Trouble(Trouble {
            state: EndState::Cancelled,
            step: None,
            why:
                "cancelled between its sessions; this one ran to its end, the cancel came too late"
                    .into(),
        }),
    }
}

/// The step that took too long was allowed to fail.
fn may_be_late(ground: Ground<'_>, late: Option<StepIndex>) -> bool {
    late.and_then(|step| step.get(&ground.plan.steps))
        .is_some_and(|step| step.on_fail == OnFail::Continue)
}

/// What a session is told as that was cancelled because this step took too long.
pub(super) fn overdue(ground: Ground<'_>, step: Option<StepIndex>) -> (Option<StepIndex>, String) {
    let timeout = step.and_then(|step| step.get(&ground.plan.steps)?.timeout);
    let words = match timeout {
        Some(timeout) => {
            let timeout = jiff::SignedDuration::try_from(timeout).unwrap_or_default();
            format!("it took longer than its timeout of {timeout:#}")
        }
        None => "it took longer than it may".to_owned(),
    };
    (step, words)
}

/// What a cancelled action means for its device: `late` is the step that was overdue, `step` the
/// one that ran at the end.
pub(super) fn cancelled(
    ground: Ground<'_>,
    why: Option<CancelWhy>,
    late: Option<StepIndex>,
    step: Option<StepIndex>,
) -> Outcome {
    let (state, why) = match why {
        Some(CancelWhy::Timeout) => {
            let (late, words) = overdue(ground, late);
            return Outcome::Trouble(Trouble {
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
            "its device took it while it was being called back, and it was cut short",
        ),
        None => (EndState::Cancelled, "cancelled by somebody else"),
    };
    Outcome::Trouble(Trouble {
        state,
        step,
        why: why.into(),
    })
}
