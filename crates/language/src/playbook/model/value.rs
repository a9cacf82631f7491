//! Values with a notation of their own: percentages, durations, sizes, hours.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Error of a text that is not a value of the expected form. The message is the expected form, such as
/// "a size such as `10KB`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// Implements `Deserialize` by `FromStr`. Numbers are deserialized from their source text.
macro_rules! deserialize_from_text {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|error: ValueError| D::Error::custom(format!("must be {error}")))
            }
        }
    )+};
}

deserialize_from_text!(CountOrPercent, Period, SizeCheck, Window);

/// Number or percentage of devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CountOrPercent {
    /// Number.
    Count(u32),
    /// Percentage, from 0 to 100.
    Percent(f64),
}

impl FromStr for CountOrPercent {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError("a number such as `20`, or a percentage such as `5%`".to_owned());
        let plain = |digits: &str| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        match text.strip_suffix('%').map(str::trim_end) {
            Some(share) if plain(share) => match share.parse::<f64>() {
                Ok(share) if share <= 100.0 => Ok(CountOrPercent::Percent(share)),
                _ => Err(ValueError("a percentage from `0%` to `100%`".to_owned())),
            },
            Some(_) => Err(wrong()),
            None => text.parse().map(CountOrPercent::Count).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for CountOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountOrPercent::Count(count) => write!(f, "{count}"),
            CountOrPercent::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl CountOrPercent {
    /// Returns the number of devices out of `total`, at most `total`. A percentage is rounded up.
    pub fn of(self, total: u32) -> u32 {
        match self {
            CountOrPercent::Count(count) => count.min(total),
            CountOrPercent::Percent(share) => {
                let exact = f64::from(total) * share / 100.0;
                // Rounding errors must not lift a whole number to the next one.
                let rounded = (exact - 1e-9).ceil().clamp(0.0, f64::from(total));
                rounded as u32
            }
        }
    }
}

/// Serializes as it is written in a playbook: `20`, or `"5%"`.
impl Serialize for CountOrPercent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            CountOrPercent::Count(count) => serializer.serialize_u32(*count),
            CountOrPercent::Percent(_) => serializer.collect_str(self),
        }
    }
}

/// Duration: whole numbers with units, which are added up: `90s`, `1h30m`, `2d`. Units are `w`, `d`, `h`,
/// `m`, `s` and `ms`. A number without a unit is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl FromStr for Period {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong =
            || ValueError("a duration such as `90s`, `15m`, `8h`, `1h30m` or `2d`".to_owned());
        let mut millis: u64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
            let (unit, after) = after.split_at(letters);
            let (_, factor) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(wrong)?;
            let part = number
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(*factor));
            millis = part
                .and_then(|part| millis.checked_add(part))
                .ok_or_else(wrong)?;
            rest = after;
        }
        // A hundred years: longer than any run, and small enough for all later arithmetic.
        const MOST: u64 = 100 * 366 * 24 * 3_600_000;
        if text.is_empty() || millis > MOST {
            return Err(wrong());
        }
        Ok(Period(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in &UNITS[1..] {
            let factor = u128::from(*factor);
            if millis >= factor {
                write!(f, "{}{unit}", millis / factor)?;
                millis %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Number of bytes: `512`, `10KB`, `100MB`, `3GB`. A kilobyte has 1,024 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError("a size such as `512`, `10KB`, `100MB` or `3GB`".to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).map(Size).ok_or_else(wrong)
    }
}

/// Comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`, or nothing.
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// Expected size of a file: `> 0`, `<= 100MB`, `512`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeCheck {
    /// Comparison operator.
    pub comparison: Comparison,
    /// Size to compare with.
    pub size: Size,
}

impl SizeCheck {
    /// Returns whether a file of `bytes` bytes has an expected size.
    pub fn holds(&self, bytes: u64) -> bool {
        let Size(size) = self.size;
        match self.comparison {
            Comparison::Equal => bytes == size,
            Comparison::NotEqual => bytes != size,
            Comparison::Less => bytes < size,
            Comparison::AtMost => bytes <= size,
            Comparison::More => bytes > size,
            Comparison::AtLeast => bytes >= size,
        }
    }
}

impl FromStr for SizeCheck {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let signs = text
            .bytes()
            .take_while(|byte| b"<>=!".contains(byte))
            .count();
        let (sign, size) = text.split_at(signs);
        let comparison = match sign {
            "" | "=" | "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            _ => {
                return Err(ValueError(
                    "a comparison such as `> 0` or `<= 100MB`".to_owned(),
                ));
            }
        };
        let size = size.trim().parse()?;
        Ok(SizeCheck { comparison, size })
    }
}

/// Hours in which sessions may be started: `22:00-06:00`, with days `Mon-Fri` or `Sat,Sun` before
/// them and an optional time zone after them (default UTC). A range whose end is not after its start goes
/// over midnight and belongs to the day on which it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Days on which it starts, Monday first; all if none is written.
    pub days: [bool; 7],
    /// Start, in minutes of the day.
    pub from: u16,
    /// End, in minutes of the day.
    pub to: u16,
    /// Name of the time zone, such as `Europe/Stockholm`; `UTC` if none is written.
    pub zone: String,
    /// Source text.
    pub text: String,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl FromStr for Window {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError(
                "hours such as `22:00-06:00` or `Mon-Fri 20:00-23:30 Europe/Stockholm`".to_owned(),
            )
        };
        let mut words = text.split_ascii_whitespace().peekable();
        let mut days = [true; 7];
        if let Some(word) =
            words.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            days = parse_days(word).ok_or_else(wrong)?;
        }
        let (from, to) = words
            .next()
            .and_then(|word| word.split_once('-'))
            .ok_or_else(wrong)?;
        let from = parse_minute(from)
            .filter(|minute| *minute < 24 * 60)
            .ok_or_else(wrong)?;
        let to = parse_minute(to).ok_or_else(wrong)?;
        let zone = words.next().unwrap_or("UTC").to_owned();
        if words.next().is_some() || from == to {
            return Err(wrong());
        }
        Ok(Window {
            days,
            from,
            to,
            zone,
            text: text.to_owned(),
        })
    }
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut first, last) = (day(first)?, day(last)?);
        days[first] = true;
        while first != last {
            first = (first + 1) % 7;
            days[first] = true;
        }
    }
    Some(days)
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 24 * 60).then_some(total)
}
