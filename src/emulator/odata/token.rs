//! Cuts a filter's text into words, literals and signs.

use super::QueryError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword, or a bare literal: a number, a time, a GUID.
    Word(String),
    /// A text in single quotes, undoubled.
    Text(String),
    Open,
    Close,
    Comma,
}

/// The tokens with the character position each begins at.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut out = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        let token = match character {
            ' ' | '\t' | '\r' | '\n' => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let mut literal = String::new();
                loop {
                    match rest.next() {
                        None => {
                            return Err(QueryError::new(format!(
                                "There is an unterminated string literal at position {at} in '{text}'."
                            )));
                        }
                        Some((_, '\'')) if rest.peek().is_some_and(|(_, next)| *next == '\'') => {
                            rest.next();
                            literal.push('\'');
                        }
                        Some((_, '\'')) => break Token::Text(literal),
                        Some((_, other)) => literal.push(other),
                    }
                }
            }
            other if is_word(other) => {
                let mut word = String::from(other);
                while let Some((_, next)) = rest.peek().filter(|(_, next)| is_word(*next)) {
                    word.push(*next);
                    rest.next();
                }
                Token::Word(word)
            }
            other => {
                return Err(QueryError::new(format!(
                    "Syntax error: character '{}' is not valid at position {at} in '{text}'.",
                    other.escape_debug()
                )));
            }
        };
        out.push((at, token));
    }
    Ok(out)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':' | '/' | '@')
}
