//! The hours in which a run may start sessions: arithmetic on the time that is handed in.

use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use svar_language::playbook::model::Window;
use svar_wire::Moment;

use crate::limits::PICKUP;

/// `window` of a playbook, with its time zone looked up. Clock times are those that people in the
/// zone read off their clocks, on the days on which the zone changes them as well: a time that a
/// change leaves out counts as the moment of the change, one that comes twice as the first of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    window: Window,
    zone: TimeZone,
}

/// Time zone that the database of this computer does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownZone {
    /// Name of the zone, as the playbook has it.
    pub name: String,
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown time zone `{}` on this computer", self.name)
    }
}

impl std::error::Error for UnknownZone {}

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

    /// Returns the opening that holds `now`, or the next one: from its first moment to just before
    /// its second.
    pub fn current_or_next(&self, now: Moment) -> (Moment, Moment) {
        let Ok(stamp) = jiff::Timestamp::from_millisecond(now.millis()) else {
            return (Moment::FAR_FUTURE, Moment::FAR_FUTURE);
        };
        let today = stamp.to_zoned(self.zone.clone()).date();
        // Yesterday's may go over midnight. A day of the week comes back within eight days, and one
        // opening may vanish in a change of the clocks.
        let days = (-1_i64..16).filter_map(|days| today.checked_add(days.days()).ok());
        days.filter(
            |day| self.window.days[usize::from(day.weekday().to_monday_zero_offset() as u8)],
        )
        .filter_map(|day| self.opening_of(day))
        .find(|(from, to)| from < to && now < *to)
        .unwrap_or((Moment::FAR_FUTURE, Moment::FAR_FUTURE))
    }

    /// Returns the length of an opening on a day on which the clocks do not change.
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

    /// Returns the end of an opening of that length in which nothing is started any more, so that a
    /// device that is awake takes its session within the hours (our choice).
    pub fn closing(opening: Duration) -> Duration {
        PICKUP.min(opening / 10)
    }

    fn opening_of(&self, day: Date) -> Option<(Moment, Moment)> {
        let Window { from, to, .. } = self.window;
        let next = if to > from { 0 } else { 1 };
        let from = self.at(day, from)?;
        let to = self.at(day.checked_add(next.days()).ok()?, to)?;
        Some((from, to))
    }

    /// Returns the moment of a minute of a day, `24:00` included.
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
                // The moment of the change: the last one that the clock read the old way.
                let late = before.to_timestamp(time).ok()?;
                let change = self.zone.preceding(late).next()?;
                Some(change.timestamp())
            }
            _ => ambiguous.compatible().ok(),
        }
    }
}

impl fmt::Display for Hours {
    /// As the author wrote it; the zone is named where he left it out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { text, zone, .. } = &self.window;
        match text.ends_with(zone.as_str()) {
            true => f.write_str(text),
            false => write!(f, "{text} {zone}"),
        }
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
