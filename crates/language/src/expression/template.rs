//! Templates: texts with expressions in them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::convert::to_text;
use super::error::{ExpressionError, ExpressionErrorKind};
use super::evaluate::{FALLBACK, Program, Scope, TEXT_MAX};
use super::parse::{ExpressionSyntax, find_end, parse, whitespace_control_error};
use super::tree::{ExpressionNode, Tree};
use super::type_check;
use super::types::{ExpectedType, Type};

const OPEN: &str = "${{";

/// A parsed template. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

#[derive(Debug)]
enum Part {
    Raw(Range<usize>),
    Expression(Box<Expression>),
}

#[derive(Debug)]
struct Expression {
    /// Bytes between the delimiters.
    inner: Range<usize>,
    tree: Tree,
    /// Compiled when it is first evaluated; checking does not need it.
    program: OnceLock<Result<Program, ExpressionError>>,
}

/// A use of a name in an expression, with the fields that are read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// Path from the root: `["steps", "collect", "exit"]`.
    pub path: Vec<String>,
    /// Bytes of the whole path.
    pub range: Range<usize>,
}

/// Value of one expression of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluatedExpression {
    /// Bytes of the expression.
    pub range: Range<usize>,
    /// Names that it uses.
    pub names: Vec<NameUse>,
    /// Value.
    pub value: Value,
}

impl Template {
    /// Returns whether a text contains a template.
    pub fn is_in(text: &str) -> bool {
        text.contains(OPEN)
    }

    /// Parses a text with any number of `${{ }}`, including none.
    ///
    /// # Errors
    /// All syntax errors in the text.
    pub fn parse(text: &str) -> Result<Template, Vec<ExpressionError>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let start = at + found;
            push_raw(text, at..start, &mut parts, &mut errors);
            let inner = start + OPEN.len();
            let part = match text.as_bytes().get(inner) {
                Some(b'-' | b'+') => Err(whitespace_control_error(inner..inner + 1)),
                _ => find_end(text, inner, ExpressionSyntax::Delimited).and_then(|end| {
                    at = end.outer;
                    Part::parse(text, inner..end.inner)
                }),
            };
            match part {
                Ok(part) => parts.push(part),
                Err(error) => {
                    errors.push(error);
                    // Continue after the next `}}` to find further errors.
                    if at <= start {
                        at = text[inner..]
                            .find("}}")
                            .map_or(text.len(), |end| inner + end + 2);
                    }
                }
            }
        }
        push_raw(text, at..text.len(), &mut parts, &mut errors);
        if errors.is_empty() {
            Ok(Template {
                text: text.into(),
                parts: parts.into(),
            })
        } else {
            Err(errors)
        }
    }

    /// Parses a text that is one expression without delimiters, as `when` allows.
    ///
    /// # Errors
    /// The syntax error in the text.
    pub fn parse_expression(text: &str) -> Result<Template, Vec<ExpressionError>> {
        find_end(text, 0, ExpressionSyntax::Bare)
            .and_then(|end| Part::parse(text, 0..end.inner))
            .map(|part| Template {
                text: text.into(),
                parts: Arc::new([part]),
            })
            .map_err(|error| vec![error])
    }

    /// Returns the text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether it is a single expression without other text, so that its value keeps its type.
    /// Trailing line breaks, as block scalars have them, are allowed.
    pub fn is_one_expression(&self) -> bool {
        self.single().is_some()
    }

    fn single(&self) -> Option<&Expression> {
        match &*self.parts {
            [Part::Expression(one)] => Some(one),
            [Part::Expression(one), Part::Raw(rest)]
                if self.text[rest.clone()].bytes().all(|byte| byte == b'\n') =>
            {
                Some(one)
            }
            _ => None,
        }
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Raw(_) => None,
            Part::Expression(expression) => Some(&**expression),
        })
    }

    /// Returns all uses of names, in order. The path of a name ends before a computed key, and then stands
    /// for everything below it.
    pub fn names(&self) -> Vec<NameUse> {
        let mut names = Vec::new();
        for expression in self.expressions() {
            expression.names(&mut names);
        }
        names
    }

    /// Checks it against the types of the visible names and the expected type of its value.
    pub fn check(&self, visible: &Type, wanted: ExpectedType) -> Vec<ExpressionError> {
        let mut errors = Vec::new();
        let single = self.single().is_some();
        for expression in self.expressions() {
            let before = errors.len();
            let kind = type_check::infer(&self.text, &expression.tree, visible, &mut errors);
            // The type of an expression with errors is not known.
            if errors.len() > before {
                continue;
            }
            let wanted = if single { wanted } else { ExpectedType::Text };
            if !wanted.accepts(&kind) {
                errors.push(type_check::wrong_type_error(
                    &self.text,
                    &expression.tree,
                    &kind,
                    wanted,
                ));
            }
        }
        errors
    }

    /// Returns the type of its value, as far as it is known; text unless it is a single expression.
    pub fn kind(&self, visible: &Type) -> Type {
        match self.single() {
            Some(one) => type_check::infer(&self.text, &one.tree, visible, &mut Vec::new()),
            None => Type::Text,
        }
    }

    /// Evaluates each expression by itself. Expressions that cannot be evaluated are left out.
    pub fn values(&self, scope: &Scope) -> Vec<EvaluatedExpression> {
        self.expressions()
            .filter_map(|expression| {
                let value = expression.evaluate(&self.text, scope).ok()?;
                let mut names = Vec::new();
                expression.names(&mut names);
                Some(EvaluatedExpression {
                    range: expression.tree.range.clone(),
                    names,
                    value,
                })
            })
            .collect()
    }

    /// Evaluates it. The value of a single expression keeps its type; otherwise the result is text.
    ///
    /// # Errors
    /// An expression cannot be evaluated with the values of the scope: a name without a value, a list
    /// inside a text, an operation that its values do not support.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        if let Some(one) = self.single() {
            return one.evaluate(&self.text, scope);
        }
        let mut text = String::with_capacity(self.text.len() * 2);
        for part in &*self.parts {
            match part {
                Part::Raw(range) => text.push_str(&self.text[range.clone()]),
                Part::Expression(expression) => {
                    let range = || expression.tree.range.clone();
                    let value = expression.evaluate(&self.text, scope)?;
                    text.push_str(&to_text(&value).map_err(|error| {
                        let message = error.to_string();
                        let error =
                            ExpressionError::new(ExpressionErrorKind::Evaluation, range(), message);
                        match value {
                            Value::Null => error.help(FALLBACK),
                            _ => error,
                        }
                    })?);
                    if text.len() > TEXT_MAX {
                        let why = "the text is longer than 1 MiB";
                        return Err(ExpressionError::new(
                            ExpressionErrorKind::Evaluation,
                            range(),
                            why,
                        ));
                    }
                }
            }
        }
        Ok(Value::String(text))
    }
}

impl Part {
    fn parse(text: &str, inner: Range<usize>) -> Result<Part, ExpressionError> {
        let tree = parse(text, inner.clone())?;
        Ok(Part::Expression(Box::new(Expression {
            inner,
            tree,
            program: OnceLock::new(),
        })))
    }
}

impl Expression {
    fn names(&self, names: &mut Vec<NameUse>) {
        self.tree.walk(&mut |tree| match tree.path() {
            Some(path) => {
                names.push(NameUse {
                    path: path.into_iter().map(str::to_owned).collect(),
                    range: tree.range.clone(),
                });
                false
            }
            None => true,
        });
    }

    fn evaluate(&self, text: &str, scope: &Scope) -> Result<Value, ExpressionError> {
        if let ExpressionNode::Constant(value) = &self.tree.node {
            return Ok(value.clone());
        }
        self.program
            .get_or_init(|| Program::new(text, self.inner.clone(), &self.tree))
            .as_ref()
            .map_err(Clone::clone)?
            .evaluate(scope, &self.tree)
    }
}

/// Adds the text between two expressions. A statement in it is an error: it would be sent literally.
fn push_raw(
    text: &str,
    range: Range<usize>,
    parts: &mut Vec<Part>,
    errors: &mut Vec<ExpressionError>,
) {
    if range.is_empty() {
        return;
    }
    let raw = &text[range.clone()];
    if let Some(open) = raw.find("{%")
        && let Some(close) = raw[open..].find("%}")
    {
        let start = range.start + open;
        errors.push(
            ExpressionError::new(
                ExpressionErrorKind::Statement,
                start..start + close + 2,
                "statements are not supported, only expressions",
            )
            .help("write `${{ VALUE if CONDITION else OTHER }}`, or `when` on the step"),
        );
    }
    parts.push(Part::Raw(range));
}
