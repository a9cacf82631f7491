//! Counts the calls and sessions of other users of the tenant against the shared limits.

use svar_wire::Moment;

use super::super::background_load::BackgroundLoad;
use super::super::fault::Call;
use super::super::scenario::Scenario;
use super::super::settings::RateWindow;

/// The calls of other users that count in the present minute and in the present hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OtherCalls {
    pub(crate) in_minute: u32,
    pub(crate) in_hour: u32,
}

/// The other users of the tenant, as the scenario's background load describes them.
#[derive(Debug)]
pub(crate) struct OtherUsers {
    loads: Vec<BackgroundLoad>,
    /// The time at which the service began, which is the zero of the loads' times.
    started: Moment,
    window: RateWindow,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

impl OtherUsers {
    /// Creates the other users of a scenario.
    pub(crate) fn new(scenario: &Scenario, window: RateWindow, started: Moment) -> Self {
        OtherUsers {
            loads: scenario.background_load.clone(),
            started,
            window,
        }
    }

    /// Returns the calls that count against a limit at `now`.
    pub(crate) fn calls(&self, call: Call, now: Moment) -> OtherCalls {
        let mut calls = OtherCalls::default();
        for load in &self.loads {
            let per_minute = match call {
                Call::Start => load.starts_per_minute,
                _ => load.reads_per_minute,
            };
            let add = |count: &mut u32, window_ms: i64| {
                let minutes = self.minutes_active(load, now, window_ms);
                *count = count.saturating_add(per_minute.saturating_mul(minutes));
            };
            add(&mut calls.in_minute, MINUTE_MS);
            add(&mut calls.in_hour, HOUR_MS);
        }
        calls
    }

    /// Returns the number of minutes in which a load was active during the window of a limit that
    /// `now` is in. A minute that has begun counts as a whole one.
    fn minutes_active(&self, load: &BackgroundLoad, now: Moment, window_ms: i64) -> u32 {
        let window_start = match self.window {
            RateWindow::Fixed => now.millis() - now.millis().rem_euclid(window_ms),
            RateWindow::Sliding => now.millis().saturating_sub(window_ms),
        };
        let from = (self.started + load.from.0).millis().max(window_start);
        let end = load.until.map(|until| (self.started + until.0).millis());
        if from > now.millis() || end.is_some_and(|end| end <= from) {
            return 0;
        }
        let active_ms = end.unwrap_or(i64::MAX).min(now.millis()) - from;
        let minutes = (active_ms / MINUTE_MS + 1).min(window_ms / MINUTE_MS);
        u32::try_from(minutes).expect("internal error: a window has more minutes than an hour")
    }

    /// Returns the session slots in use at `now`.
    pub(crate) fn sessions(&self, now: Moment) -> usize {
        self.loads
            .iter()
            .filter(|load| {
                self.started + load.from.0 <= now
                    && load.until.is_none_or(|until| now < self.started + until.0)
            })
            .map(|load| load.sessions as usize)
            .sum()
    }
}
