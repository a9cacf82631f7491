//! Times as the service writes them.

use crate::moment::Moment;

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
