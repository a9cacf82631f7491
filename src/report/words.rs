//! Words for people: strangers' text made harmless, times and numbers made readable.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest text of a stranger on one line.
const LONGEST: usize = 300;

/// A stranger's text as one harmless line: white space is single, control characters and those that
/// steer the direction of text are made visible, and it is at most 300 characters long.
pub fn clean(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&svar_wire::text::visible(word));
        if line.chars().count() > LONGEST {
            return fit(&line, LONGEST);
        }
    }
    line
}

/// A length of time in its two greatest units: `45 s`, `4 min 10 s`, `2 h 5 min`, `3 d 2 h`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let two = |great: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{great} {unit}"),
        small => format!("{great} {unit} {small} {sub}"),
    };
    match seconds {
        0 if time.is_zero() => "0 s".to_owned(),
        0..10 if time.subsec_millis() != 0 => format!("{:.1} s", time.as_secs_f64()),
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A number with its noun: `1 device`, `5 devices`.
pub fn many(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Bytes in the unit people would say: `812 B`, `4.2 kB`, `1.5 GB`.
pub(super) fn bytes(size: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    units
        .into_iter()
        .find(|(_, unit)| size as f64 >= *unit)
        .map_or_else(
            || format!("{size} B"),
            |(name, unit)| format!("{:.1} {name}", size as f64 / unit),
        )
}

/// The text cut to so many columns, with a sign that it was cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    cut(text, columns, "…")
}

/// The text cut to so many columns, the mark that stands where it was cut among them.
pub(super) fn cut(text: &str, columns: usize, mark: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(mark.width());
    let mut short = String::new();
    for letter in text.chars() {
        let width = letter.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        short.push(letter);
    }
    short.push_str(mark);
    short
}

/// The text filled up with blanks to so many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// The text broken at blanks into lines of at most so many columns; a longer word stands alone.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text broken at blanks into lines of at most so many columns, all but the first one set in.
pub fn hang(text: &str, columns: usize, indent: usize) -> String {
    let lines = wrap(text, columns.saturating_sub(indent));
    lines.join(&format!("\n{:indent$}", ""))
}

/// A command that is to be copied, so that [`hang`] leaves it in one piece; [`copyable`] is its way back.
pub fn unbroken(command: &str) -> String {
    command.replace(' ', "\u{a0}")
}

/// The text with its commands as they are typed.
pub fn copyable(text: &str) -> String {
    text.replace('\u{a0}', " ")
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
    fn times_read_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(said(0), "0 s");
        assert_eq!(said(1_540), "1.5 s");
        assert_eq!(said(45_000), "45 s");
        assert_eq!(said(250_000), "4 min 10 s");
        assert_eq!(said(7_200_000), "2 h");
        assert_eq!(said(266_400_000), "3 d 2 h");
    }

    #[test]
    fn long_words_are_not_broken() {
        assert_eq!(wrap("a bb cccccccc d", 4), ["a bb", "cccccccc", "d"]);
        assert_eq!(hang("a bb ccc dd", 7, 2), "a bb\n  ccc\n  dd");
    }
}
