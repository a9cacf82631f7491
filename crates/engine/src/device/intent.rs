//! What one device wants next, read off its state; changes nothing.

use std::time::Duration;

use svar_plan::{OfflineMode, OnStop, PICKUP, TICK};
use svar_wire::ActionId;
use svar_wire::Moment;

use super::state::{Cancelling, Context, DeviceState, Open, Stage};
use super::transition::VISIBILITY_LAG;
use crate::fact::{CancelWhy, FactBody, GiveUp, RequestIndex};
use crate::status::Waiting;
use crate::stop::Orders;

/// A result link may answer 404 for a moment after the action has ended (API notes 6.2). As long as
/// actions themselves were seen to be invisible: a result that is given up is lost.
const LINK_LAG: Duration = VISIBILITY_LAG;

/// A cancel whose effect does not show is sent again after this long, so many times in all.
const CANCEL_AGAIN: Duration = Duration::from_secs(60);
const CANCELS_MAX: u8 = 3;

/// The same for cancels that were refused or got lost: what is to be ended goes on meanwhile.
const FAILED_CANCEL_AGAIN: Duration = Duration::from_secs(10);
const FAILED_CANCELS_MAX: u8 = 9;

/// For how long after the last cancel the end of its action is awaited.
const CANCEL_PATIENCE: Duration = Duration::from_secs(600);

/// For how long after the service's queue time, or after it began, an action is awaited whose end
/// nobody reports. Far beyond ten minutes of script and 3 GB of file.
const ACTION_PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What a device wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Intent {
    /// Nothing any more.
    Over,
    /// Nothing until the run is resumed.
    Park,
    /// The answer to a start that is in the air.
    Answer,
    /// To be asked again at that moment.
    Pause { until: Moment, waiting: Waiting },
    /// Its session worked out from results.
    Resolve,
    /// Its next start. A sleeping device may wait for a better moment.
    Start {
        asleep: bool,
        cleanup: bool,
        /// Then the wait for a busy device is over.
        give_up: Option<Moment>,
    },
    /// A lost start looked for.
    Search { settled: Moment },
    /// The end of its action, seen in the list; at `wake` it wants something else.
    Watch { wake: Moment, waiting: Waiting },
    /// Its action cancelled.
    Cancel { action: ActionId, why: CancelWhy },
    /// A result. From `settled` on, a 404 means that there is none.
    Fetch {
        action: ActionId,
        index: RequestIndex,
        settled: Moment,
    },
    /// What time has decided, recorded.
    Record(FactBody),
}

/// What a device is looked at with, beside its own state.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'o> {
    pub(crate) now: Moment,
    /// What the run is told.
    pub(crate) orders: &'o Orders,
    /// When the list of actions was last read by this process. An action is given up, or cancelled
    /// for what it does not do, only on the strength of a look that is late enough: after a night
    /// without a process it may have ended long ago.
    pub(crate) looked: Option<Moment>,
    /// It is outside the policy's hours.
    pub(crate) after_hours: bool,
    /// An interrupted run can't send a start before the hours open again.
    pub(crate) over_for_today: bool,
}

impl Outlook<'_> {
    /// The list was read at that moment or later.
    fn has_seen(self, moment: Moment) -> bool {
        self.looked.is_some_and(|looked| moment <= looked)
    }

    /// The list is read on, and something else is wanted at `moment`. If that has passed, the next
    /// look shows whether it matters.
    fn watch(self, moment: Moment, waiting: Waiting) -> Intent {
        let now = self.now;
        Intent::Watch {
            wake: if moment <= now { now + TICK } else { moment },
            waiting,
        }
    }
}

/// What the device wants at this moment.
pub(crate) fn want(context: Context<'_>, progress: &DeviceState, outlook: Outlook<'_>) -> Intent {
    let orders = outlook.orders;
    match &progress.stage {
        Stage::Done => Intent::Over,
        _ if orders.lost => Intent::Park,
        Stage::Idle => idle(context, progress, outlook),
        Stage::Announced { .. } => Intent::Answer,
        Stage::Doubtful { settled, .. } => Intent::Search { settled: *settled },
        Stage::Open(open) => watched(context, progress, open, outlook),
        Stage::Collecting(collecting) => match collecting.wanted.first() {
            Some(index) => Intent::Fetch {
                action: collecting.action.clone(),
                index: *index,
                settled: collecting.ended + LINK_LAG,
            },
            None => Intent::Over,
        },
    }
}

fn idle(context: Context<'_>, progress: &DeviceState, outlook: Outlook<'_>) -> Intent {
    let Outlook { now, orders, .. } = outlook;
    let cleanup = progress.in_cleanup(context);
    let asleep = progress.readiness.sleeps();
    // The first interrupt lets a device that is through be cleaned up, unless it would have to wake
    // up for that, or to wait for the hours; the second does not.
    if orders.interrupts > 1
        || (orders.interrupts > 0 && (!cleanup || asleep || outlook.over_for_today))
    {
        return Intent::Park;
    }
    if progress.must_resolve(context) {
        return Intent::Resolve;
    }
    let busy_wait = Duration::from_millis(context.plan.policy.busy_wait_ms);
    let give_up = progress.busy_since.map(|since| since + busy_wait);
    if give_up.is_some_and(|give_up| give_up <= now) {
        return Intent::Record(FactBody::GaveUp { why: GiveUp::Busy });
    }
    if progress.not_before > now {
        let (until, waiting) = match give_up {
            Some(give_up) => (
                progress.not_before.min(give_up),
                Waiting::Busy { until: give_up },
            ),
            None => (
                progress.not_before,
                Waiting::Retry {
                    until: progress.not_before,
                },
            ),
        };
        return Intent::Pause { until, waiting };
    }
    Intent::Start {
        asleep,
        cleanup,
        give_up,
    }
}

fn watched(
    context: Context<'_>,
    progress: &DeviceState,
    open: &Open,
    outlook: Outlook<'_>,
) -> Intent {
    if let Some(cancel) = open.cancel {
        return cancelling(context, open, cancel, outlook);
    }
    let seen_since = |moment| outlook.has_seen(moment);
    let time_out = progress.time_out(context, open).map(|(_, over)| over);
    let timed_out = time_out.is_some_and(seen_since);
    let queued = open.began.is_none() && seen_since(open.accepted);
    let asleep = progress.readiness.sleeps() || seen_since(open.accepted + PICKUP);
    // Known before anything comes of it: another process then knows it too.
    if queued && asleep && !progress.readiness.sleeps() {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Pickup,
        });
    }
    if let Some(why) = cancel_for(context, progress, outlook, (queued, asleep), timed_out) {
        return Intent::Cancel {
            action: open.action.clone(),
            why,
        };
    }
    let give_up =
        open.began.unwrap_or(open.accepted) + context.plan.limits.queue() + ACTION_PATIENCE;
    if seen_since(give_up) {
        return Intent::Record(FactBody::GaveUp {
            why: GiveUp::Action,
        });
    }
    let waiting = match open.began {
        Some(_) => Waiting::Session,
        None if progress.readiness.sleeps() => Waiting::Offline {
            until: context.offline_until,
        },
        None => Waiting::Device,
    };
    let awake = open.began.is_none() && !progress.readiness.sleeps();
    let pickup = awake.then(|| open.accepted + PICKUP);
    let next = [time_out, pickup].into_iter().flatten().min();
    outlook.watch(next.map_or(give_up, |next| next.min(give_up)), waiting)
}

/// What is wanted of an action that was told to stop.
fn cancelling(
    context: Context<'_>,
    open: &Open,
    cancel: Cancelling,
    outlook: Outlook<'_>,
) -> Intent {
    let orders = outlook.orders;
    let again = cancel.sent < CANCELS_MAX + cancel.failed.min(FAILED_CANCELS_MAX);
    let pause = match (again, cancel.just_failed) {
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
            why: cancel.why,
        };
    }
    // Its device fell asleep over it, and is waited for like one that sleeps from the start: what
    // comes next can't be done before it wakes up. Not if nothing is to come next.
    let is_over = orders.offline
        || orders.deadline
        || orders.interrupts > 1
        || orders
            .stopped
            .is_some_and(|stopped| stopped.how == OnStop::Abort);
    let waits = context.plan.policy.offline.mode != OfflineMode::Skip && !is_over;
    let why = match (waits, cancel.unheard) {
        (false, _) => GiveUp::Cancel,
        (true, false) => GiveUp::Device,
        (true, true) if orders.interrupts > 0 => return Intent::Park,
        (true, true) => {
            let until = context.offline_until;
            return outlook.watch(until, Waiting::Offline { until });
        }
    };
    Intent::Record(FactBody::GaveUp { why })
}

/// Why the open action is to be cancelled, if it is. Cleanup that runs is cut short by its own time
/// and by the operator's second interrupt only: stopping it would leave more behind than it saves.
fn cancel_for(
    context: Context<'_>,
    progress: &DeviceState,
    outlook: Outlook<'_>,
    (queued, asleep): (bool, bool),
    timed_out: bool,
) -> Option<CancelWhy> {
    let orders = outlook.orders;
    if orders.interrupts > 1 {
        // What has not begun is begun when the run goes on.
        return Some(match progress.waits_for_device() {
            Some(_) => CancelWhy::Pause,
            None => CancelWhy::Operator,
        });
    }
    if timed_out {
        return Some(CancelWhy::Timeout);
    }
    if orders.offline && queued && asleep {
        return Some(CancelWhy::Offline);
    }
    if let Some(why) = ending(orders, queued)
        && !progress.in_cleanup(context)
    {
        return Some(why);
    }
    if orders.interrupts > 0 && queued && asleep {
        return Some(CancelWhy::Pause);
    }
    if outlook.after_hours && queued {
        return Some(CancelWhy::Hours);
    }
    let left_out = context.plan.policy.offline.mode == OfflineMode::Skip && !progress.touched;
    (left_out && queued && progress.readiness.sleeps()).then_some(CancelWhy::Asleep)
}

/// Why main work is to be cancelled because the run ends.
fn ending(orders: &Orders, queued: bool) -> Option<CancelWhy> {
    if let Some(stopped) = orders.stopped {
        let meant = match stopped.how {
            OnStop::Drain => false,
            OnStop::CancelQueued => queued,
            OnStop::Abort => true,
        };
        match stopped.ordered {
            _ if !meant => {}
            true => return Some(CancelWhy::Operator),
            false => return Some(CancelWhy::Stop),
        }
    }
    orders.deadline.then_some(CancelWhy::Deadline)
}
