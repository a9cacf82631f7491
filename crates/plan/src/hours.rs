//! Hours in which a run may start sessions. The caller passes the current time.

use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use svar_language::playbook::model::Window;
use svar_wire::Moment;

use crate::limits::PICKUP;

/// `window` of a playbook, with its time zone. Times are local times of the zone. On days with a clock change,
/// a skipped time is the moment of the change, and a repeated time is the first of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    window: Window,
    zone: TimeZone,
}

/// Error of a time zone that is not in the database of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownZone {
    /// Name of the zone in the playbook.
    pub name: String,
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown time zone `{}` on this computer", self.name)
    }
}

impl std::error::Error for UnknownZone {}

/// One period of the hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Its first moment.
    pub from: Moment,
    /// The first moment after it.
    pub to: Moment,
}

impl Opening {
    /// An opening that never comes.
    pub const NEVER: Opening = Opening {
        from: Moment::FAR_FUTURE,
        to: Moment::FAR_FUTURE,
    };

    /// Returns the moment from which nothing is started in it, so that an online device picks up its
    /// session within the opening (our choice).
    pub fn last_start(self) -> Moment {
        self.to - Hours::closing(self.to.since(self.from))
    }
}

impl Hours {
    /// Looks up the zone of a window in this computer's time zone database.
    ///
    /// # Errors
    /// The database has no such zone.
    pub fn of(window: Window) -> Result<Hours, UnknownZone> {
        let zone = match window.zone.as_str() {
            "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| UnknownZone {
                name: name.to_owned(),
            })?,
        };
        Ok(Hours { window, zone })
    }

    /// Returns the opening that contains `now`, or the next one; [`Opening::NEVER`] if there is none.
    pub fn current_or_next(&self, now: Moment) -> Opening {
        let Ok(stamp) = jiff::Timestamp::from_millisecond(now.millis()) else {
            return Opening::NEVER;
        };
        let today = stamp.to_zoned(self.zone.clone()).date();
        // The opening of yesterday may go over midnight. Each weekday recurs within eight days, and one opening
        // may be dropped by a clock change.
        let days = (-1_i64..16).filter_map(|days| today.checked_add(days.days()).ok());
        days.filter(
            |day| self.window.days[usize::from(day.weekday().to_monday_zero_offset() as u8)],
        )
        .filter_map(|day| self.opening_of(day))
        .find(|opening| opening.from < opening.to && now < opening.to)
        .unwrap_or(Opening::NEVER)
    }

    /// Returns the length of an opening on a day without a clock change.
    pub fn usual_length(&self) -> Duration {
        const DAY: u64 = 24 * 60;
        let Window { from, to, .. } = self.window;
        let (from, to) = (u64::from(from), u64::from(to));
        let minutes = if to > from {
            to - from
        } else {
            to + DAY - from
        };
        Duration::from_secs(minutes * 60)
    }

    /// Returns the time at the end of an opening of length `opening` in which nothing is started, so that an
    /// online device picks up its session within the opening (our choice).
    pub fn closing(opening: Duration) -> Duration {
        PICKUP.min(opening / 10)
    }

    fn opening_of(&self, day: Date) -> Option<Opening> {
        let Window { from, to, .. } = self.window;
        let next = if to > from { 0 } else { 1 };
        let from = self.at(day, from)?;
        let to = self.at(day.checked_add(next.days()).ok()?, to)?;
        Some(Opening { from, to })
    }

    /// Returns the moment of a minute of a day, including `24:00`.
    fn at(&self, day: Date, minute: u16) -> Option<Moment> {
        let day = day.checked_add(i64::from(minute / (24 * 60)).days()).ok()?;
        let minute = minute % (24 * 60);
        let time = jiff::civil::time((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        let stamp = self.stamp(DateTime::from_parts(day, time))?;
        Some(Moment::from_millis(stamp.as_millisecond()))
    }

    fn stamp(&self, time: DateTime) -> Option<jiff::Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { before, .. } => {
                // The time is skipped: use the moment of the change.
                let late = before.to_timestamp(time).ok()?;
                let change = self.zone.preceding(late).next()?;
                Some(change.timestamp())
            }
            _ => ambiguous.compatible().ok(),
        }
    }
}

impl fmt::Display for Hours {
    /// Writes the hours as in the playbook, with the zone even if it was left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { text, zone, .. } = &self.window;
        if text.ends_with(zone.as_str()) {
            f.write_str(text)
        } else {
            write!(f, "{text} {zone}")
        }
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
