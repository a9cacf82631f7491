//! An expression as a tree of our own, with the byte range of every part.
//!
//! The parser's tree borrows from its text and is free to change with every release; this one is
//! what type checking and the search for names walk.

use std::ops::Range;

use serde_json::Value;

/// An expression. Ranges are in the template's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) range: Range<usize>,
    pub(super) node: Node,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A name at the outermost level.
    Name(String),
    Constant(Value),
    /// `value.name`, or `value['name']`.
    Field {
        value: Box<Tree>,
        name: Identifier,
    },
    /// `value[key]` where the key is no constant text.
    Item {
        value: Box<Tree>,
        key: Box<Tree>,
    },
    Slice {
        value: Box<Tree>,
        bounds: Vec<Tree>,
    },
    Not(Box<Tree>),
    Negate(Box<Tree>),
    Binary {
        op: Operator,
        left: Box<Tree>,
        right: Box<Tree>,
    },
    /// `1 < x <= 5`.
    Comparison {
        first: Box<Tree>,
        rest: Vec<(Operator, Tree)>,
    },
    Conditional {
        test: Box<Tree>,
        yes: Box<Tree>,
        no: Option<Box<Tree>>,
    },
    Filter {
        name: Identifier,
        value: Box<Tree>,
        args: Vec<Tree>,
    },
    Test {
        name: Identifier,
        value: Box<Tree>,
        args: Vec<Tree>,
    },
    Call {
        callee: Box<Tree>,
        args: Vec<Tree>,
    },
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

/// A word with its place: the name of a field, filter or test. The range of `['name']` holds the
/// quotes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Identifier {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concat,
    In,
    NotIn,
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::And => "and",
            Operator::Or => "or",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::FloorDivide => "//",
            Operator::Remainder => "%",
            Operator::Power => "**",
            Operator::Concat => "~",
            Operator::In => "in",
            Operator::NotIn => "not in",
        }
    }
}

impl Tree {
    /// Calls `visit` with every part, outer ones first, left ones first. Where it answers `false`,
    /// what lies inside is passed over.
    pub(super) fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Tree) -> bool) {
        if !visit(self) {
            return;
        }
        match &self.node {
            Node::Name(_) | Node::Constant(_) => {}
            Node::Field { value, .. } | Node::Not(value) | Node::Negate(value) => value.walk(visit),
            Node::Item { value, key } => {
                value.walk(visit);
                key.walk(visit);
            }
            Node::Slice {
                value,
                bounds: args,
            }
            | Node::Filter { value, args, .. }
            | Node::Test { value, args, .. }
            | Node::Call {
                callee: value,
                args,
            } => {
                value.walk(visit);
                args.iter().for_each(|arg| arg.walk(visit));
            }
            Node::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            Node::Comparison { first, rest } => {
                first.walk(visit);
                rest.iter().for_each(|(_, tree)| tree.walk(visit));
            }
            Node::Conditional { test, yes, no } => {
                yes.walk(visit);
                test.walk(visit);
                if let Some(no) = no {
                    no.walk(visit);
                }
            }
            Node::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Node::Map(entries) => {
                for (key, value) in entries {
                    key.walk(visit);
                    value.walk(visit);
                }
            }
        }
    }

    /// Returns the range of the smallest part that holds these bytes: minijinja knows only the
    /// last bytes of `a.b.c`.
    pub(super) fn smallest_around(&self, range: &Range<usize>) -> Range<usize> {
        let mut found = self.range.clone();
        self.walk(&mut |part| {
            let around = part.range.start <= range.start && range.end <= part.range.end;
            if around {
                found = part.range.clone();
            }
            around
        });
        found
    }

    /// Returns the names from the outermost level to this part, if it is nothing but fields of
    /// fields: `steps.a.json` gives `["steps", "a", "json"]`.
    pub(super) fn path(&self) -> Option<Vec<&str>> {
        match &self.node {
            Node::Name(name) => Some(vec![name]),
            Node::Field { value, name } => {
                let mut path = value.path()?;
                path.push(&name.text);
                Some(path)
            }
            _ => None,
        }
    }
}
