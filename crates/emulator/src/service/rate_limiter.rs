//! Enforces the limits on calls: one window for each application and row of the table in API notes
//! 1.1, per minute and per hour. A setting determines whether the windows are fixed ones of the
//! emulated clock, or slide.

use std::collections::{HashMap, VecDeque};

use svar_wire::Moment;

use super::super::fault::Call;
use super::super::settings::{RateScope, RateWindow, Settings};
use super::other_users::OtherCalls;
use super::refusal::Refusal;

/// The calls in one fixed window.
#[derive(Debug, Clone, Copy, Default)]
struct WindowCount {
    /// The number of the window since 1970.
    window: i64,
    calls: u32,
}

impl WindowCount {
    /// Starts to count from 0 if that is another window.
    fn move_to(&mut self, window: i64) {
        if self.window != window {
            *self = WindowCount { window, calls: 0 };
        }
    }
}

/// The calls that count against one pair of limits.
#[derive(Debug, Default)]
struct CallCounts {
    minute: WindowCount,
    hour: WindowCount,
    /// The calls of the last hour, or of the last minute if there is no limit per hour. CallCounts only
    /// for sliding windows.
    times: VecDeque<Moment>,
}

/// The rate limits, with the calls of all applications.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    /// By the application and the row of the rate limit table.
    counts: HashMap<(usize, Call), CallCounts>,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

impl RateLimiter {
    /// Counts a call, or refuses it; a refused call is not counted.
    pub(crate) fn count(
        &mut self,
        now: Moment,
        app: usize,
        call: Call,
        settings: &Settings,
        others: OtherCalls,
    ) -> Result<(), Refusal> {
        let Some(Limits {
            per_minute,
            per_hour,
        }) = limits(call, settings)
        else {
            return Ok(());
        };
        let app = match settings.rate_scope {
            RateScope::Application => app,
            RateScope::Tenant => 0,
        };
        let counts = self.counts.entry((app, row(call))).or_default();
        let left = per_minute.saturating_sub(others.in_minute);
        let left_in_hour = per_hour.map(|limit| limit.saturating_sub(others.in_hour));
        let counted = match settings.rate_window {
            RateWindow::Fixed => counts.count_fixed(now, left, left_in_hour),
            RateWindow::Sliding => counts.count_sliding(now, left, left_in_hour),
        };
        let Err(LimitReached { period, wait_ms }) = counted else {
            return Ok(());
        };
        let wait_s = wait_ms.div_ceil(1000).max(1);
        Err(Refusal::too_many(
            period.message(),
            settings.retry_after_on_rate_limit.then_some(wait_s),
        ))
    }
}

/// A limit that is used up.
struct LimitReached {
    period: LimitPeriod,
    /// The time until the next call is possible, in milliseconds.
    wait_ms: u64,
}

/// The period of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LimitPeriod {
    Minute,
    Hour,
}

impl LimitPeriod {
    fn message(self) -> &'static str {
        match self {
            LimitPeriod::Minute => "The number of calls in this minute is used up.",
            LimitPeriod::Hour => "The number of calls in this hour is used up.",
        }
    }
}

impl CallCounts {
    /// Counts the call in fixed windows.
    ///
    /// # Errors
    /// A limit is used up; the call is not counted.
    fn count_fixed(
        &mut self,
        now: Moment,
        per_minute: u32,
        per_hour: Option<u32>,
    ) -> Result<(), LimitReached> {
        self.minute.move_to(now.millis().div_euclid(MINUTE_MS));
        self.hour.move_to(now.millis().div_euclid(HOUR_MS));
        let left_ms = |length: i64| (length - now.millis().rem_euclid(length)).unsigned_abs();
        if per_hour.is_some_and(|limit| self.hour.calls >= limit) {
            return Err(LimitReached {
                period: LimitPeriod::Hour,
                wait_ms: left_ms(HOUR_MS),
            });
        }
        if self.minute.calls >= per_minute {
            return Err(LimitReached {
                period: LimitPeriod::Minute,
                wait_ms: left_ms(MINUTE_MS),
            });
        }
        self.minute.calls += 1;
        self.hour.calls += 1;
        Ok(())
    }

    /// Counts the call in sliding windows.
    ///
    /// # Errors
    /// A limit is used up; the call is not counted.
    fn count_sliding(
        &mut self,
        now: Moment,
        per_minute: u32,
        per_hour: Option<u32>,
    ) -> Result<(), LimitReached> {
        let kept_ms = if per_hour.is_some() {
            HOUR_MS
        } else {
            MINUTE_MS
        };
        while self
            .times
            .front()
            .is_some_and(|at| now.millis() - at.millis() >= kept_ms)
        {
            self.times.pop_front();
        }
        let wait_if_full = |limit: u32, length_ms: i64| {
            let first = self
                .times
                .partition_point(|at| now.millis() - at.millis() >= length_ms);
            let counted = self.times.len() - first;
            let limit = limit as usize;
            (counted >= limit).then(|| {
                // The call that must leave the window before the next one is possible. There is
                // none if nothing is left of the limit after the calls of other users.
                let blocking = self.times.get(first + counted - limit);
                let wait_ms =
                    blocking.map_or(length_ms, |at| length_ms - (now.millis() - at.millis()));
                wait_ms.unsigned_abs()
            })
        };
        if let Some(wait_ms) = per_hour.and_then(|limit| wait_if_full(limit, HOUR_MS)) {
            return Err(LimitReached {
                period: LimitPeriod::Hour,
                wait_ms,
            });
        }
        if let Some(wait_ms) = wait_if_full(per_minute, MINUTE_MS) {
            return Err(LimitReached {
                period: LimitPeriod::Minute,
                wait_ms,
            });
        }
        self.times.push_back(now);
        Ok(())
    }
}

/// Returns the row of a call: the library's three calls share one, and so do the three calls on
/// machines (API notes 1.1).
fn row(call: Call) -> Call {
    match call {
        Call::LibraryUpload | Call::LibraryDelete => Call::LibraryList,
        Call::MachineGet | Call::FindByTag => Call::MachineList,
        other => other,
    }
}

/// The limits of a row of the table.
struct Limits {
    per_minute: u32,
    per_hour: Option<u32>,
}

/// Returns the limits of a call; `None` if it has no limit.
fn limits(call: Call, settings: &Settings) -> Option<Limits> {
    let limits = |per_minute, per_hour| {
        Some(Limits {
            per_minute,
            per_hour,
        })
    };
    match call {
        Call::Start => limits(settings.starts_per_minute, None),
        Call::HuntingQuery => limits(
            settings.hunting_queries_per_minute,
            Some(settings.reads_per_hour),
        ),
        // The sign-in and the storage behind links are other services.
        Call::Token | Call::ResultDownload | Call::Any => None,
        _ => limits(settings.reads_per_minute, Some(settings.reads_per_hour)),
    }
}
