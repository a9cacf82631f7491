//! The limits on calls: one window per (application, row of the table in API notes 1.1), per minute
//! and per hour. The windows are fixed ones of the emulated clock, or slide, as a setting says.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use svar_wire::Moment;

use super::super::fault::Call;
use super::super::settings::{RateScope, RateWindow, Settings};
use super::core::Service;
use super::refusal::Refusal;

/// How many calls of others count, in this minute and in this hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Others {
    minute: u32,
    hour: u32,
}

/// What one window has counted.
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
    /// The calls of the last hour, or of the last minute where no hour counts; only where windows slide.
    times: VecDeque<Moment>,
}

/// What every application has used.
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
        let Some((text, wait_ms)) = wait else {
            return Ok(());
        };
        let wait_s = u64::try_from((wait_ms + 999) / 1000).unwrap_or(1).max(1);
        Err(Refusal::too_many(
            text,
            settings.retry_after_on_rate_limit.then_some(wait_s),
        ))
    }
}

const HOUR_USED_UP: &str = "The number of calls in this hour is used up.";
const MINUTE_USED_UP: &str = "The number of calls in this minute is used up.";

impl Used {
    /// Counts the call; or says what is used up, and how long until the next one is free.
    fn fixed(
        &mut self,
        now: Moment,
        per_minute: u32,
        per_hour: Option<u32>,
    ) -> Option<(&'static str, i64)> {
        self.minute.turn_to(now.millis().div_euclid(MINUTE_MS));
        self.hour.turn_to(now.millis().div_euclid(HOUR_MS));
        let left_ms = |length: i64| length - now.millis().rem_euclid(length);
        if per_hour.is_some_and(|limit| self.hour.used >= limit) {
            return Some((HOUR_USED_UP, left_ms(HOUR_MS)));
        }
        if self.minute.used >= per_minute {
            return Some((MINUTE_USED_UP, left_ms(MINUTE_MS)));
        }
        self.minute.used += 1;
        self.hour.used += 1;
        None
    }

    fn sliding(
        &mut self,
        now: Moment,
        per_minute: u32,
        per_hour: Option<u32>,
    ) -> Option<(&'static str, i64)> {
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
                // The call that must have become old before the next one is free; there is none where
                // nothing is left from the start.
                let gate = self.times.get(first + counted - limit);
                gate.map_or(length_ms, |at| length_ms - (now.millis() - at.millis()))
            })
        };
        if let Some(wait_ms) = per_hour.and_then(|limit| full(limit, HOUR_MS)) {
            return Some((HOUR_USED_UP, wait_ms));
        }
        if let Some(wait_ms) = full(per_minute, MINUTE_MS) {
            return Some((MINUTE_USED_UP, wait_ms));
        }
        self.times.push_back(now);
        None
    }
}

/// The library's three calls share a row, as do the three on machines (API notes 1.1).
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

impl Service {
    /// What colleagues use of a limit: their part of every minute in which they are at work.
    pub(super) fn background_calls(&self, call: Call) -> Others {
        let mut others = Others::default();
        for colleague in &self.scenario.background_load {
            let each = match call {
                Call::Start => colleague.starts_per_minute,
                _ => colleague.reads_per_minute,
            };
            let from = self.started + colleague.from.0;
            let end = colleague.until.map(|until| self.started + until.0);
            let minutes = |length_ms: i64| {
                let begin = match self.settings.rate_window {
                    RateWindow::Fixed => now_floor(self.now, length_ms),
                    RateWindow::Sliding => self.now - Duration::from_millis(length_ms as u64),
                };
                let from = from.max(begin);
                if from > self.now || end.is_some_and(|end| end <= from) {
                    return 0;
                }
                let end = end.map_or(self.now, |end| end.min(self.now));
                // A minute that has begun counts whole.
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

    /// The session slots that colleagues hold.
    pub(super) fn background_sessions(&self) -> usize {
        let at_work = |from: Moment, until: Option<Moment>| {
            from <= self.now && until.is_none_or(|until| self.now < until)
        };
        self.scenario
            .background_load
            .iter()
            .filter(|colleague| {
                let until = colleague.until.map(|until| self.started + until.0);
                at_work(self.started + colleague.from.0, until)
            })
            .map(|colleague| colleague.sessions as usize)
            .sum()
    }
}

/// The beginning of the fixed window of that length.
fn now_floor(now: Moment, length_ms: i64) -> Moment {
    Moment::from_millis(now.millis() - now.millis().rem_euclid(length_ms))
}
