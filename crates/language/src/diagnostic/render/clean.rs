//! Characters that must not reach a terminal as they are.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything made visible that would act on a terminal or hide in it: control
/// characters, escape codes, marks that turn the direction of writing. Line feeds and tabs too.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        let mut cleaned = String::with_capacity(text.len() + 16);
        for character in text.chars() {
            push_visible(&mut cleaned, character);
        }
        Cow::Owned(cleaned)
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends a character as it is shown.
pub(super) fn push_visible(text: &mut String, character: char) {
    if is_unsafe(character) {
        // Writing into a string can't fail.
        let _ = write!(text, "<U+{:04X}>", character as u32);
    } else {
        text.push(character);
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// Marks of direction, joiners and spaces without width: they change what a reader sees.
fn is_invisible(character: char) -> bool {
    matches!(
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
