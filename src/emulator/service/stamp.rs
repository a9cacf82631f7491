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
    Stamp::of(moment).as_str().to_owned()
}

/// The same without memory of its own: a list of 10,000 actions has 40,000 of them.
pub(crate) struct Stamp {
    bytes: [u8; 28],
    length: usize,
}

impl Stamp {
    pub(crate) fn of(moment: Moment) -> Self {
        let mut out = Stamp {
            bytes: *b"9999-12-31T23:59:59Z........",
            length: 20,
        };
        let millis = moment.millis();
        let Ok(time) = jiff::Timestamp::from_millisecond(millis) else {
            return out;
        };
        let time = jiff::tz::Offset::UTC.to_datetime(time);
        let Ok(year @ 0..=9999) = u32::try_from(time.year()) else {
            return out;
        };
        let small = |number: i8| u32::from(number.unsigned_abs());
        out.length = 0;
        out.digits(year, 4);
        for (before, number) in [
            (b'-', time.month()),
            (b'-', time.day()),
            (b'T', time.hour()),
            (b':', time.minute()),
            (b':', time.second()),
        ] {
            out.push(before);
            out.digits(small(number), 2);
        }
        let below = match millis.rem_euclid(3) {
            0 => 0,
            _ => millis.rem_euclid(997) * 7 % 10_000,
        };
        let fraction = millis.rem_euclid(1000) * 10_000 + below;
        if fraction > 0 {
            out.push(b'.');
            // Below 10,000,000.
            out.digits(fraction as u32, 7);
            while out.bytes[out.length - 1] == b'0' {
                out.length -= 1;
            }
        }
        out.push(b'Z');
        out
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn digits(&mut self, number: u32, width: usize) {
        let mut left = number;
        for place in (self.length..self.length + width).rev() {
            self.bytes[place] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        self.length += width;
    }
}

#[cfg(test)]
mod tests {
    use super::stamp;
    use crate::moment::Moment;

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
            let given = stamp(Moment::from_millis(millis));
            assert_eq!(given, written);
            if !written.starts_with("9999") {
                assert_eq!(Moment::parse(&given).map(Moment::millis).ok(), Some(millis));
            }
        }
    }
}
