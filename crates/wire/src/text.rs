//! Formatting that all crates share: counts, lists, durations, sizes, and escaping of untrusted text.
//!
//! Each kind of value has one notation in the whole tool: `6,000 devices`, `5m24s`, `4.2 kB`, `` `a`, `b` or `c` ``.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the text with invisible characters and terminal control codes replaced by their code, such as
/// `<U+001B>`: control characters (line feeds and tabs too), zero-width spaces and direction marks.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) {
        let mut shown = String::with_capacity(text.len() + 16);
        for character in text.chars() {
            push_visible(&mut shown, character);
        }
        Cow::Owned(shown)
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends a character as [`visible`] shows it.
pub fn push_visible(text: &mut String, character: char) {
    if is_hidden(character) {
        // Writing into a string can't fail.
        let _ = write!(text, "<U+{:04X}>", u32::from(character));
    } else {
        text.push(character);
    }
}

/// Returns whether a character is a control character, a direction mark, a joiner or a zero-width space.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Returns untrusted text as one line that is safe to print: runs of white space become one space,
/// hidden characters are made visible, and text longer than `letters_max` characters is cut and ends
/// in `…`.
pub fn one_line(text: &str, letters_max: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            push_visible(&mut line, character);
        }
        if let Some((end, _)) = line.char_indices().nth(letters_max) {
            let keep = line[..end].char_indices().last().map_or(0, |(at, _)| at);
            line.truncate(keep);
            line.push('…');
            return line;
        }
    }
    line
}

/// Returns a number with its noun: `1 device`, `6,000 devices`, `2 entries`.
pub fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    if number == N::from(1) {
        return format!("1 {noun}");
    }
    let number = grouped(number);
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{number} {stem}ies"),
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") || noun.ends_with("sh") => {
            format!("{number} {noun}es")
        }
        _ => format!("{number} {noun}s"),
    }
}

/// Returns a whole number with commas between groups of three digits: `1,234,567`.
pub fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the items joined by commas, with `word` before the last one: `a`, `a or b`, `a, b or c` for
/// `or`. Returns an empty string if there are no items.
pub fn list<T: Display>(items: impl IntoIterator<Item = T>, word: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}

/// Returns a duration in its two largest units, rounded down: `0s`, `1.5s`, `45s`, `4m10s`, `2h5m`,
/// `3d2h`. Tenths of a second are shown below ten seconds only.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let two_units = |large: u64, large_unit: char, small: u64, small_unit: char| match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match seconds {
        0..10 if time.subsec_millis() >= 100 => {
            format!("{seconds}.{}s", time.subsec_millis() / 100)
        }
        0..60 => format!("{seconds}s"),
        60..3_600 => two_units(seconds / 60, 'm', seconds % 60, 's'),
        3_600..86_400 => two_units(seconds / 3_600, 'h', seconds % 3_600 / 60, 'm'),
        _ => two_units(seconds / 86_400, 'd', seconds % 86_400 / 3_600, 'h'),
    }
}

/// Returns a number of bytes in a readable unit: `812 B`, `4.2 kB`, `1.5 GB` (powers of 1,000).
pub fn bytes(size: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    units
        .into_iter()
        .find(|(_, unit)| size as f64 >= *unit)
        .map_or_else(
            || format!("{size} B"),
            |(name, unit)| format!("{:.1} {name}", size as f64 / unit),
        )
}

/// Returns the width of the text in terminal columns.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Returns the text cut to at most `columns_max` columns. A cut text ends in `mark`, which is included
/// in the width.
pub fn cut(text: &str, columns_max: usize, mark: &str) -> String {
    if text.width() <= columns_max {
        return text.to_owned();
    }
    let mut left = columns_max.saturating_sub(mark.width());
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

/// Returns the text padded with spaces to `columns` columns.
pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Returns the text wrapped at spaces to at most `columns` columns. All lines but the first one are
/// indented by `indent`; the first line starts in column `first_indent`.
///
/// Code in backticks stays on one line, so that it can be copied, and a word longer than a line is not
/// broken. An unclosed backtick is an ordinary character.
pub fn wrap(text: &str, columns: usize, first_indent: usize, indent: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut column = first_indent;
    let mut is_first = true;
    for word in words(text) {
        let length = word.width();
        if !is_first && column + 1 + length > columns {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !is_first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        is_first = false;
    }
    out
}

/// Splits the text at spaces that are not inside backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut left = text.matches('`').count();
    let mut in_code = false;
    text.split(move |character: char| {
        if character == '`' {
            left -= 1;
            in_code = !in_code && left > 0;
        }
        character == ' ' && !in_code
    })
    .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_becomes_one_safe_line() {
        assert_eq!(
            one_line("\u{1b}[2J\u{1b}]0;x\u{7}hello\r\n\tworld \u{202e}!", 300),
            "<U+001B>[2J<U+001B>]0;x<U+0007>hello world <U+202E>!"
        );
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(one_line("abcd", 3), "ab…");
        assert_eq!(one_line(&"a b ".repeat(200), 300).chars().count(), 300);
        assert_eq!(visible("plain"), "plain");
    }

    #[test]
    fn counts_group_their_thousands_and_know_their_plural() {
        assert_eq!(count(0_usize, "device"), "0 devices");
        assert_eq!(count(1_u64, "device"), "1 device");
        assert_eq!(count(1_234_567_u32, "device"), "1,234,567 devices");
        assert_eq!(count(2_u64, "entry"), "2 entries");
        assert_eq!(count(2_u64, "day"), "2 days");
        assert_eq!(count(2_u64, "process"), "2 processes");
        assert_eq!(grouped(-1_000), "-1,000");
        assert_eq!(grouped(-100_000), "-100,000");
    }

    #[test]
    fn lists_end_in_their_word() {
        assert_eq!(list(["a"; 0], "or"), "");
        assert_eq!(list(["a"], "or"), "a");
        assert_eq!(list(["a", "b"], "and"), "a and b");
        assert_eq!(list(["a", "b", "c"], "or"), "a, b or c");
    }

    #[test]
    fn durations_have_one_notation() {
        let told = |millis| duration(Duration::from_millis(millis));
        assert_eq!(told(0), "0s");
        assert_eq!(told(40), "0s");
        assert_eq!(told(1_540), "1.5s");
        assert_eq!(told(9_990), "9.9s");
        assert_eq!(told(45_900), "45s");
        assert_eq!(told(250_000), "4m10s");
        assert_eq!(told(7_200_000), "2h");
        assert_eq!(told(13_173_000), "3h39m");
        assert_eq!(told(266_400_000), "3d2h");
    }

    #[test]
    fn sizes_take_the_greatest_unit() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(4_200), "4.2 kB");
        assert_eq!(bytes(1_500_000_000), "1.5 GB");
    }

    #[test]
    fn wrapping_keeps_code_and_long_words_whole() {
        assert_eq!(wrap("a bb cccccccc d", 4, 0, 0), "a bb\ncccccccc\nd");
        assert_eq!(
            wrap("run `svar show --runs x` now", 12, 0, 2),
            "run\n  `svar show --runs x`\n  now"
        );
        assert_eq!(wrap("a bb ccc dd", 7, 3, 2), "a bb\n  ccc\n  dd");
        assert_eq!(wrap("a `b c` `dd ee", 7, 0, 0), "a `b c`\n`dd ee");
    }

    #[test]
    fn cutting_and_padding_count_columns() {
        assert_eq!(cut("日本語", 5, "…"), "日本…");
        assert_eq!(pad("日", 4), "日  ");
    }
}
