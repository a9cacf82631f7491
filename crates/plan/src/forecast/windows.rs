//! How many openings of the policy's `window` the starts of a run need. A plan knows no clock: it is
//! the same at any time of the day, so it can tell a range where the time of the start decides.

use std::time::Duration;

use crate::hours::Hours;

/// Number of windows in which sessions are started, days on which the clocks change aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCount {
    /// Number if the run begins with a window, or outside of the hours and waits for one.
    pub min: u64,
    /// Number if the run begins just before the last start that a window allows.
    pub max: u64,
    /// Length of each.
    pub length: Duration,
    /// End of each, in which nothing is started any more.
    pub closing: Duration,
}

/// Starts of one wave, evenly spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaveStarts {
    /// How often something is started.
    pub(crate) count: u64,
    /// From one turn to the next.
    pub(crate) interval: Duration,
    /// From the last turn to the first of the next stage.
    pub(crate) pause: Duration,
}

impl WindowCount {
    pub(crate) fn of(hours: &Hours, stages: &[WaveStarts]) -> WindowCount {
        let length = hours.usual_length();
        let closing = Hours::closing(length);
        let starts = length.saturating_sub(closing);
        let last = starts.saturating_sub(Duration::from_millis(1));
        WindowCount {
            min: windows_needed(stages, starts, Duration::ZERO),
            max: windows_needed(stages, starts, last),
            length,
            closing,
        }
    }
}

/// Returns the number of windows used, from a moment `at` in the first one; each takes starts for so
/// long.
fn windows_needed(stages: &[WaveStarts], starts: Duration, mut at: Duration) -> u64 {
    let mut used = 1;
    for stage in stages {
        let pace = stage.interval.as_millis().max(1);
        let fit = |at: Duration| {
            let left = starts.saturating_sub(at).as_millis().div_ceil(pace);
            u64::try_from(left).unwrap_or(u64::MAX)
        };
        let mut turns = stage.count;
        if turns == 0 {
            continue;
        }
        let begun = fit(at);
        if turns > begun {
            turns -= begun;
            let full = fit(Duration::ZERO).max(1);
            let before = (turns - 1) / full;
            used += before + 1;
            turns -= before * full;
            at = Duration::ZERO;
        }
        let turns = u32::try_from(turns - 1).unwrap_or(u32::MAX);
        at = at
            .saturating_add(stage.interval.saturating_mul(turns))
            .saturating_add(stage.pause);
    }
    used
}
