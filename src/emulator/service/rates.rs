//! The limits on calls: one fixed window per (application, row of the contract's table 1.1), per
//! minute and per hour, aligned to the emulated clock.

use std::collections::HashMap;

use crate::moment::Moment;

use super::super::knobs::Knobs;
use super::super::scenario::Call;
use super::refusal::Refusal;

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    used: u32,
}

impl Window {
    fn turn_to(&mut self, number: i64) {
        if self.number != number {
            *self = Window { number, used: 0 };
        }
    }
}

/// What every application has used.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    used: HashMap<(usize, Call), (Window, Window)>,
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
        knobs: &Knobs,
    ) -> Result<(), Refusal> {
        let Some((per_minute, per_hour)) = limits(call, knobs) else {
            return Ok(());
        };
        let (minute, hour) = self.used.entry((app, row(call))).or_default();
        minute.turn_to(now.millis().div_euclid(MINUTE_MS));
        hour.turn_to(now.millis().div_euclid(HOUR_MS));
        let left_s = |length: i64| {
            let left = length - now.millis().rem_euclid(length);
            u64::try_from((left + 999) / 1000).unwrap_or(1)
        };
        if per_hour.is_some_and(|limit| hour.used >= limit) {
            return Err(Refusal::too_many(
                "The number of calls in this hour is used up.",
                Some(left_s(HOUR_MS)),
            ));
        }
        if minute.used >= per_minute {
            return Err(Refusal::too_many(
                "The number of calls in this minute is used up.",
                Some(left_s(MINUTE_MS)),
            ));
        }
        minute.used += 1;
        hour.used += 1;
        Ok(())
    }
}

/// The library's three calls share a row, as do the three on machines (contract 1.1).
fn row(call: Call) -> Call {
    match call {
        Call::LibraryUpload | Call::LibraryDelete => Call::LibraryList,
        Call::MachineGet | Call::FindByTag => Call::MachineList,
        other => other,
    }
}

fn limits(call: Call, knobs: &Knobs) -> Option<(u32, Option<u32>)> {
    match call {
        Call::Start => Some((knobs.starts_per_minute, None)),
        Call::Hunt => Some((45.min(knobs.reads_per_minute), Some(knobs.reads_per_hour))),
        // The sign-in and the storage behind links are other services.
        Call::Token | Call::Blob | Call::Any => None,
        _ => Some((knobs.reads_per_minute, Some(knobs.reads_per_hour))),
    }
}
