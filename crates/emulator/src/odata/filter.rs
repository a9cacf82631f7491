//! A parsed filter and its evaluation for a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use svar_wire::Moment;

/// A property's value, borrowed from its row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Number(f64),
    Time(Moment),
    Text(Cow<'a, str>),
    Texts(&'a [String]),
}

/// An entry of a list, with its properties.
pub(crate) trait Row {
    /// Returns the value of the property at that index of the entity's list.
    fn value(&self, property: usize) -> Value<'_>;
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A function on a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    StartsWith,
    Contains,
    EndsWith,
}

/// A literal of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal<'a> {
    Null,
    Number(f64),
    Time(Moment),
    Text(Cow<'a, str>),
}

impl Literal<'_> {
    /// Returns the text of a text literal.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value that the literal stands for.
    fn value(&self) -> Value<'_> {
        match self {
            Literal::Null => Value::Null,
            Literal::Number(number) => Value::Number(*number),
            Literal::Time(time) => Value::Time(*time),
            Literal::Text(text) => Value::Text((&**text).into()),
        }
    }
}

/// A condition on rows. Its literals borrow from the filter's text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter<'a> {
    Compare {
        property: usize,
        comparison: Comparison,
        literal: Literal<'a>,
    },
    In {
        property: usize,
        literals: Vec<Literal<'a>>,
    },
    Text {
        function: Function,
        property: usize,
        /// The text, with ASCII letters in lower case.
        text: Cow<'a, str>,
    },
    Not(Box<Filter<'a>>),
    And(Vec<Filter<'a>>),
    Or(Vec<Filter<'a>>),
}

impl<'a> Filter<'a> {
    /// Returns whether a row passes.
    pub(crate) fn passes(&self, row: &dyn Row) -> bool {
        match self {
            Filter::Compare {
                property,
                comparison,
                literal,
            } => holds(&row.value(*property), *comparison, literal),
            Filter::In { property, literals } => {
                let value = row.value(*property);
                literals
                    .iter()
                    .any(|literal| holds(&value, Comparison::Eq, literal))
            }
            Filter::Text {
                function,
                property,
                text,
            } => match row.value(*property) {
                Value::Text(value) => function.holds(&value, text),
                Value::Texts(values) => values.iter().any(|value| function.holds(value, text)),
                _ => false,
            },
            Filter::Not(inner) => !inner.passes(row),
            Filter::And(parts) => parts.iter().all(|part| part.passes(row)),
            Filter::Or(parts) => parts.iter().any(|part| part.passes(row)),
        }
    }

    /// Returns the indexes of all properties in the filter.
    pub(crate) fn properties(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Filter::Compare { property, .. }
            | Filter::In { property, .. }
            | Filter::Text { property, .. } => Box::new(std::iter::once(*property)),
            Filter::Not(inner) => inner.properties(),
            Filter::And(parts) | Filter::Or(parts) => {
                Box::new(parts.iter().flat_map(Filter::properties))
            }
        }
    }

    /// Returns the property and the literals of which it has to equal one, if the condition
    /// consists of nothing else.
    pub(crate) fn equals(&self) -> Option<(usize, &[Literal<'a>])> {
        match self {
            Filter::Compare {
                property,
                comparison: Comparison::Eq,
                literal,
            } => Some((*property, std::slice::from_ref(literal))),
            Filter::In { property, literals } => Some((*property, literals)),
            _ => None,
        }
    }

    /// Combines conditions of which one must hold. A chain that compares one property for equality
    /// is a longer form of `in`, and is replaced by it.
    pub(super) fn any_of(parts: Vec<Filter<'a>>) -> Filter<'a> {
        let first = parts.first().and_then(Filter::equals);
        let same = |part: &Filter<'a>| part.equals().map(|(property, _)| property);
        match first.map(|(property, _)| property) {
            Some(property) if parts.iter().all(|part| same(part) == Some(property)) => Filter::In {
                property,
                literals: (parts.iter().filter_map(Filter::equals))
                    .flat_map(|(_, literals)| literals.iter().cloned())
                    .collect(),
            },
            _ => Filter::Or(parts),
        }
    }

    /// Returns the parts that must all hold.
    pub(crate) fn conjuncts(&self) -> &[Filter<'a>] {
        match self {
            Filter::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}

/// Returns whether a comparison holds.
fn holds(value: &Value<'_>, comparison: Comparison, literal: &Literal<'_>) -> bool {
    if let (Value::Texts(values), Literal::Text(text)) = (value, literal) {
        let found = values.iter().any(|value| value.eq_ignore_ascii_case(text));
        return found == (comparison == Comparison::Eq);
    }
    let other = literal.value();
    if *value == Value::Null || other == Value::Null {
        // Null equals null, and is neither above nor below any value.
        return match comparison {
            Comparison::Eq => *value == other,
            Comparison::Ne => *value != other,
            _ => false,
        };
    }
    let order = compare(value, &other);
    match comparison {
        Comparison::Eq => order == Ordering::Equal,
        Comparison::Ne => order != Ordering::Equal,
        Comparison::Gt => order == Ordering::Greater,
        Comparison::Ge => order != Ordering::Less,
        Comparison::Lt => order == Ordering::Less,
        Comparison::Le => order != Ordering::Greater,
    }
}

/// Compares two values of the same kind. Null comes first. Texts are compared without regard to
/// ASCII case (our choice: names and ids are in lower case, enum values are not).
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Number(left), Value::Number(right)) => left.total_cmp(right),
        (Value::Time(left), Value::Time(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => {
            let lower = |byte: u8| byte.to_ascii_lowercase();
            left.bytes().map(lower).cmp(right.bytes().map(lower))
        }
        (Value::Texts(left), Value::Texts(right)) => left.cmp(right),
        // The parser accepts only comparisons of values of the same kind.
        _ => Ordering::Equal,
    }
}

impl Function {
    /// Returns whether the function holds for a value and a text in lower case. ASCII case is ignored.
    fn holds(self, value: &str, text: &str) -> bool {
        let (bytes, expected) = (value.as_bytes(), text.as_bytes());
        let is_same =
            |part: Option<&[u8]>| part.is_some_and(|part| part.eq_ignore_ascii_case(expected));
        // Comparing bytes is correct for UTF-8: no character begins in the middle of another.
        match self {
            Function::StartsWith => is_same(bytes.get(..expected.len())),
            Function::Contains => lower_case(Cow::Borrowed(value)).contains(text),
            Function::EndsWith => {
                let from = bytes.len().checked_sub(expected.len());
                is_same(from.map(|from| &bytes[from..]))
            }
        }
    }
}

/// Converts ASCII letters to lower case. A text without capitals, as most are, is not copied.
pub(super) fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    // The loop has no early exit, so that it compiles to few instructions for many bytes.
    let has_capital = (text.bytes()).fold(false, |so_far, byte| so_far | byte.is_ascii_uppercase());
    if has_capital {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        text
    }
}
