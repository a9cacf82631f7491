//! Counts the calls and sessions of other users of the tenant against the shared limits.

use std::time::Duration;

use svar_wire::Moment;

use super::super::background_load::BackgroundLoad;
use super::super::fault::Call;
use super::super::scenario::Scenario;
use super::super::settings::RateWindow;

/// The number of calls of other users that count in this minute and in this hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Others {
    pub(crate) minute: u32,
    pub(crate) hour: u32,
}

/// The background load of a scenario.
#[derive(Debug)]
pub(crate) struct Background {
    loads: Vec<BackgroundLoad>,
    /// The time at which the service began, which is the zero of the loads' times.
    started: Moment,
    window: RateWindow,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

impl Background {
    pub(crate) fn of(scenario: &Scenario, window: RateWindow, started: Moment) -> Self {
        Background {
            loads: scenario.background_load.clone(),
            started,
            window,
        }
    }

    /// Returns the calls that count against a limit at `now`.
    pub(crate) fn calls(&self, call: Call, now: Moment) -> Others {
        let mut others = Others::default();
        for load in &self.loads {
            let each = match call {
                Call::Start => load.starts_per_minute,
                _ => load.reads_per_minute,
            };
            let from = self.started + load.from.0;
            let end = load.until.map(|until| self.started + until.0);
            let minutes = |length_ms: i64| {
                let begin = match self.window {
                    RateWindow::Fixed => now_floor(now, length_ms),
                    RateWindow::Sliding => now - Duration::from_millis(length_ms as u64),
                };
                let from = from.max(begin);
                if from > now || end.is_some_and(|end| end <= from) {
                    return 0;
                }
                let end = end.map_or(now, |end| end.min(now));
                // A minute that has begun counts as a whole one.
                let worked_ms = end.millis() - from.millis();
                u32::try_from(worked_ms / MINUTE_MS + 1).unwrap_or(u32::MAX)
            };
            others.minute = others
                .minute
                .saturating_add(each.saturating_mul(minutes(MINUTE_MS).min(1)));
            others.hour = others
                .hour
                .saturating_add(each.saturating_mul(minutes(HOUR_MS).min(60)));
        }
        others
    }

    /// Returns the session slots in use at `now`.
    pub(crate) fn sessions(&self, now: Moment) -> usize {
        let at_work = |from: Moment, until: Option<Moment>| {
            from <= now && until.is_none_or(|until| now < until)
        };
        self.loads
            .iter()
            .filter(|load| {
                let until = load.until.map(|until| self.started + until.0);
                at_work(self.started + load.from.0, until)
            })
            .map(|load| load.sessions as usize)
            .sum()
    }
}

/// Returns the beginning of the fixed window of that length.
fn now_floor(now: Moment, length_ms: i64) -> Moment {
    Moment::from_millis(now.millis() - now.millis().rem_euclid(length_ms))
}
