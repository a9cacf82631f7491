//! Evaluation of expressions with minijinja's virtual machine.
//!
//! Inputs and results are JSON values.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, Value as EngineValue};
use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior};
use serde_json::Value;

use super::convert::{from_engine, to_engine};
use super::error::{ExpressionError, ExpressionErrorKind};
use super::filters::{self, AS_TEXT};
use super::tree::{ExpressionNode, Operator, Tree};

/// Fuel of one expression: instructions of the virtual machine and chunks of 64 bytes, about 10 ms.
const FUEL: u64 = 1_000_000;

/// Maximum length of an evaluated template in bytes. The service takes 30,000 characters
/// (API notes 3.3, an emulator's choice); results saved for later steps may be longer.
pub(super) const TEXT_MAX: usize = 1 << 20;

/// Help for an expression without a value.
pub(super) const FALLBACK: &str = "give a value for that case: `… | default('…')`";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    filters::register(&mut environment);
    environment
});

/// Values of names, in two levels: the roots `inputs`, `vars`, … and their fields. Cheap to clone; a
/// change of a clone does not change the original.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    roots: Arc<Roots>,
}

#[derive(Debug, Clone, Default)]
struct Roots(BTreeMap<&'static str, Arc<Fields>>);

#[derive(Debug, Clone, Default)]
struct Fields(BTreeMap<Arc<str>, EngineValue>);

impl Scope {
    /// Sets `root.field` to a value.
    pub fn set(&mut self, root: &'static str, field: &str, value: &Value) {
        let fields = Arc::make_mut(&mut self.roots).0.entry(root).or_default();
        Arc::make_mut(fields)
            .0
            .insert(field.into(), to_engine(value));
    }

    /// Adds `root` as a map without fields, if it does not exist yet.
    pub fn declare(&mut self, root: &'static str) {
        Arc::make_mut(&mut self.roots).0.entry(root).or_default();
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &EngineValue) -> Option<EngineValue> {
        self.0.get(key.as_str()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<EngineValue> {
        self.0.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(
            self.0
                .keys()
                .map(|key| EngineValue::from(key.as_ref()))
                .collect(),
        )
    }
}

impl Object for Roots {
    fn get_value(self: &Arc<Self>, key: &EngineValue) -> Option<EngineValue> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<EngineValue> {
        let fields = self.0.get(key)?;
        Some(EngineValue::from_dyn_object(fields.clone()))
    }
}

/// An expression compiled for minijinja's virtual machine.
#[derive(Debug)]
pub(super) struct Program {
    expression: Expression<'static, 'static>,
    /// Start and length of each text inserted into the source, to map ranges back to the template.
    inserted: Vec<(usize, usize)>,
    /// Offset of the expression in the template.
    start: usize,
}

impl Program {
    /// Compiles the expression `text[inner]`, which was parsed to `tree`.
    pub(super) fn new(
        text: &str,
        inner: Range<usize>,
        tree: &Tree,
    ) -> Result<Program, ExpressionError> {
        let (source, inserted) = convert_operands(text, inner.clone(), tree);
        let expression = ENVIRONMENT
            .compile_expression_owned(source)
            .map_err(|error| {
                // It has been parsed before, so only a limit of the compiler can be the cause.
                let why = error.detail().unwrap_or("it cannot be compiled").to_owned();
                ExpressionError::new(ExpressionErrorKind::TooLarge, inner.clone(), why)
            })?;
        Ok(Program {
            expression,
            inserted,
            start: inner.start,
        })
    }

    /// Evaluates the expression in a scope. `tree` gives the bytes of an error.
    pub(super) fn evaluate(&self, scope: &Scope, tree: &Tree) -> Result<Value, ExpressionError> {
        let root = EngineValue::from_dyn_object(scope.roots.clone());
        let value = self
            .expression
            .eval(root)
            .map_err(|error| self.evaluation_error(&error, tree))?;
        from_engine(&value).map_err(|error| {
            let range = tree.range.clone();
            if value.is_undefined() {
                ExpressionError::new(ExpressionErrorKind::Evaluation, range, "this has no value")
                    .help(FALLBACK)
            } else {
                ExpressionError::new(ExpressionErrorKind::Evaluation, range, error.to_string())
            }
        })
    }

    fn evaluation_error(&self, error: &minijinja::Error, tree: &Tree) -> ExpressionError {
        let range = error
            .range()
            .map(|range| self.place(range.start)..self.place(range.end))
            .filter(|range| !range.is_empty() && range.end <= tree.range.end)
            .map_or_else(|| tree.range.clone(), |range| tree.smallest_around(&range));
        let detail = error.detail().unwrap_or_default();
        let message = match error.kind() {
            ErrorKind::UndefinedError => "a part of this has no value".to_owned(),
            ErrorKind::OutOfFuel => "this takes too long to evaluate".to_owned(),
            _ if detail.is_empty() => "this cannot be evaluated".to_owned(),
            _ => format!("this cannot be evaluated: {}", detail.replace(AS_TEXT, "~")),
        };
        let is_undefined = error.kind() == ErrorKind::UndefinedError;
        let error = ExpressionError::new(ExpressionErrorKind::Evaluation, range, message);
        if is_undefined {
            error.help(FALLBACK)
        } else {
            error
        }
    }

    /// Maps a byte of the compiled source to the byte of the template.
    fn place(&self, at: usize) -> usize {
        let before: usize = self
            .inserted
            .iter()
            .take_while(|(place, _)| *place < at)
            .map(|(place, length)| (*length).min(at - place))
            .sum();
        self.start + at - before
    }
}

/// Returns the source for minijinja, with every operand of `~` passed to our own filter [`AS_TEXT`], and
/// the inserted ranges.
fn convert_operands(text: &str, inner: Range<usize>, tree: &Tree) -> (String, Vec<(usize, usize)>) {
    let mut insertions: Vec<(usize, String)> = Vec::new();
    tree.walk(&mut |part| {
        if let ExpressionNode::Binary {
            op: Operator::Concat,
            left,
            right,
        } = &part.node
        {
            for operand in [left, right] {
                insertions.push((operand.range.start, "((".to_owned()));
                insertions.push((operand.range.end, format!(")|{AS_TEXT})")));
            }
        }
        true
    });
    if insertions.is_empty() {
        return (text[inner].to_owned(), Vec::new());
    }
    // The sort is stable: at one byte, closing texts belong to operands that end there and opening texts
    // to operands that begin there, and no operand is empty.
    insertions.sort_by_key(|(at, _)| *at);
    let mut source = String::new();
    let mut inserted = Vec::new();
    let mut from = inner.start;
    for (at, words) in insertions {
        source.push_str(&text[from..at]);
        inserted.push((source.len(), words.len()));
        source.push_str(&words);
        from = at;
    }
    source.push_str(&text[from..inner.end]);
    (source, inserted)
}
