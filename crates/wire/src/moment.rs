//! Points in time, as plain milliseconds.
//!
//! Nothing here reads a clock: callers hand in the time, so a test can play an hour in a millisecond.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Point in time, in milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

/// Milliseconds of [`Moment::FAR_FUTURE`], far enough below `i64::MAX` that additions do not overflow.
const FAR_MILLIS: i64 = i64::MAX / 4;

impl Moment {
    /// Unix epoch.
    pub const EPOCH: Moment = Moment(0);
    /// Point in time later than any that occurs.
    pub const FAR_FUTURE: Moment = Moment(FAR_MILLIS);

    /// Returns the point `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Moment(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the duration from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses an ISO 8601 time with 0 to 9 digits after the second, as the service writes them. Rounds
    /// down to the millisecond, also before 1970.
    ///
    /// # Errors
    /// The text is not such a time.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|stamp| {
            let millis = stamp.as_nanosecond().div_euclid(1_000_000);
            Moment(i64::try_from(millis).unwrap_or_else(|_| {
                panic!("internal error: {stamp} is out of range in milliseconds")
            }))
        })
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    /// Returns the later point in time, at most [`Moment::FAR_FUTURE`].
    fn add(self, duration: Duration) -> Moment {
        Moment(
            self.0
                .saturating_add(clamped_millis(duration))
                .min(FAR_MILLIS),
        )
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(clamped_millis(duration)))
    }
}

/// Converts a duration to milliseconds, clamped to [`FAR_MILLIS`].
fn clamped_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(FAR_MILLIS, |millis| millis.min(FAR_MILLIS))
}

impl fmt::Display for Moment {
    /// Writes ISO 8601 in UTC with milliseconds: `2026-02-03T09:10:11.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
