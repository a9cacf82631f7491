//! The hours in which sessions may be started: clock times of a zone, as moments.

use svar_plan::Hours;
use svar_wire::Moment;

/// The opening around a time, both in UTC.
#[track_caller]
fn around(window: &str, now: &str) -> (String, String) {
    let hours = Hours::of(window.parse().unwrap()).unwrap();
    let opening = hours.current_or_next(Moment::parse(now).unwrap());
    let short = |at: Moment| at.to_string().replace(":00.000Z", "");
    (short(opening.from), short(opening.to))
}

#[track_caller]
fn opens(window: &str, now: &str, from: &str, to: &str) {
    assert_eq!(around(window, now), (from.to_owned(), to.to_owned()));
}

#[test]
fn hours_are_those_of_the_zone_and_of_utc_where_none_is_written() {
    let now = "2026-02-03T12:00:00Z";
    opens("08:00-13:00", now, "2026-02-03T08:00", "2026-02-03T13:00");
    opens(
        "08:00-13:00 Europe/Stockholm",
        now,
        "2026-02-04T07:00",
        "2026-02-04T12:00",
    );
    opens("00:00-24:00", now, "2026-02-03T00:00", "2026-02-04T00:00");
}

#[test]
fn a_range_over_midnight_belongs_to_the_day_on_which_it_begins() {
    // Friday is the 6th.
    let window = "Mon-Fri 20:00-06:00";
    opens(
        window,
        "2026-02-07T05:59:00Z",
        "2026-02-06T20:00",
        "2026-02-07T06:00",
    );
    opens(
        window,
        "2026-02-07T06:00:00Z",
        "2026-02-09T20:00",
        "2026-02-10T06:00",
    );
    opens(
        window,
        "2026-02-09T05:00:00Z",
        "2026-02-09T20:00",
        "2026-02-10T06:00",
    );
}

#[test]
fn the_days_on_which_the_clocks_change_have_their_own_length() {
    let zone = "Europe/Stockholm";
    // On 29 March 2026 the clock goes from 02:00 to 03:00, which is 01:00 UTC.
    let spring = "2026-03-28T23:30:00Z";
    opens(
        &format!("00:00-04:00 {zone}"),
        spring,
        "2026-03-28T23:00",
        "2026-03-29T02:00",
    );
    opens(
        &format!("02:30-05:00 {zone}"),
        spring,
        "2026-03-29T01:00",
        "2026-03-29T03:00",
    );
    // Nothing of these hours exists on that day.
    opens(
        &format!("02:15-02:45 {zone}"),
        spring,
        "2026-03-30T00:15",
        "2026-03-30T00:45",
    );
    // On 25 October 2026 03:00 becomes 02:00 again: the hour from 02:00 comes twice.
    let autumn = "2026-10-24T22:30:00Z";
    opens(
        &format!("02:30-04:00 {zone}"),
        autumn,
        "2026-10-25T00:30",
        "2026-10-25T03:00",
    );
}

#[test]
fn an_unknown_zone_is_refused_with_its_name() {
    let refused = Hours::of("08:00-09:00 Europe/Stokholm".parse().unwrap());
    let refused = refused.map_err(|unknown| unknown.to_string());
    assert_eq!(
        refused.unwrap_err(),
        "unknown time zone `Europe/Stokholm` on this computer"
    );
}
