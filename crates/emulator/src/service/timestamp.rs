//! Formats times as the service writes them.

use svar_wire::Moment;

/// Formats a time with all seven fraction digits, as the library writes it (API notes 8.6).
pub(crate) fn timestamp_in_full(moment: Moment) -> String {
    let text = timestamp(moment);
    let plain = text.trim_end_matches('Z');
    match plain.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<7}Z"),
        None => format!("{plain}.0000000Z"),
    }
}

/// Formats a time as in HTTP headers: `Tue, 03 Feb 2026 09:10:11 GMT`.
pub(crate) fn http_date(moment: Moment) -> String {
    // A time outside of the years -9999 to 9999 is written as the last one that can be.
    jiff::Timestamp::from_millisecond(moment.millis())
        .unwrap_or(jiff::Timestamp::MAX)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// Formats a time as `2026-02-03T09:10:11.1234567Z`: UTC, with up to seven fraction digits. Zeros
/// at the end are left out, and so is the point if no digit is left (API notes 4.2). The digits
/// below the millisecond are made up, but always the same for the same time, so that clients
/// encounter all lengths.
pub(crate) fn timestamp(moment: Moment) -> String {
    String::from_utf8_lossy(Timestamp::of(moment).as_bytes()).into_owned()
}

/// The text of [`timestamp`] without an allocation: a list of 10,000 actions has 40,000 times.
pub(crate) struct Timestamp {
    bytes: [u8; 28],
    length: usize,
}

impl Timestamp {
    pub(crate) fn of(moment: Moment) -> Self {
        let millis = moment.millis();
        if !WRITABLE.contains(&millis) {
            return Timestamp {
                bytes: *b"9999-12-31T23:59:59Z........",
                length: 20,
            };
        }
        // Within these years a second of the day and a date fit easily.
        let second = (millis.div_euclid(1000).rem_euclid(86_400)) as u32;
        let (year, month, day) = date(millis.div_euclid(86_400_000));
        let below = match millis.rem_euclid(3) {
            0 => 0,
            _ => millis.rem_euclid(997) * 7 % 10_000,
        };
        // The result is below 10,000,000.
        let fraction = (millis.rem_euclid(1000) * 10_000 + below) as u32;
        let mut bytes = *b"0000-00-00T00:00:00.0000000Z";
        for (index, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, second / 3600),
            (14, second / 60 % 60),
            (17, second % 60),
            (20, fraction / 100_000),
            (22, fraction / 1000 % 100),
            (24, fraction / 10 % 100),
        ] {
            bytes[index] = digit(number / 10);
            bytes[index + 1] = digit(number % 10);
        }
        bytes[26] = digit(fraction % 10);
        // Without a fraction the point is left out, too. Otherwise one of the digits is not zero.
        let mut length = if fraction == 0 { 19 } else { 27 };
        while fraction > 0 && bytes[length - 1] == b'0' {
            length -= 1;
        }
        bytes[length] = b'Z';
        Timestamp {
            bytes,
            length: length + 1,
        }
    }

    /// Returns the text, which is ASCII.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Returns the digit of a number below ten.
fn digit(number: u32) -> u8 {
    b'0' + number as u8
}

/// From `0000-01-01T00:00:00Z` to `9999-12-31T23:59:59.999Z`, in milliseconds.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_207_200_999;

/// Returns the year, month and day of a day counted from 1970-01-01, not before the year 0. The
/// calculation uses years that begin with March, so that a leap day is the last day of its year.
/// The months then follow a line of 153 days in five months, and all eras of 400 years are alike.
fn date(day: i64) -> (u32, u32, u32) {
    const ERA: i64 = 146_097;
    let from_march_of_0 = day + 719_468;
    let era = from_march_of_0.div_euclid(ERA);
    let of_era = from_march_of_0.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    // No value is negative for the years 0 to 9999.
    (year as u32, month as u32, of_month as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::timestamp;
    use svar_wire::Moment;

    proptest! {
        #[test]
        fn every_day_has_the_date_of_the_calendar(day in -719_528..2_932_895_i64, second in 0..86_400_i64) {
            let seconds = day * 86_400 + second;
            let calendar = jiff::Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%dT%H:%M:%S").to_string()).ok();
            let given = timestamp(Moment::from_millis(seconds * 1000));
            prop_assert_eq!(Some(&given[..19]), calendar.as_deref());
        }
    }

    #[test]
    fn moments_are_written_with_the_fraction_they_need() {
        for (millis, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_770_109_811_123, "2026-02-03T09:10:11.123336Z"),
            (1_770_109_811_100, "2026-02-03T09:10:11.1Z"),
            (-1, "1969-12-31T23:59:59.9996972Z"),
            (i64::MAX / 4, "9999-12-31T23:59:59Z"),
            (-62_167_219_200_001, "9999-12-31T23:59:59Z"),
        ] {
            let given = timestamp(Moment::from_millis(millis));
            assert_eq!(given, written);
            if !written.starts_with("9999") {
                assert_eq!(Moment::parse(&given).map(Moment::millis).ok(), Some(millis));
            }
        }
    }
}
