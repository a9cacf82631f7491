//! Cuts a filter's text into words, literals and signs.

use std::borrow::Cow;

use super::QueryError;

/// A token, borrowed from the text: what polls many actions by id sends thousands of characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, a keyword, or a bare literal: a number, a time, a GUID.
    Word(&'a str),
    /// A text in single quotes, undoubled.
    Text(Cow<'a, str>),
    Open,
    Close,
    Comma,
}

/// The tokens with the place, in bytes, each begins at.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, QueryError> {
    // A literal of an id with its comma has 39 bytes; what is written more densely makes the list grow.
    let mut out = Vec::with_capacity(text.len() / 16 + 8);
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match character {
            ' ' | '\t' | '\r' | '\n' => {
                at += 1;
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '\'' => {
                let (literal, length) = quoted(rest).ok_or_else(|| {
                    QueryError::new(format!(
                        "There is an unterminated string literal at position {at} in '{text}'."
                    ))
                })?;
                (Token::Text(literal), length)
            }
            other if is_word(other) => {
                let length = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            }
            other => {
                return Err(QueryError::new(format!(
                    "Syntax error: character '{}' is not valid at position {at} in '{text}'.",
                    other.escape_debug()
                )));
            }
        };
        out.push((at, token));
        at += length;
    }
    Ok(out)
}

/// The literal that a text begins with, and how many bytes it takes with its quotes; none if it has no
/// end. Only a literal with a doubled quote needs memory of its own.
fn quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut literal = Cow::Borrowed("");
    let mut at = 1;
    loop {
        let part = &text[at..];
        let end = part.find('\'')?;
        literal += &part[..end];
        at += end + 1;
        if !text[at..].starts_with('\'') {
            return Some((literal, at));
        }
        literal += "'";
        at += 1;
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':' | '/' | '@' | '+')
}
