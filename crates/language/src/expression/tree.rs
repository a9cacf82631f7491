//! Syntax tree of an expression, with the byte range of every node.
//!
//! minijinja's own tree borrows from its text, and is not a stable interface.

use std::ops::Range;

use serde_json::Value;

/// An expression, with its range in the template's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) range: Range<usize>,
    pub(super) node: ExpressionNode,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExpressionNode {
    /// A name at the outermost level.
    Name(String),
    Constant(Value),
    /// `value.name`, or `value['name']`.
    Field {
        value: Box<Tree>,
        name: Identifier,
    },
    /// `value[key]` with a key that is not a constant text.
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

/// Name of a field, filter or test, with its place. The range of `['name']` includes the quotes.
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
    /// Calls `visit` with every node, parents first, from left to right. If it returns `false`, the
    /// children of the node are skipped.
    pub(super) fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Tree) -> bool) {
        if !visit(self) {
            return;
        }
        match &self.node {
            ExpressionNode::Name(_) | ExpressionNode::Constant(_) => {}
            ExpressionNode::Field { value, .. }
            | ExpressionNode::Not(value)
            | ExpressionNode::Negate(value) => value.walk(visit),
            ExpressionNode::Item { value, key } => {
                value.walk(visit);
                key.walk(visit);
            }
            ExpressionNode::Slice {
                value,
                bounds: args,
            }
            | ExpressionNode::Filter { value, args, .. }
            | ExpressionNode::Test { value, args, .. }
            | ExpressionNode::Call {
                callee: value,
                args,
            } => {
                value.walk(visit);
                args.iter().for_each(|arg| arg.walk(visit));
            }
            ExpressionNode::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            ExpressionNode::Comparison { first, rest } => {
                first.walk(visit);
                rest.iter().for_each(|(_, tree)| tree.walk(visit));
            }
            ExpressionNode::Conditional { test, yes, no } => {
                yes.walk(visit);
                test.walk(visit);
                if let Some(no) = no {
                    no.walk(visit);
                }
            }
            ExpressionNode::List(items) => items.iter().for_each(|item| item.walk(visit)),
            ExpressionNode::Map(entries) => {
                for (key, value) in entries {
                    key.walk(visit);
                    value.walk(visit);
                }
            }
        }
    }

    /// Returns the range of the smallest node that contains these bytes. minijinja reports only the last
    /// bytes of `a.b.c`.
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

    /// Returns the path of the node if it is a name or a field of a path: `["steps", "a", "json"]` for
    /// `steps.a.json`.
    pub(super) fn path(&self) -> Option<Vec<&str>> {
        match &self.node {
            ExpressionNode::Name(name) => Some(vec![name]),
            ExpressionNode::Field { value, name } => {
                let mut path = value.path()?;
                path.push(&name.text);
                Some(path)
            }
            _ => None,
        }
    }
}
