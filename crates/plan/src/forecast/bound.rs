//! Lower bound of the time that any scheduler needs.
//!
//! A run is a set of sessions. Each has an earliest start (its device is offline until then, or an earlier
//! session of the device has not ended), a minimum length, and results to fetch. The tenant allows `r`
//! starts per minute, `S` sessions at a time, and a number of result links per minute and per hour. Sort the
//! starts of any schedule that keeps these limits: `s(1) <= s(2) <= …`. Then
//!
//! 1. `s(n) >= e(n)`, where `e` are the earliest starts in order: at `s(n)`, `n` sessions have started, so
//!    the n-th smallest earliest start is not later.
//! 2. `s(n)` is in a later minute than `s(n - r)`, since otherwise `r + 1` starts would be in one minute.
//!    Whether the service counts in sliding or in fixed minutes is not known (API notes 1.1); fixed minutes
//!    are assumed, which allow more. The run starts with a minute; one that starts in the middle of a fixed
//!    minute may end up to a minute earlier.
//! 3. `s(n) >= s(n - S) + l`, where `l` is the shortest length: of the `S + 1` sessions from `n - S` to `n`
//!    one must have ended when the last of them starts, and none of them ends before `s(n - S) + l`.
//!
//! So the recursion that takes the maximum of the three is a lower bound for each `s(n)`, and `s(N) + l` one
//! for the end. If all sessions have the same length it is tight: start each as soon as the three allow.
//! In addition,
//!
//! 4. no session ends before its earliest start plus its length;
//! 5. `S` slots do at most `S` seconds of work per second, and no more slots are in use than starts were
//!    allowed so far, which bounds the time for the work that cannot start before `e`;
//! 6. the m-th link cannot be requested before the smallest number of sessions that can have `m` links have
//!    ended; it is in a later minute than the p-th link before it, and in a later hour than the h-th.
//!
//! Status requests are ignored: one list call returns the status of any number of sessions.

use std::fmt;
use std::time::Duration;

use crate::limits::Limits;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// Timing of one session of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTiming {
    /// Earliest start, from the start of the run.
    pub earliest: Duration,
    /// Minimum time for which it holds its slot.
    pub length: Duration,
    /// Number of results to fetch.
    pub links: u32,
}

impl SessionTiming {
    /// Returns the sessions of one device, which run one after the other. The device is online from
    /// `online_at` on; each session has a length and a number of results.
    pub fn of_device(
        online_at: Duration,
        sessions: impl IntoIterator<Item = (Duration, u32)>,
    ) -> Vec<SessionTiming> {
        let mut earliest = online_at;
        let mut timings = Vec::new();
        for (length, links) in sessions {
            timings.push(SessionTiming {
                earliest,
                length,
                links,
            });
            earliest += length;
        }
        timings
    }
}

/// Limit that decides how long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindingLimit {
    /// None: without any limit it would take as long.
    Sessions,
    /// Starts per minute.
    Starts,
    /// Sessions at a time.
    Slots,
    /// Result links.
    Links,
}

impl fmt::Display for BindingLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BindingLimit::Sessions => "the length of the sessions",
            BindingLimit::Starts => "starts per minute",
            BindingLimit::Slots => "session slots",
            BindingLimit::Links => "result links",
        })
    }
}

/// Lower bound of the time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MakespanBound {
    /// Minimum time from the start of the run to the end of its last session or its last result.
    pub at_least: Duration,
    /// Limit that has the largest effect by itself.
    pub binding: BindingLimit,
}

/// Returns the lower bound of the time for some sessions; see the documentation of this module.
pub fn least_makespan(limits: &Limits, sessions: &[SessionTiming]) -> MakespanBound {
    let all = LimitSet {
        starts: Some(at_least_one(limits.starts_per_minute)),
        slots: Some(at_least_one(limits.slots)),
        links: Some(LinkLimits {
            per_minute: at_least_one(limits.links.per_minute),
            per_hour: at_least_one(limits.links.per_hour),
        }),
    };
    let alone = |binding| {
        let rules = match binding {
            BindingLimit::Sessions => LimitSet::default(),
            BindingLimit::Starts => LimitSet {
                starts: all.starts,
                ..LimitSet::default()
            },
            BindingLimit::Slots => LimitSet {
                slots: all.slots,
                ..LimitSet::default()
            },
            BindingLimit::Links => LimitSet {
                links: all.links,
                ..LimitSet::default()
            },
        };
        (rules.bound(sessions), binding)
    };
    // `max_by_key` returns the last of equal ones, so that a limit binds only if it makes a difference.
    let kinds = [
        BindingLimit::Links,
        BindingLimit::Slots,
        BindingLimit::Starts,
        BindingLimit::Sessions,
    ];
    let (_, binding) = kinds
        .map(alone)
        .into_iter()
        .max_by_key(|(bound, _)| *bound)
        .unwrap_or((0, BindingLimit::Sessions));
    MakespanBound {
        at_least: Duration::from_millis(all.bound(sessions)),
        binding,
    }
}

fn at_least_one(limit: u32) -> usize {
    limit.max(1) as usize
}

/// Limits of result links.
#[derive(Debug, Clone, Copy)]
struct LinkLimits {
    per_minute: usize,
    per_hour: usize,
}

/// Limits that apply; `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
struct LimitSet {
    starts: Option<usize>,
    slots: Option<usize>,
    links: Option<LinkLimits>,
}

impl LimitSet {
    fn bound(&self, sessions: &[SessionTiming]) -> u64 {
        let Some(shortest) = sessions.iter().map(|session| millis(session.length)).min() else {
            return 0;
        };
        let starts = self.starts(sessions, shortest);
        let recursion = starts.last().map_or(0, |last| last + shortest);
        let chains = sessions
            .iter()
            .map(|session| millis(session.earliest + session.length));
        recursion
            .max(chains.max().unwrap_or(0))
            .max(self.work(sessions))
            .max(self.links(sessions, &starts, shortest))
    }

    /// Returns lower bounds of all starts, in order, by rules 1 to 3.
    fn starts(&self, sessions: &[SessionTiming], shortest: u64) -> Vec<u64> {
        let mut starts: Vec<u64> = sessions
            .iter()
            .map(|session| millis(session.earliest))
            .collect();
        starts.sort_unstable();
        for place in 0..starts.len() {
            let before = |count: usize| place.checked_sub(count).map(|other| starts[other]);
            let rate = self.starts.and_then(before);
            let slot = self.slots.and_then(before);
            let earliest = starts[place]
                .max(rate.map_or(0, |start| next_window(start, MINUTE_MS)))
                .max(slot.map_or(0, |start| start + shortest));
            starts[place] = earliest;
        }
        starts
    }

    /// Returns the lower bound of the end by rule 5, for each earliest start.
    fn work(&self, sessions: &[SessionTiming]) -> u64 {
        let Some(slots) = self.slots else { return 0 };
        let mut by_release: Vec<(u64, u64)> = sessions
            .iter()
            .map(|session| (millis(session.earliest), millis(session.length)))
            .collect();
        by_release.sort_unstable();
        let mut bound = 0;
        let mut left: u64 = 0;
        for (place, (release, length)) in by_release.iter().enumerate().rev() {
            left += length;
            if place == 0 || by_release[place - 1].0 != *release {
                bound = bound.max(release + self.time_for(left, slots as u64));
            }
        }
        bound
    }

    /// Returns the minimum time for some work. Slots are filled as starts allow, with a burst at the start and
    /// one in each further minute. The second burst may follow at once, since the work may become available
    /// just before a minute ends.
    fn time_for(&self, work: u64, slots: u64) -> u64 {
        let burst = self.starts.map_or(slots, |rate| rate as u64);
        let mut in_use = (2 * burst).min(slots);
        let mut done = 0;
        let mut time = 0;
        while in_use < slots && done + in_use * MINUTE_MS < work {
            done += in_use * MINUTE_MS;
            time += MINUTE_MS;
            in_use = (in_use + burst).min(slots);
        }
        time + (work - done).div_ceil(in_use.max(1))
    }

    /// Returns the lower bound of the last link by rule 6.
    fn links(&self, sessions: &[SessionTiming], starts: &[u64], shortest: u64) -> u64 {
        let Some(LinkLimits {
            per_minute,
            per_hour,
        }) = self.links
        else {
            return 0;
        };
        // No order has more links available than that in which the sessions with the most links end first.
        let mut counts: Vec<u32> = sessions.iter().map(|session| session.links).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let mut asked: Vec<u64> = Vec::new();
        for (start, count) in starts.iter().zip(counts) {
            for _ in 0..count {
                let before = |count: usize| {
                    let place = asked.len().checked_sub(count)?;
                    asked.get(place).copied()
                };
                let at = (start + shortest)
                    .max(before(per_minute).map_or(0, |at| next_window(at, MINUTE_MS)))
                    .max(before(per_hour).map_or(0, |at| next_window(at, HOUR_MS)));
                asked.push(at);
            }
        }
        asked.last().copied().unwrap_or(0)
    }
}

/// Returns the start of the window after that of `at`.
fn next_window(at: u64, window: u64) -> u64 {
    (at / window + 1) * window
}

/// Converts a duration to milliseconds, clamped so that sums of a few of them do not overflow: the caller may
/// pass any duration.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}
