//! How many openings of the policy's `window` the starts of a run need. A plan knows no clock: it is
//! the same at any time of the day, so it can tell a range where the moment of the start decides.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use svar_language::playbook::model::Period;

use super::grouped;
use crate::hours::Hours;

/// The openings of the `window` in which sessions are started, days on which the clocks change aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Openings {
    /// So many if the run begins with an opening, or outside of the hours and waits for one.
    pub least: u64,
    /// So many if it begins just before the last start that an opening allows.
    pub most: u64,
    /// The length of one.
    #[serde(rename = "each_ms", serialize_with = "super::millis")]
    pub each: Duration,
    /// The end of each, in which nothing is started any more.
    #[serde(rename = "closing_ms", serialize_with = "super::millis")]
    pub closing: Duration,
}

/// Starts of one wave, evenly spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    /// How often something is started.
    pub(crate) turns: u64,
    /// From one turn to the next.
    pub(crate) pace: Duration,
    /// From the last turn to the first of the next stage.
    pub(crate) then: Duration,
}

impl Openings {
    pub(crate) fn of(hours: &Hours, stages: &[Stage]) -> Openings {
        let each = hours.usual_length();
        let closing = Hours::closing(each);
        let starts = each.saturating_sub(closing);
        let last = starts.saturating_sub(Duration::from_millis(1));
        Openings {
            least: needed(stages, starts, Duration::ZERO),
            most: needed(stages, starts, last),
            each,
            closing,
        }
    }
}

impl fmt::Display for Openings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = Period(self.each);
        let (least, most) = (grouped(self.least), grouped(self.most));
        match (self.least, self.most) {
            (1, 1) => write!(f, "within one opening of its window, of {each}")?,
            (few, many) if few == many => {
                write!(f, "in {least} openings of its window, {each} each")?;
            }
            _ => write!(
                f,
                "in {least} to {most} openings of its window, {each} each, depending on when in one it \
                 begins"
            )?,
        }
        let closing = Period(self.closing);
        write!(
            f,
            "; in the last {closing} of an opening nothing is started"
        )
    }
}

/// Openings that are used, from a moment `at` in the first one; each takes starts for so long.
fn needed(stages: &[Stage], starts: Duration, mut at: Duration) -> u64 {
    let mut used = 1;
    for stage in stages {
        let pace = stage.pace.as_millis().max(1);
        let fit = |at: Duration| {
            let left = starts.saturating_sub(at).as_millis().div_ceil(pace);
            u64::try_from(left).unwrap_or(u64::MAX)
        };
        let mut turns = stage.turns;
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
            .saturating_add(stage.pace.saturating_mul(turns))
            .saturating_add(stage.then);
    }
    used
}
