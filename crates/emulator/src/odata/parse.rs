//! Parses the text of a filter to a [`Filter`], by recursive descent: `or`, `and`, `not`, then one
//! condition.

use svar_wire::Moment;

use super::entity::{EntityProperties, PropertyType, QueryError};
use super::filter::{Comparison, Filter, Function, Literal, lower_case};
use super::token::{Token, tokens};

/// The deepest nesting of parentheses and `not`. Chains of `and` and `or` have no limit.
const DEPTH_MAX: usize = 64;

/// Parses a filter on that entity.
///
/// # Errors
/// The text is not a valid filter. The message says what is wrong and where, like that of the
/// service's parser.
pub(super) fn filter<'a>(
    text: &'a str,
    entity: &'a EntityProperties,
) -> Result<Filter<'a>, QueryError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        entity,
    };
    let filter = parser.or(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.syntax_error("an operator or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    at: usize,
    entity: &'a EntityProperties,
}

impl<'a> Parser<'a> {
    /// Returns the next token.
    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    /// Consumes the next token.
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    /// Returns a syntax error at the next token.
    fn syntax_error(&self, expected: &str) -> QueryError {
        let position = self
            .tokens
            .get(self.at)
            .map_or(self.text.len(), |(position, _)| *position);
        QueryError::new(format!(
            "Syntax error at position {position} in '{}': expected {expected}.",
            self.text
        ))
    }

    /// Returns whether the next token is that keyword.
    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    /// Consumes the next token, which must be this one.
    fn expect(&mut self, token: &Token<'_>, expected: &str) -> Result<(), QueryError> {
        if self.peek() == Some(token) {
            self.at += 1;
            return Ok(());
        }
        Err(self.syntax_error(expected))
    }

    /// Parses conditions that are joined by `or`.
    fn or(&mut self, depth: usize) -> Result<Filter<'a>, QueryError> {
        let mut parts = vec![self.and(depth)?];
        while self.is_keyword("or") {
            self.at += 1;
            parts.push(self.and(depth)?);
        }
        Ok(single_or(parts, Filter::any_of))
    }

    /// Parses conditions that are joined by `and`.
    fn and(&mut self, depth: usize) -> Result<Filter<'a>, QueryError> {
        let mut parts = vec![self.not(depth)?];
        while self.is_keyword("and") {
            self.at += 1;
            parts.push(self.not(depth)?);
        }
        Ok(single_or(parts, Filter::And))
    }

    /// Parses a condition, possibly with `not` or in parentheses.
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
            self.expect(&Token::Close, "`)`")?;
            return Ok(inner);
        }
        self.condition()
    }

    /// Parses a comparison, a list or a function.
    fn condition(&mut self) -> Result<Filter<'a>, QueryError> {
        let Some(Token::Word(name)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.syntax_error("a property or a function"));
        };
        if self.peek() == Some(&Token::Open) {
            return self.function(name);
        }
        let (property, property_type) = self.property(name)?;
        let Some(Token::Word(operator)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.syntax_error("`eq`, `ne`, `gt`, `ge`, `lt`, `le` or `in`"));
        };
        let comparison = match operator.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            "in" => return self.list(property, property_type),
            _ => {
                self.at -= 1;
                return Err(self.syntax_error("`eq`, `ne`, `gt`, `ge`, `lt`, `le` or `in`"));
            }
        };
        if property_type == PropertyType::TextList
            && !matches!(comparison, Comparison::Eq | Comparison::Ne)
        {
            return Err(QueryError::new(format!(
                "The operator '{operator}' can't be used on the collection '{name}'."
            )));
        }
        let literal = self.literal(property_type)?;
        Ok(Filter::Compare {
            property,
            comparison,
            literal,
        })
    }

    /// Parses the rest of a condition with `in`.
    fn list(
        &mut self,
        property: usize,
        property_type: PropertyType,
    ) -> Result<Filter<'a>, QueryError> {
        self.expect(&Token::Open, "`(`")?;
        let ahead = self.tokens[self.at..].iter();
        let in_list = ahead.take_while(|(_, token)| *token != Token::Close);
        // The literals are separated by commas.
        let mut literals = Vec::with_capacity(in_list.count().div_ceil(2));
        literals.push(self.literal(property_type)?);
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            literals.push(self.literal(property_type)?);
        }
        self.expect(&Token::Close, "`,` or `)`")?;
        Ok(Filter::In { property, literals })
    }

    /// Parses the rest of a condition with a function.
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
        self.expect(&Token::Open, "`(`")?;
        let Some(Token::Word(property)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.syntax_error("a property"));
        };
        let (index, property_type) = self.property(property)?;
        if !matches!(property_type, PropertyType::Text | PropertyType::TextList) {
            return Err(QueryError::new(format!(
                "The function '{name}' can't be used on the property '{property}', which is not a text."
            )));
        }
        self.expect(&Token::Comma, "`,`")?;
        let Some(Token::Text(text)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.syntax_error("a text in single quotes"));
        };
        self.expect(&Token::Close, "`)`")?;
        // `startswith(x,'y') eq true` is a longer form of the same condition.
        let is_negated = if self.is_keyword("eq") {
            self.at += 1;
            let is_negated = self.is_keyword("false");
            if !is_negated && !self.is_keyword("true") {
                return Err(self.syntax_error("`true` or `false`"));
            }
            self.at += 1;
            is_negated
        } else {
            false
        };
        let filter = Filter::Text {
            function,
            property: index,
            text: lower_case(text),
        };
        Ok(if is_negated {
            Filter::Not(Box::new(filter))
        } else {
            filter
        })
    }

    /// Finds a property by its name.
    fn property(&self, name: &str) -> Result<(usize, PropertyType), QueryError> {
        self.entity
            .find(name)
            .ok_or_else(|| QueryError::new(format!("Could not find a property named '{name}'.")))
    }

    /// Parses a time. A `+` that was not percent-encoded has become a space, as in every query. So the
    /// offset of the time zone is a token of its own, and is joined to the time here.
    fn time(&mut self, word: &'a str) -> Option<Moment> {
        if let Ok(time) = Moment::parse(word) {
            return Some(time);
        }
        let (time_at, _) = self.tokens[self.at - 1];
        let (offset_at, offset) = match self.tokens.get(self.at) {
            Some((at, Token::Word(offset))) if is_offset(offset) => (*at, *offset),
            _ => return None,
        };
        if offset_at != time_at + word.len() + 1 {
            return None;
        }
        self.at += 1;
        Moment::parse(&format!("{word}+{offset}")).ok()
    }

    /// Parses a literal of that type.
    fn literal(&mut self, property_type: PropertyType) -> Result<Literal<'a>, QueryError> {
        let literal = match (self.next(), property_type) {
            (Some(Token::Word(word)), _) if word.eq_ignore_ascii_case("null") => {
                Some(Literal::Null)
            }
            (Some(Token::Text(text)), PropertyType::Text | PropertyType::TextList) => {
                Some(Literal::Text(text))
            }
            (Some(Token::Word(word)), PropertyType::Time) => self.time(word).map(Literal::Time),
            (Some(Token::Word(word)), PropertyType::Number) => word
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Literal::Number),
            // Ids are GUIDs or hexadecimal digits, and OData writes GUIDs without quotes.
            (Some(Token::Word(word)), PropertyType::Text) if is_guid(word) => {
                Some(Literal::Text(word.into()))
            }
            _ => None,
        };
        literal.ok_or_else(|| {
            self.at = self.at.saturating_sub(1);
            self.syntax_error(match property_type {
                PropertyType::Text | PropertyType::TextList => "a text in single quotes",
                PropertyType::Number => "a number",
                PropertyType::Time => "a time such as 2026-02-03T09:00:00Z",
            })
        })
    }
}

/// Returns whether a word is the offset of a time zone, without its sign.
fn is_offset(word: &str) -> bool {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once(':')
        .is_some_and(|(hours, minutes)| digits(hours) && digits(minutes))
}

/// Returns whether a word is a GUID with hyphens.
fn is_guid(word: &str) -> bool {
    word.len() == 36 && uuid::Uuid::try_parse(word).is_ok()
}

/// Returns the only part, or the combination of several.
fn single_or<'a>(
    mut parts: Vec<Filter<'a>>,
    many: fn(Vec<Filter<'a>>) -> Filter<'a>,
) -> Filter<'a> {
    if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        many(parts)
    }
}
