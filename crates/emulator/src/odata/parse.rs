//! Parses the text of a filter to a [`Filter`], by recursive descent: `or`, `and`, `not`, then one
//! condition.

use svar_wire::Moment;

use super::filter::{Comparison, Filter, Function, Literal, lower_case};
use super::token::{Token, tokens};
use super::{Entity, Kind, QueryError};

/// The deepest nesting of parentheses and `not`. Chains of `and` and `or` have no limit.
const DEPTH_MAX: usize = 64;

/// Parses a filter on that entity.
///
/// # Errors
/// The text is not a valid filter. The message says what is wrong and where, like that of the
/// service's parser.
pub(super) fn filter<'a>(text: &'a str, entity: &'a Entity) -> Result<Filter<'a>, QueryError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        entity,
    };
    let filter = parser.or(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.wrong("an operator or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    at: usize,
    entity: &'a Entity,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn wrong(&self, wanted: &str) -> QueryError {
        let place = self
            .tokens
            .get(self.at)
            .map_or(self.text.len(), |(place, _)| *place);
        QueryError::new(format!(
            "Syntax error at position {place} in '{}': expected {wanted}.",
            self.text
        ))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn take(&mut self, token: &Token<'_>, wanted: &str) -> Result<(), QueryError> {
        if self.peek() == Some(token) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(wanted))
    }

    fn or(&mut self, depth: usize) -> Result<Filter<'a>, QueryError> {
        let mut parts = vec![self.and(depth)?];
        while self.is_keyword("or") {
            self.at += 1;
            parts.push(self.and(depth)?);
        }
        Ok(one_or(parts, Filter::any_of))
    }

    fn and(&mut self, depth: usize) -> Result<Filter<'a>, QueryError> {
        let mut parts = vec![self.not(depth)?];
        while self.is_keyword("and") {
            self.at += 1;
            parts.push(self.not(depth)?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn not(&mut self, depth: usize) -> Result<Filter<'a>, QueryError> {
        if depth > DEPTH_MAX {
            return Err(QueryError::new(format!(
                "The recursion limit of {DEPTH_MAX} was exceeded while parsing the filter."
            )));
        }
        if self.is_keyword("not") {
            self.at += 1;
            return Ok(Filter::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or(depth + 1)?;
            self.take(&Token::Close, "`)`")?;
            return Ok(inner);
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Filter<'a>, QueryError> {
        let Some(Token::Word(name)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.wrong("a property or a function"));
        };
        if self.peek() == Some(&Token::Open) {
            return self.function(name);
        }
        let (property, kind) = self.property(name)?;
        let Some(Token::Word(operator)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.wrong("`eq`, `ne`, `gt`, `ge`, `lt`, `le` or `in`"));
        };
        let comparison = match operator.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            "in" => return self.list(property, kind),
            _ => {
                self.at -= 1;
                return Err(self.wrong("`eq`, `ne`, `gt`, `ge`, `lt`, `le` or `in`"));
            }
        };
        if kind == Kind::Texts && !matches!(comparison, Comparison::Eq | Comparison::Ne) {
            return Err(QueryError::new(format!(
                "The operator '{operator}' can't be used on the collection '{name}'."
            )));
        }
        let literal = self.literal(kind)?;
        Ok(Filter::Compare {
            property,
            comparison,
            literal,
        })
    }

    fn list(&mut self, property: usize, kind: Kind) -> Result<Filter<'a>, QueryError> {
        self.take(&Token::Open, "`(`")?;
        let ahead = self.tokens[self.at..].iter();
        let within = ahead.take_while(|(_, token)| *token != Token::Close);
        // The literals are separated by commas.
        let mut literals = Vec::with_capacity(within.count().div_ceil(2));
        literals.push(self.literal(kind)?);
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            literals.push(self.literal(kind)?);
        }
        self.take(&Token::Close, "`,` or `)`")?;
        Ok(Filter::In { property, literals })
    }

    fn function(&mut self, name: &str) -> Result<Filter<'a>, QueryError> {
        let function = match name.to_ascii_lowercase().as_str() {
            "startswith" => Function::StartsWith,
            "contains" => Function::Contains,
            "endswith" => Function::EndsWith,
            _ => {
                return Err(QueryError::new(format!(
                    "An unknown function with name '{name}' was found."
                )));
            }
        };
        self.take(&Token::Open, "`(`")?;
        let Some(Token::Word(property)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.wrong("a property"));
        };
        let (place, kind) = self.property(property)?;
        if !matches!(kind, Kind::Text | Kind::Texts) {
            return Err(QueryError::new(format!(
                "The function '{name}' needs a text, and '{property}' is none."
            )));
        }
        self.take(&Token::Comma, "`,`")?;
        let Some(Token::Text(text)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.wrong("a text in single quotes"));
        };
        self.take(&Token::Close, "`)`")?;
        // `startswith(x,'y') eq true` is a longer form of the same condition.
        let mut wanted = true;
        if self.is_keyword("eq") {
            self.at += 1;
            wanted = if self.is_keyword("true") {
                true
            } else if self.is_keyword("false") {
                false
            } else {
                return Err(self.wrong("`true` or `false`"));
            };
            self.at += 1;
        }
        let filter = Filter::Text {
            function,
            property: place,
            text: lower_case(text),
        };
        Ok(if wanted {
            filter
        } else {
            Filter::Not(Box::new(filter))
        })
    }

    fn property(&self, name: &str) -> Result<(usize, Kind), QueryError> {
        self.entity
            .find(name)
            .ok_or_else(|| QueryError::new(format!("Could not find a property named '{name}'.")))
    }

    /// Parses a time. A plus that was sent without encoding is decoded to a space, as in every
    /// query, which separates the offset from the time.
    fn time(&mut self, word: &'a str) -> Option<Moment> {
        if let Ok(time) = Moment::parse(word) {
            return Some(time);
        }
        let place = self.tokens[self.at - 1].0;
        let (offset_at, offset) = match self.tokens.get(self.at) {
            Some((at, Token::Word(offset))) if is_offset(offset) => (*at, *offset),
            _ => return None,
        };
        if offset_at != place + word.len() + 1 {
            return None;
        }
        self.at += 1;
        Moment::parse(&format!("{word}+{offset}")).ok()
    }

    fn literal(&mut self, kind: Kind) -> Result<Literal<'a>, QueryError> {
        let literal = match (self.next(), kind) {
            (Some(Token::Word(word)), _) if word.eq_ignore_ascii_case("null") => {
                Some(Literal::Null)
            }
            (Some(Token::Text(text)), Kind::Text | Kind::Texts) => Some(Literal::Text(text)),
            (Some(Token::Word(word)), Kind::Time) => self.time(word).map(Literal::Time),
            (Some(Token::Word(word)), Kind::Number) => word
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Literal::Number),
            // Ids are GUIDs or hexadecimal digits, and OData writes GUIDs without quotes.
            (Some(Token::Word(word)), Kind::Text) if is_guid(word) => {
                Some(Literal::Text(word.into()))
            }
            (None, _) => None,
            _ => None,
        };
        literal.ok_or_else(|| {
            self.at = self.at.saturating_sub(1);
            self.wrong(match kind {
                Kind::Text | Kind::Texts => "a text in single quotes",
                Kind::Number => "a number",
                Kind::Time => "a time such as 2026-02-03T09:00:00Z",
            })
        })
    }
}

/// Checks whether a word is the offset of a time zone, without its sign.
fn is_offset(word: &str) -> bool {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once(':')
        .is_some_and(|(hours, minutes)| digits(hours) && digits(minutes))
}

fn is_guid(word: &str) -> bool {
    word.len() == 36 && uuid::Uuid::try_parse(word).is_ok()
}

fn one_or<'a>(mut parts: Vec<Filter<'a>>, many: fn(Vec<Filter<'a>>) -> Filter<'a>) -> Filter<'a> {
    if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        many(parts)
    }
}
