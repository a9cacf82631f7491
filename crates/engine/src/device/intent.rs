//! Decides what one device wants next from its state; changes nothing.

use std::time::Duration;

use svar_plan::{OfflineMode, OnStop, PICKUP, TICK};
use svar_wire::ActionId;
use svar_wire::Moment;

use super::state::{Cancel, Context, DeviceState, Idle, Open, Selection, Stage};
use super::transition::VISIBILITY_LAG;
use crate::fact::{CancelWhy, FactBody, GiveUp, RequestIndex};
use crate::status::Waiting;
use crate::stop::{Orders, StoppedBy};

/// A result link may answer 404 for a while after the action has ended (API notes 6.2). As long as
/// actions were seen to be invisible themselves: a result that is given up is lost.
const LINK_LAG: Duration = VISIBILITY_LAG;

/// Pause before a cancel without effect is sent again, up to `CANCELS_MAX` times in all.
const CANCEL_AGAIN: Duration = Duration::from_secs(60);
const CANCELS_MAX: u8 = 3;

/// The same for cancels that were refused or lost: the session goes on meanwhile.
const FAILED_CANCEL_AGAIN: Duration = Duration::from_secs(10);
const FAILED_CANCELS_MAX: u8 = 9;

/// Time after the last cancel for which the end of its action is awaited.
const CANCEL_PATIENCE: Duration = Duration::from_secs(600);

/// Time after the service's queue time, or after its begin, for which an action is awaited whose end is
/// not reported. Far longer than a script of ten minutes or a file of 3 GB can take.
const ACTION_PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What a device wants next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Intent {
    /// Nothing: it has ended.
    Nothing,
    /// Nothing until the run is resumed.
    Park,
    /// The answer to its start.
    Answer,
    /// To be asked again at that moment.
    Pause { until: Moment, waiting: Waiting },
    /// To have its session compiled from results.
    Resolve,
    /// To be started.
    Start {
        kind: StartKind,
        /// End of the wait for a busy device.
        give_up: Option<Moment>,
    },
    /// A search for its lost start.
    Search { settled: Moment },
    /// To see the end of its action in the list; at `wake` it wants something else.
    Watch { wake: Moment, waiting: Waiting },
    /// To have its action cancelled.
    Cancel { action: ActionId, why: CancelWhy },
    /// A result. From `settled` on, a 404 means that there is none.
    Fetch {
        action: ActionId,
        index: RequestIndex,
        settled: Moment,
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

/// What a device's intent depends on, apart from its own state.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'o> {
    pub(crate) now: Moment,
    pub(crate) orders: &'o Orders,
    /// When the list of actions was last read by this process. An action is given up, or cancelled
    /// for what it does not do, only if the list was read late enough: after a night without a process
    /// it may have ended long ago.
    pub(crate) list_read: Option<Moment>,
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
    /// Returns whether the list was read at that moment or later.
    fn has_seen(self, moment: Moment) -> bool {
        self.list_read.is_some_and(|read| moment <= read)
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
    No,
    /// It waits for a device that is online.
    Online,
    /// It waits for a device that is offline.
    Offline,
}

/// Returns what the device wants at this moment.
pub(crate) fn want(context: Context<'_>, state: &DeviceState, outlook: Outlook<'_>) -> Intent {
    match &state.stage {
        Stage::Done => Intent::Nothing,
        _ if outlook.orders.lost => Intent::Park,
        Stage::Idle(idle) => want_idle(context, state, idle, outlook),
        Stage::Announced(_) => Intent::Answer,
        Stage::Doubtful { settled, .. } => Intent::Search { settled: *settled },
        Stage::Open(open) => want_open(context, state, open, outlook),
        Stage::Collecting(collecting) => match collecting.wanted.first() {
            Some(index) => Intent::Fetch {
                action: collecting.action.clone(),
                index: *index,
                settled: collecting.ended + LINK_LAG,
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
    let parks = match orders.interrupts {
        0 => false,
        1 => kind != StartKind::Cleanup || outlook.hours != HoursNow::Open,
        _ => true,
    };
    if parks {
        return Intent::Park;
    }
    if idle.current.selection == Selection::Unresolved {
        return Intent::Resolve;
    }
    let busy_wait = Duration::from_millis(context.plan.policy.busy_wait_ms);
    let give_up = idle.refusals.busy_since.map(|since| since + busy_wait);
    if give_up.is_some_and(|give_up| give_up <= now) {
        return Intent::Record(FactBody::GaveUp { why: GiveUp::Busy });
    }
    let until = idle.not_before;
    if until <= now {
        return Intent::Start { kind, give_up };
    }
    match give_up {
        Some(give_up) => Intent::Pause {
            until: until.min(give_up),
            waiting: Waiting::Busy { until: give_up },
        },
        None => Intent::Pause {
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
    let queued = if open.running.is_some() || !outlook.has_seen(open.accepted) {
        Queued::No
    } else if is_offline || outlook.has_seen(pickup) {
        Queued::Offline
    } else {
        Queued::Online
    };
    // Recorded before anything comes of it: another process then knows it too.
    if queued == Queued::Offline && !is_offline {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Pickup,
        });
    }
    if let Some(why) = cancel_for(context, state, open, queued, outlook) {
        return Intent::Cancel {
            action: open.action.clone(),
            why,
        };
    }
    let began = open.running.map(|running| running.began);
    let give_up = began.unwrap_or(open.accepted) + context.plan.limits.queue() + ACTION_PATIENCE;
    if outlook.has_seen(give_up) {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Action,
        });
    }
    let (waiting, next) = match began {
        Some(_) => {
            let time_out = open.time_out(context).map(|(_, end)| end);
            (Waiting::Session, time_out)
        }
        None if is_offline => {
            let until = context.offline_until;
            (Waiting::Offline { until }, None)
        }
        None => (Waiting::Device, Some(pickup)),
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
    if !outlook.has_seen(next) {
        return outlook.watch(next, Waiting::Session);
    }
    if again {
        return Intent::Cancel {
            action: open.action.clone(),
            why: cancel.reason.why(),
        };
    }
    // Its device went offline meanwhile, and is waited for like one that was offline from the start:
    // what comes next can't be done before it is online. Not if nothing is to come next.
    let is_over = orders.offline
        || orders.deadline
        || orders.interrupts > 1
        || orders
            .stopped
            .is_some_and(|stopped| stopped.how == OnStop::Abort);
    if is_over || context.plan.policy.offline.mode == OfflineMode::Skip {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Cancel,
        });
    }
    if !cancel.unheard {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Device,
        });
    }
    if orders.interrupts > 0 {
        return Intent::Park;
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
    if orders.interrupts > 1 {
        // A session that has not begun is started when the run is resumed.
        return Some(match open.running {
            None => CancelWhy::Pause,
            Some(_) => CancelWhy::Operator,
        });
    }
    if let Some((_, end)) = open.time_out(context)
        && outlook.has_seen(end)
    {
        return Some(CancelWhy::Timeout);
    }
    if orders.offline && queued == Queued::Offline {
        return Some(CancelWhy::Offline);
    }
    if !open.sent.current.is_cleanup(context)
        && let Some(why) = run_ends(orders, queued)
    {
        return Some(why);
    }
    if orders.interrupts > 0 && queued == Queued::Offline {
        return Some(CancelWhy::Pause);
    }
    if outlook.hours == HoursNow::Closed && queued != Queued::No {
        return Some(CancelWhy::Hours);
    }
    let left_out = context.plan.policy.offline.mode == OfflineMode::Skip
        && !state.traces.is_touched()
        && queued == Queued::Offline;
    left_out.then_some(CancelWhy::Unresponsive)
}

/// Returns why main work is to be cancelled because the run ends.
fn run_ends(orders: &Orders, queued: Queued) -> Option<CancelWhy> {
    if let Some(stopped) = orders.stopped {
        let is_cancelled = match stopped.how {
            OnStop::Drain => false,
            OnStop::CancelQueued => queued != Queued::No,
            OnStop::Abort => true,
        };
        if is_cancelled {
            return Some(match stopped.by {
                StoppedBy::Operator => CancelWhy::Operator,
                StoppedBy::Rule => CancelWhy::Stop,
            });
        }
    }
    orders.deadline.then_some(CancelWhy::Deadline)
}
