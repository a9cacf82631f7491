//! The least time that any scheduler needs, however clever and however lucky.
//!
//! A run is some sessions. Each has a moment before which it can't start (its device sleeps, or an
//! earlier session of the device is not over), a least length, and results to fetch. The tenant
//! allows `r` starts a minute, `S` sessions at one time, and so many result links a minute and an
//! hour. Sort the starts of any schedule that keeps these limits: `s(1) <= s(2) <= …`. Then
//!
//! 1. `s(n) >= e(n)`, where `e` are the sessions' earliest moments in order: by `s(n)` there are `n`
//!    sessions that may have started, so the n-th smallest moment is not later.
//! 2. `s(n)` lies in a later minute than `s(n - r)`, for else `r + 1` starts were in one minute.
//!    Whether the service's minutes slide or are cut from the hour is not known (API notes 1.1), so
//!    they count as cut, which allows more. The run begins with a minute; one that begins in the
//!    middle of a cut minute may end up to a minute earlier.
//! 3. `s(n) >= s(n - S) + l`, `l` being the shortest length: of the `S + 1` sessions from `n - S` to
//!    `n` one must be over when the last of them starts, and none of them is over before
//!    `s(n - S) + l`.
//!
//! So the recursion that takes the greatest of the three is a lower bound for each `s(n)`, and
//! `s(N) + l` one for the end. Where all sessions have one length it is also reached: start each as
//! soon as the three allow. Besides,
//!
//! 4. no session ends before its own earliest moment and its own length are over;
//! 5. `S` slots do no more than `S` seconds of work in a second, and only as many slots are in use
//!    as starts were allowed so far, so the work that can't begin before `e` takes its share of time
//!    from `e` on;
//! 6. the m-th link can't be asked for before that many sessions have ended as have `m` links
//!    between them at best, and lies in a later minute than the one `p` links before it, and in a
//!    later hour than the one `h` links before it.
//!
//! Watching has no part in it: one list call tells of any number of sessions.

use std::fmt;
use std::time::Duration;

use crate::limits::Limits;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// One session of a run, as far as time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// It can't start before: counted from the run's beginning.
    pub earliest: Duration,
    /// It holds its slot for this long, at least.
    pub length: Duration,
    /// Its results.
    pub links: u32,
}

impl Job {
    /// Returns the sessions of one device, each after the one before it.
    pub fn of_device(
        awake_at: Duration,
        sessions: impl IntoIterator<Item = (Duration, u32)>,
    ) -> Vec<Job> {
        let mut earliest = awake_at;
        let mut jobs = Vec::new();
        for (length, links) in sessions {
            jobs.push(Job {
                earliest,
                length,
                links,
            });
            earliest += length;
        }
        jobs
    }
}

/// Limit that decides how long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindingLimit {
    /// The sessions themselves: without any limit it would take as long.
    Sessions,
    /// Starts a minute.
    Starts,
    /// Sessions at one time.
    Slots,
    /// Result links.
    Links,
}

impl fmt::Display for BindingLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BindingLimit::Sessions => "the sessions themselves",
            BindingLimit::Starts => "starts a minute",
            BindingLimit::Slots => "session slots",
            BindingLimit::Links => "result links",
        })
    }
}

/// A time that no run of these sessions is shorter than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MakespanBound {
    /// From the run's beginning to its last session's end, or its last result.
    pub at_least: Duration,
    /// Which limit alone makes it longest.
    pub binding: BindingLimit,
}

/// Returns the least makespan of these sessions under these limits; see the file's text for why.
pub fn least_makespan(limits: &Limits, jobs: &[Job]) -> MakespanBound {
    let all = LimitSet {
        starts: Some(at_least_one(limits.starts_per_minute)),
        slots: Some(at_least_one(limits.slots)),
        links: Some((
            at_least_one(limits.links.per_minute),
            at_least_one(limits.links.per_hour),
        )),
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
        (rules.bound(jobs), binding)
    };
    // Of equals the first: a limit binds only where it makes a difference.
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
        at_least: Duration::from_millis(all.bound(jobs)),
        binding,
    }
}

fn at_least_one(limit: u32) -> usize {
    limit.max(1) as usize
}

/// Limits that are kept; what is left out allows everything.
#[derive(Debug, Clone, Copy, Default)]
struct LimitSet {
    starts: Option<usize>,
    slots: Option<usize>,
    links: Option<(usize, usize)>,
}

impl LimitSet {
    fn bound(&self, jobs: &[Job]) -> u64 {
        let Some(shortest) = jobs.iter().map(|job| millis(job.length)).min() else {
            return 0;
        };
        let starts = self.starts(jobs, shortest);
        let recursion = starts.last().map_or(0, |last| last + shortest);
        let chains = jobs.iter().map(|job| millis(job.earliest + job.length));
        recursion
            .max(chains.max().unwrap_or(0))
            .max(self.work(jobs))
            .max(self.links(jobs, &starts, shortest))
    }

    /// Rules 1 to 3: the n-th start is not earlier.
    fn starts(&self, jobs: &[Job], shortest: u64) -> Vec<u64> {
        let mut starts: Vec<u64> = jobs.iter().map(|job| millis(job.earliest)).collect();
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

    /// Rule 5, for every moment from which on work is released.
    fn work(&self, jobs: &[Job]) -> u64 {
        let Some(slots) = self.slots else { return 0 };
        let mut by_release: Vec<(u64, u64)> = jobs
            .iter()
            .map(|job| (millis(job.earliest), millis(job.length)))
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

    /// How long that much work takes: the slots fill as starts allow, a burst at the beginning and
    /// one with each further minute. The first further burst may come at once, for the work may be
    /// released just before a minute ends.
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

    /// Rule 6: when the last link can be asked for.
    fn links(&self, jobs: &[Job], starts: &[u64], shortest: u64) -> u64 {
        let Some((per_minute, per_hour)) = self.links else {
            return 0;
        };
        // Those with the most links end first: no order has more links to ask for by then.
        let mut counts: Vec<u32> = jobs.iter().map(|job| job.links).collect();
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

/// Returns the beginning of the window after the one that the moment lies in.
fn next_window(at: u64, window: u64) -> u64 {
    (at / window + 1) * window
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}
