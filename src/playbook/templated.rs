//! Values that may be written as templates, and values of any form.
//!
//! A template can't be taken for a value by mistake: they are different cases of one type.

use crate::yaml::{NodeId, Spanned};

/// A value, or a text with at least one `${{ }}` that will become one.
#[derive(Debug, Clone, PartialEq)]
pub enum Templated<T> {
    /// Written out.
    Value(Spanned<T>),
    /// To be evaluated; the text as decoded from YAML.
    Template(Spanned<String>),
}

impl<T> Templated<T> {
    /// Where it stands.
    pub fn node(&self) -> NodeId {
        match self {
            Templated::Value(value) => value.node,
            Templated::Template(text) => text.node,
        }
    }

    /// The value, where it is written out.
    pub fn value(&self) -> Option<&T> {
        match self {
            Templated::Value(value) => Some(&value.value),
            Templated::Template(_) => None,
        }
    }

    /// The text to evaluate, where it is a template.
    pub fn template(&self) -> Option<&str> {
        match self {
            Templated::Value(_) => None,
            Templated::Template(text) => Some(&text.value),
        }
    }
}

/// What `when` holds: `true`, `false`, or an expression. As in other workflow languages the
/// `${{ }}` around the expression may be left out: `when: target.family == 'windows'`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Always, or never.
    Value(Spanned<bool>),
    /// The text as decoded from YAML. With a `${{` in it, it is a template; without one, the whole
    /// text is one expression.
    Expression(Spanned<String>),
}

impl Condition {
    /// Where it stands.
    pub fn node(&self) -> NodeId {
        match self {
            Condition::Value(value) => value.node,
            Condition::Expression(text) => text.node,
        }
    }
}

/// A value of any form, a scalar, list or map, with templates anywhere inside. It is read in the
/// [`Document`](crate::yaml::Document), where numbers keep their text and everything its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The node.
    pub node: NodeId,
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Several<T>(pub Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Several(Vec::new())
    }
}

impl<T> std::ops::Deref for Several<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}
