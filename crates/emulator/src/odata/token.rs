//! Splits a filter's text into tokens.

use std::borrow::Cow;

use super::entity::QueryError;

/// A token that borrows from the text: a client that polls many actions by id sends thousands of
/// characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, a keyword, or a bare literal: a number, a time, a GUID.
    Word(&'a str),
    /// A text in single quotes, with doubled quotes replaced by single ones.
    Text(Cow<'a, str>),
    Open,
    Close,
    Comma,
}

/// Returns the tokens, each with the byte position at which it begins.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, QueryError> {
    // An id with its quotes and comma has 39 bytes. For a denser text the list grows.
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

/// Returns the literal at the beginning of a text, and its length in bytes with the quotes; `None`
/// if the closing quote is missing. Only a literal with a doubled quote is copied.
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
