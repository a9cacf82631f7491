//! Number of windows that the starts of a run need. The plan does not know when the run starts, so the result
//! is a range.

use std::time::Duration;

use crate::hours::Hours;

/// Number of windows in which sessions are started, on days without a clock change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCount {
    /// Number if the run starts at the beginning of a window or outside of any.
    pub min: u64,
    /// Number if the run starts just before the last time at which a window allows starts.
    pub max: u64,
    /// Length of each window.
    pub length: Duration,
    /// Time at the end of each window in which nothing is started.
    pub closing: Duration,
}

/// Evenly spread starts of one wave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaveStarts {
    /// Number of times at which something is started.
    pub(crate) count: u64,
    /// Time from one start to the next.
    pub(crate) interval: Duration,
    /// Time from the last start to the first one of the next wave.
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

/// Returns the number of windows that are needed if the first start is at `at` in the first one. Each window
/// allows starts for the time `starts`.
fn windows_needed(stages: &[WaveStarts], starts: Duration, mut at: Duration) -> u64 {
    let mut used = 1;
    for stage in stages {
        let pace = stage.interval.as_millis().max(1);
        let fit = |at: Duration| {
            let left = starts.saturating_sub(at).as_millis().div_ceil(pace);
            u64::try_from(left)
                .unwrap_or_else(|_| panic!("internal error: {left} starts in one window"))
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
        // No more than fit into one window, which is at most a day.
        let turns = u32::try_from(turns - 1)
            .unwrap_or_else(|_| panic!("internal error: {turns} starts in one window"));
        at = at
            .saturating_add(stage.interval.saturating_mul(turns))
            .saturating_add(stage.pause);
    }
    used
}
