//! Decides what one device wants next from its state; changes nothing.

use std::time::Duration;

use svar_plan::{OfflineMode, OnStop, PICKUP, TICK};
use svar_wire::ActionId;
use svar_wire::Moment;

use super::state::{Cancel, Context, DeviceState, Idle, Open, Selection, Stage};
use super::transition::VISIBILITY_LAG;
use crate::fact::{CancelWhy, FactBody, GiveUp, Interrupt, RequestIndex};
use crate::status::Waiting;
use crate::stop::{Orders, StoppedBy};

/// A result link may answer 404 for a while after the action has ended (API notes 6.2). As long as
/// actions were seen to be invisible, because a result that is given up is lost.
const LINK_LAG: Duration = VISIBILITY_LAG;

/// Pause before a cancel without effect is sent again.
const CANCEL_AGAIN: Duration = Duration::from_secs(60);
/// Cancels of an action that are sent, not counting failed ones.
const CANCELS_MAX: u8 = 3;

/// Pause after a cancel that was refused or lost: the session goes on meanwhile.
const FAILED_CANCEL_AGAIN: Duration = Duration::from_secs(10);
/// Further cancels that are sent instead of failed ones.
const FAILED_CANCELS_MAX: u8 = 9;

/// Time after the last cancel for which the end of its action is awaited.
const CANCEL_PATIENCE: Duration = Duration::from_secs(600);

/// Time for which an action is awaited whose end is not reported, counted from the service's queue time
/// after its acceptance or begin. Far longer than a script of ten minutes or a file of 3 GB can take.
const ACTION_PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What a device wants next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Intent {
    /// Nothing: it has ended.
    Nothing,
    /// Nothing until the run is resumed.
    WaitForResume,
    /// The answer to its start.
    AwaitAnswer,
    /// To be asked again at that moment.
    WaitUntil { until: Moment, waiting: Waiting },
    /// To have its session compiled from results.
    Resolve,
    /// To be started.
    Start {
        kind: StartKind,
        /// End of the wait for a busy device.
        give_up: Option<Moment>,
    },
    /// A search for its lost start.
    Search { final_from: Moment },
    /// To see the end of its action in the action list; at `wake` it wants something else.
    Watch { wake: Moment, waiting: Waiting },
    /// To have its action cancelled.
    Cancel { action: ActionId, why: CancelWhy },
    /// A result. From `final_from` on, a 404 means that there is none.
    Fetch {
        action: ActionId,
        index: RequestIndex,
        final_from: Moment,
    },
    /// To have recorded what time has decided.
    Record(FactBody),
}

/// What a start is for, which decides when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartKind {
    Main,
    Cleanup,
    /// Either, of a device that is offline and may wait for a better moment.
    Offline,
}

/// What a device's intent depends on, apart from the device's state.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'o> {
    pub(crate) now: Moment,
    pub(crate) orders: &'o Orders,
    /// When the action list was last read by this process. An action is given up, or cancelled
    /// for what it does not do, only if the list was read late enough: after a night without a process
    /// it may have ended long ago.
    pub(crate) action_list_read: Option<Moment>,
    /// The policy's hours for starts.
    pub(crate) hours: HoursNow,
}

/// Whether the policy's hours allow starts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoursNow {
    /// They do, or there are none.
    Open,
    /// They are not over, but too short for a further start.
    Closing,
    /// They do not.
    Closed,
}

impl Outlook<'_> {
    /// Returns whether the action list was read at that moment or later.
    fn list_read_since(self, moment: Moment) -> bool {
        self.action_list_read.is_some_and(|read| moment <= read)
    }

    /// Returns the intent to watch the list until `moment`. If that has passed, the next reading shows
    /// whether it matters.
    fn watch(self, moment: Moment, waiting: Waiting) -> Intent {
        let now = self.now;
        Intent::Watch {
            wake: if moment <= now { now + TICK } else { moment },
            waiting,
        }
    }
}

/// How far an open action has come out of the service's queue, as far as the list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queued {
    /// It has left the queue, or may have.
    Left,
    /// It waits for a device that is online.
    Online,
    /// It waits for a device that is offline.
    Offline,
}

/// Returns what the device wants at this moment.
pub(crate) fn want(context: Context<'_>, state: &DeviceState, outlook: Outlook<'_>) -> Intent {
    match &state.stage {
        Stage::Done => Intent::Nothing,
        _ if outlook.orders.tenant_lost => Intent::WaitForResume,
        Stage::Idle(idle) => want_idle(context, state, idle, outlook),
        Stage::Announced(_) => Intent::AwaitAnswer,
        Stage::Searching { final_from, .. } => Intent::Search {
            final_from: *final_from,
        },
        Stage::Open(open) => want_open(context, state, open, outlook),
        Stage::Collecting(collecting) => match collecting.wanted.first() {
            Some(index) => Intent::Fetch {
                action: collecting.action.clone(),
                index: *index,
                final_from: collecting.ended + LINK_LAG,
            },
            None => panic!("internal error: a session whose results are in has not ended"),
        },
    }
}

fn want_idle(
    context: Context<'_>,
    state: &DeviceState,
    idle: &Idle,
    outlook: Outlook<'_>,
) -> Intent {
    let Outlook { now, orders, .. } = outlook;
    let kind = if state.readiness.is_offline() {
        StartKind::Offline
    } else if idle.current.is_cleanup(context) {
        StartKind::Cleanup
    } else {
        StartKind::Main
    };
    // The first interrupt lets a device be cleaned up that has nothing else to do, unless it would have
    // to come online for that, or to wait for the hours; the second does not.
    let parks = match orders.interrupt {
        None => false,
        Some(Interrupt::Pause) => kind != StartKind::Cleanup || outlook.hours != HoursNow::Open,
        Some(Interrupt::Cancel) => true,
    };
    if parks {
        return Intent::WaitForResume;
    }
    if idle.current.selection == Selection::Unresolved {
        return Intent::Resolve;
    }
    let busy_wait = Duration::from_millis(context.plan.policy.busy_wait_ms);
    let give_up = idle.refusals.busy_since.map(|since| since + busy_wait);
    if give_up.is_some_and(|give_up| give_up <= now) {
        return Intent::Record(FactBody::GaveUp {
            on: GiveUp::OtherSession,
        });
    }
    let until = idle.not_before;
    if until <= now {
        return Intent::Start { kind, give_up };
    }
    match give_up {
        Some(give_up) => Intent::WaitUntil {
            until: until.min(give_up),
            waiting: Waiting::Busy { until: give_up },
        },
        None => Intent::WaitUntil {
            until,
            waiting: Waiting::Retry { until },
        },
    }
}

fn want_open(
    context: Context<'_>,
    state: &DeviceState,
    open: &Open,
    outlook: Outlook<'_>,
) -> Intent {
    if let Some(cancel) = open.cancel {
        return want_cancelled(context, open, cancel, outlook);
    }
    let is_offline = state.readiness.is_offline();
    let pickup = open.accepted + PICKUP;
    let queued = if open.running.is_some() || !outlook.list_read_since(open.accepted) {
        Queued::Left
    } else if is_offline || outlook.list_read_since(pickup) {
        Queued::Offline
    } else {
        Queued::Online
    };
    // Recorded before anything comes of it: another process then knows it too.
    if queued == Queued::Offline && !is_offline {
        return Intent::Record(FactBody::GaveUp { on: GiveUp::Pickup });
    }
    if let Some(why) = cancel_for(context, state, open, queued, outlook) {
        return Intent::Cancel {
            action: open.action.clone(),
            why,
        };
    }
    let began = open.running.map(|running| running.began);
    let give_up = began.unwrap_or(open.accepted) + context.plan.limits.queue() + ACTION_PATIENCE;
    if outlook.list_read_since(give_up) {
        return Intent::Record(FactBody::GaveUp {
            on: GiveUp::ActionEnd,
        });
    }
    let (waiting, next) = match began {
        Some(_) => {
            let time_out = open.step_deadline(context).map(|(_, end)| end);
            (Waiting::SessionEnd, time_out)
        }
        None if is_offline => {
            let until = context.offline_until;
            (Waiting::Offline { until }, None)
        }
        None => (Waiting::Pickup, Some(pickup)),
    };
    outlook.watch(next.map_or(give_up, |next| next.min(give_up)), waiting)
}

/// Returns what is wanted of an action that is being cancelled.
fn want_cancelled(
    context: Context<'_>,
    open: &Open,
    cancel: Cancel,
    outlook: Outlook<'_>,
) -> Intent {
    let orders = outlook.orders;
    let again = cancel.sent < CANCELS_MAX + cancel.failed.min(FAILED_CANCELS_MAX);
    let pause = match (again, cancel.last_failed) {
        (true, true) => FAILED_CANCEL_AGAIN,
        (true, false) => CANCEL_AGAIN,
        (false, _) => CANCEL_PATIENCE,
    };
    let next = cancel.last + pause;
    if !outlook.list_read_since(next) {
        return outlook.watch(next, Waiting::SessionEnd);
    }
    if again {
        return Intent::Cancel {
            action: open.action.clone(),
            why: cancel.reason.why(),
        };
    }
    // Its device went offline meanwhile, and is waited for like one that was offline from the start:
    // what comes next can't be done before it is online. Not if nothing is to come next.
    let is_over = orders.offline_limit_passed
        || orders.deadline_passed
        || orders.interrupt == Some(Interrupt::Cancel)
        || orders
            .stopped
            .is_some_and(|stopped| stopped.how == OnStop::Abort);
    if is_over || context.plan.policy.offline.mode == OfflineMode::Skip {
        return Intent::Record(FactBody::GaveUp {
            on: GiveUp::CancelConfirmation,
        });
    }
    if !cancel.undelivered {
        return Intent::Record(FactBody::GaveUp {
            on: GiveUp::CancelDelivery,
        });
    }
    if orders.interrupt.is_some() {
        return Intent::WaitForResume;
    }
    let until = context.offline_until;
    outlook.watch(until, Waiting::Offline { until })
}

/// Returns why the open action is to be cancelled, if it is. Cleanup that runs is cut short by its own
/// timeout and by the operator's second interrupt only: stopping it would leave more behind than it
/// saves.
fn cancel_for(
    context: Context<'_>,
    state: &DeviceState,
    open: &Open,
    queued: Queued,
    outlook: Outlook<'_>,
) -> Option<CancelWhy> {
    let orders = outlook.orders;
    if orders.interrupt == Some(Interrupt::Cancel) {
        // A session that the device has not taken is started again when the run is resumed.
        return Some(match open.running {
            None => CancelWhy::Pause,
            Some(_) => CancelWhy::Operator,
        });
    }
    if let Some((_, end)) = open.step_deadline(context)
        && outlook.list_read_since(end)
    {
        return Some(CancelWhy::Timeout);
    }
    if orders.offline_limit_passed && queued == Queued::Offline {
        return Some(CancelWhy::Offline);
    }
    if !open.sent.current.is_cleanup(context)
        && let Some(why) = cancel_at_run_end(orders, queued)
    {
        return Some(why);
    }
    if orders.interrupt.is_some() && queued == Queued::Offline {
        return Some(CancelWhy::Pause);
    }
    if outlook.hours == HoursNow::Closed && queued != Queued::Left {
        return Some(CancelWhy::Hours);
    }
    let left_out = context.plan.policy.offline.mode == OfflineMode::Skip
        && !state.traces.has_run()
        && queued == Queued::Offline;
    left_out.then_some(CancelWhy::Unresponsive)
}

/// Returns why main work is to be cancelled because the run ends.
fn cancel_at_run_end(orders: &Orders, queued: Queued) -> Option<CancelWhy> {
    if let Some(stopped) = orders.stopped {
        let is_cancelled = match stopped.how {
            OnStop::Drain => false,
            OnStop::CancelQueued => queued != Queued::Left,
            OnStop::Abort => true,
        };
        if is_cancelled {
            return Some(match stopped.by {
                StoppedBy::Operator => CancelWhy::Operator,
                StoppedBy::Rule => CancelWhy::Stop,
            });
        }
    }
    orders.deadline_passed.then_some(CancelWhy::Deadline)
}
