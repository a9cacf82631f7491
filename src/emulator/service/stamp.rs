//! Times as the service writes them.

use crate::moment::Moment;

/// The same with all seven digits, as the library writes them (contract 8.6).
pub(crate) fn stamp_in_full(moment: Moment) -> String {
    let text = stamp(moment);
    let plain = text.trim_end_matches('Z');
    match plain.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<7}Z"),
        None => format!("{plain}.0000000Z"),
    }
}

/// `Tue, 03 Feb 2026 09:10:11 GMT`: as HTTP's headers write times.
pub(crate) fn http_date(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.millis())
        .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// `2026-02-03T09:10:11.1234567Z`: UTC, up to seven fraction digits, zeros at the end left out, no
/// point when there is none (contract 4.2). The digits below the millisecond are made up, but the
/// same for the same moment, so that clients meet all lengths.
pub(crate) fn stamp(moment: Moment) -> String {
    let millis = moment.millis();
    let Ok(time) = jiff::Timestamp::from_millisecond(millis) else {
        return "9999-12-31T23:59:59Z".to_owned();
    };
    let whole = format!("{time:.3}");
    let Some(seconds) = whole.get(..19) else {
        return whole;
    };
    let below = match millis.rem_euclid(3) {
        0 => 0,
        _ => millis.rem_euclid(997) * 7 % 10_000,
    };
    let fraction = format!("{:03}{below:04}", millis.rem_euclid(1000));
    match fraction.trim_end_matches('0') {
        "" => format!("{seconds}Z"),
        digits => format!("{seconds}.{digits}Z"),
    }
}
