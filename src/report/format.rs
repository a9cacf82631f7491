//! Formats text from outside and points in time for reports.

use svar_wire::{Moment, text};

/// Maximum length of text from outside on one line, in characters.
const LINE_LENGTH_MAX: usize = 300;

/// Returns text from outside as one line of at most 300 characters that is safe to print. See
/// [`text::one_line`].
pub fn clean(text: &str) -> String {
    text::one_line(text, LINE_LENGTH_MAX)
}

/// Returns a point in time for people, in UTC and to the second: `2026-11-30 21:50:17 UTC`.
pub fn date_time(at: Moment) -> String {
    jiff::Timestamp::from_millisecond(at.millis()).map_or_else(
        |_| at.to_string(),
        |stamp| stamp.strftime("%F %T UTC").to_string(),
    )
}

/// Returns the local time of a moment that is not far from `now`: `14:05`, or `Tue 14:05` if it is
/// on another day.
pub(super) fn clock(at: Moment, now: Moment) -> String {
    let zone = jiff::tz::TimeZone::system();
    let local = |at: Moment| {
        jiff::Timestamp::from_millisecond(at.millis())
            .map(|stamp| stamp.to_zoned(zone.clone()))
            .ok()
    };
    match (local(at), local(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M").to_string(),
        (Some(at), _) => at.strftime("%a %H:%M").to_string(),
        (None, _) => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_becomes_one_harmless_line() {
        assert_eq!(
            clean("\u{1b}[2J\u{1b}]0;x\u{7}hello\r\n\tworld \u{202e}!"),
            "<U+001B>[2J<U+001B>]0;x<U+0007>hello world <U+202E>!"
        );
        assert_eq!(clean(&"a".repeat(1000)).chars().count(), 300);
    }

    #[test]
    fn points_in_time_are_printed_in_utc() {
        let at = Moment::from_millis(1_770_000_000_123);
        assert_eq!(date_time(at), "2026-02-02 02:40:00 UTC");
    }
}
