//! Enforces the limits on calls: one window for each application and row of the table in API notes
//! 1.1, per minute and per hour. A setting determines whether the windows are fixed ones of the
//! emulated clock, or slide.

use std::collections::{HashMap, VecDeque};

use svar_wire::Moment;

use super::super::fault::Call;
use super::super::settings::{RateScope, RateWindow, Settings};
use super::background::Others;
use super::refusal::Refusal;

/// The calls counted in one window.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    number: i64,
    used: u32,
}

impl Count {
    fn turn_to(&mut self, number: i64) {
        if self.number != number {
            *self = Count { number, used: 0 };
        }
    }
}

#[derive(Debug, Default)]
struct Used {
    minute: Count,
    hour: Count,
    /// The calls of the last hour, or of the last minute if there is no limit per hour. Used only
    /// for sliding windows.
    times: VecDeque<Moment>,
}

/// The calls of all applications.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    used: HashMap<(usize, Call), Used>,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

impl Rates {
    /// Counts a call, or refuses it; a refused call is not counted.
    pub(crate) fn take(
        &mut self,
        now: Moment,
        app: usize,
        call: Call,
        settings: &Settings,
        others: Others,
    ) -> Result<(), Refusal> {
        let Some((per_minute, per_hour)) = limits(call, settings) else {
            return Ok(());
        };
        let who = match settings.rate_scope {
            RateScope::Application => app,
            RateScope::Tenant => 0,
        };
        let used = self.used.entry((who, row(call))).or_default();
        let left = per_minute.saturating_sub(others.minute);
        let left_in_hour = per_hour.map(|limit| limit.saturating_sub(others.hour));
        let wait = match settings.rate_window {
            RateWindow::Fixed => used.fixed(now, left, left_in_hour),
            RateWindow::Sliding => used.sliding(now, left, left_in_hour),
        };
        let Err(LimitReached { message, wait_ms }) = wait else {
            return Ok(());
        };
        let wait_s = u64::try_from((wait_ms + 999) / 1000).unwrap_or(1).max(1);
        Err(Refusal::too_many(
            message,
            settings.retry_after_on_rate_limit.then_some(wait_s),
        ))
    }
}

/// A limit that is used up.
struct LimitReached {
    message: &'static str,
    /// The time until the next call is possible, in milliseconds.
    wait_ms: i64,
}

const HOUR_USED_UP: &str = "The number of calls in this hour is used up.";
const MINUTE_USED_UP: &str = "The number of calls in this minute is used up.";

impl Used {
    /// Counts the call in fixed windows.
    ///
    /// # Errors
    /// A limit is used up; the call is not counted.
    fn fixed(
        &mut self,
        now: Moment,
        per_minute: u32,
        per_hour: Option<u32>,
    ) -> Result<(), LimitReached> {
        self.minute.turn_to(now.millis().div_euclid(MINUTE_MS));
        self.hour.turn_to(now.millis().div_euclid(HOUR_MS));
        let left_ms = |length: i64| length - now.millis().rem_euclid(length);
        if per_hour.is_some_and(|limit| self.hour.used >= limit) {
            return Err(LimitReached {
                message: HOUR_USED_UP,
                wait_ms: left_ms(HOUR_MS),
            });
        }
        if self.minute.used >= per_minute {
            return Err(LimitReached {
                message: MINUTE_USED_UP,
                wait_ms: left_ms(MINUTE_MS),
            });
        }
        self.minute.used += 1;
        self.hour.used += 1;
        Ok(())
    }

    fn sliding(
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
        let full = |limit: u32, length_ms: i64| {
            let first = self
                .times
                .partition_point(|at| now.millis() - at.millis() >= length_ms);
            let counted = self.times.len() - first;
            let limit = limit as usize;
            (counted >= limit).then(|| {
                // The call that must leave the window before the next one is possible. There is
                // none if nothing is left of the limit after the calls of other users.
                let gate = self.times.get(first + counted - limit);
                gate.map_or(length_ms, |at| length_ms - (now.millis() - at.millis()))
            })
        };
        if let Some(wait_ms) = per_hour.and_then(|limit| full(limit, HOUR_MS)) {
            return Err(LimitReached {
                message: HOUR_USED_UP,
                wait_ms,
            });
        }
        if let Some(wait_ms) = full(per_minute, MINUTE_MS) {
            return Err(LimitReached {
                message: MINUTE_USED_UP,
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

fn limits(call: Call, settings: &Settings) -> Option<(u32, Option<u32>)> {
    match call {
        Call::Start => Some((settings.starts_per_minute, None)),
        Call::HuntingQuery => Some((
            settings.hunting_queries_per_minute,
            Some(settings.reads_per_hour),
        )),
        // The sign-in and the storage behind links are other services.
        Call::Token | Call::ResultDownload | Call::Any => None,
        _ => Some((settings.reads_per_minute, Some(settings.reads_per_hour))),
    }
}
