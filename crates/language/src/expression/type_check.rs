//! Type inference of expressions, and all errors that can be found without data.

use serde_json::Value;

use crate::diagnostic::nearest;
use svar_wire::text::one_line;

use super::error::{ExpressionError, ExpressionErrorKind, sentence};
use super::filters::{FILTERS, FilterType, TESTS};
use super::tree::{ExpressionNode, Identifier, Operator, Tree};
use super::types::{ExpectedType, Record, Type};

/// Infers the type of an expression in `text` and adds its errors. `visible` is a record of the visible
/// names.
pub(super) fn infer(
    text: &str,
    tree: &Tree,
    visible: &Type,
    errors: &mut Vec<ExpressionError>,
) -> Type {
    TypeChecker {
        text,
        visible,
        errors,
    }
    .infer(tree)
}

/// Returns the error for a valid expression that does not have the expected type.
pub(super) fn wrong_type_error(
    text: &str,
    tree: &Tree,
    kind: &Type,
    wanted: ExpectedType,
) -> ExpressionError {
    let words = quote(text, tree);
    let error = ExpressionError::new(
        ExpressionErrorKind::WrongType,
        tree.range.clone(),
        format!("{words} is {kind}, expected {wanted}"),
    );
    match (wanted, kind) {
        (ExpectedType::Int, Type::Text | Type::Number) => error.help("make it one with `| int`"),
        (ExpectedType::Number, Type::Text) => error.help("make it one with `| float`"),
        (ExpectedType::Bool, Type::Text) => {
            error.help("compare it with something, or use `| bool`")
        }
        (ExpectedType::Bool, Type::Int | Type::Number) => {
            error.help("compare it with something: `… > 0`, `… == 0`")
        }
        (ExpectedType::Text, Type::List) => {
            error.help("join its items: `… | join(',')`; `args` may be written as a list")
        }
        (ExpectedType::Text, Type::Map | Type::Record(_)) => {
            error.help("name one of its fields, or write it as JSON with `| tojson`")
        }
        _ => error,
    }
}

struct TypeChecker<'a> {
    text: &'a str,
    visible: &'a Type,
    errors: &'a mut Vec<ExpressionError>,
}

/// Operand of an operator, with its type.
#[derive(Clone)]
struct Operand<'t> {
    tree: &'t Tree,
    kind: Type,
}

impl TypeChecker<'_> {
    fn infer(&mut self, tree: &Tree) -> Type {
        match &tree.node {
            ExpressionNode::Constant(value) => constant(value),
            ExpressionNode::Name(name) => {
                let word = Identifier {
                    text: name.clone(),
                    range: tree.range.clone(),
                };
                match self.visible {
                    Type::Record(record) => self.field(record, &word, Vec::new()),
                    _ => Type::Any,
                }
            }
            ExpressionNode::Field { value, name } => {
                let kind = self.infer(value);
                match kind {
                    Type::Record(record) => {
                        let path = value.path().unwrap_or_default();
                        let path = path.into_iter().map(str::to_owned).collect();
                        self.field(&record, name, path)
                    }
                    Type::Any | Type::Map => Type::Any,
                    other => {
                        let what = quote(self.text, value);
                        self.report_wrong_type(
                            name.range.clone(),
                            format!("{what} is {other} and has no `{}`", name.text),
                            None,
                        )
                    }
                }
            }
            ExpressionNode::Item { value, key } => {
                let kind = self.infer(value);
                self.infer(key);
                match kind {
                    Type::Record(_) | Type::Any | Type::Map | Type::List => Type::Any,
                    Type::Text => Type::Text,
                    other => {
                        let what = quote(self.text, value);
                        self.report_wrong_type(
                            value.range.clone(),
                            format!("{what} is {other} and has no items"),
                            None,
                        )
                    }
                }
            }
            ExpressionNode::Slice { value, bounds } => {
                let kind = self.infer(value);
                for bound in bounds {
                    let kind = self.infer(bound);
                    if !kind.may_be_number() {
                        let what = quote(self.text, bound);
                        self.report_wrong_type(
                            bound.range.clone(),
                            format!("{what} is {kind}, expected a whole number"),
                            None,
                        );
                    }
                }
                match kind {
                    Type::Any | Type::Text | Type::List => kind,
                    other => {
                        let what = quote(self.text, value);
                        let message = format!("{what} is {other} and cannot be sliced");
                        self.report_wrong_type(value.range.clone(), message, None)
                    }
                }
            }
            ExpressionNode::Not(value) => {
                self.infer(value);
                Type::Bool
            }
            ExpressionNode::Negate(value) => {
                let kind = self.infer(value);
                if kind.may_be_number() {
                    kind
                } else {
                    let what = quote(self.text, value);
                    let message = format!("{what} is {kind} and cannot be negated");
                    self.report_wrong_type(tree.range.clone(), message, None)
                }
            }
            ExpressionNode::Binary { op, left, right } => {
                let known = self.errors.len();
                let left_kind = self.infer(left);
                let right_kind = self.infer(right);
                if self.errors.len() > known {
                    return Type::Any;
                }
                let left = Operand {
                    tree: left,
                    kind: left_kind,
                };
                let right = Operand {
                    tree: right,
                    kind: right_kind,
                };
                self.binary(tree, *op, left, right)
            }
            ExpressionNode::Comparison { first, rest } => {
                let mut left = Operand {
                    tree: first,
                    kind: self.infer(first),
                };
                for (op, right) in rest {
                    let right = Operand {
                        tree: right,
                        kind: self.infer(right),
                    };
                    self.binary(tree, *op, left, right.clone());
                    left = right;
                }
                Type::Bool
            }
            ExpressionNode::Conditional { test, yes, no } => {
                self.infer(test);
                let yes = self.infer(yes);
                match no {
                    Some(no) => yes.or(self.infer(no)),
                    None => {
                        let error = ExpressionError::new(
                            ExpressionErrorKind::Syntax,
                            tree.range.clone(),
                            "without `else` this has no value if the condition is false",
                        );
                        self.errors.push(error.help("add `else` and a value"));
                        yes
                    }
                }
            }
            ExpressionNode::Filter { name, value, args } => {
                let known = self.errors.len();
                let kind = self.infer(value);
                let args: Vec<Type> = args.iter().map(|arg| self.infer(arg)).collect();
                let kind = if self.errors.len() > known {
                    Type::Any
                } else {
                    kind
                };
                self.filter(name, value, kind, &args)
            }
            ExpressionNode::Test { name, value, args } => {
                self.infer(value);
                args.iter().for_each(|arg| {
                    self.infer(arg);
                });
                if !TESTS.contains(&name.text.as_str()) {
                    let error = ExpressionError::new(
                        ExpressionErrorKind::UnknownTest,
                        name.range.clone(),
                        format!("unknown test `is {}`", name.text),
                    );
                    self.errors.push(suggest(error, &name.text, TESTS, "tests"));
                }
                Type::Bool
            }
            ExpressionNode::Call { callee, args } => {
                args.iter().for_each(|arg| {
                    self.infer(arg);
                });
                self.call(callee);
                Type::Any
            }
            ExpressionNode::List(items) => {
                items.iter().for_each(|item| {
                    self.infer(item);
                });
                Type::List
            }
            ExpressionNode::Map(entries) => {
                for (key, value) in entries {
                    self.infer(key);
                    self.infer(value);
                }
                Type::Map
            }
        }
    }

    fn report_wrong_type(
        &mut self,
        range: std::ops::Range<usize>,
        message: String,
        help: Option<&str>,
    ) -> Type {
        let mut error = ExpressionError::new(ExpressionErrorKind::WrongType, range, message);
        error.help = help.map(sentence);
        self.errors.push(error);
        Type::Any
    }

    fn field(&mut self, record: &Record, name: &Identifier, path: Vec<String>) -> Type {
        if let Some(kind) = record.fields.get(&name.text) {
            return kind.clone();
        }
        let message = if path.is_empty() {
            format!("unknown name `{}`", name.text)
        } else {
            format!("`{}` has no `{}`", path.join("."), name.text)
        };
        let mut path = path;
        path.push(name.text.clone());
        let kind = ExpressionErrorKind::UnknownName(path);
        let known: Vec<&str> = record.fields.keys().map(String::as_str).collect();
        let mut error = ExpressionError::new(kind, name.range.clone(), message);
        let written = &self.text[name.range.clone()];
        error = suggest(error, &name.text, &known, "names");
        // A name in brackets keeps its quotes.
        if let (Some(word), Some(sign @ ('\'' | '"'))) =
            (&error.replacement, written.chars().next())
        {
            error.replacement = Some(format!("{sign}{word}{sign}"));
        }
        self.errors.push(error);
        Type::Any
    }

    fn binary(&mut self, tree: &Tree, op: Operator, left: Operand<'_>, right: Operand<'_>) -> Type {
        let (left, left_kind) = (left.tree, left.kind);
        let (right, right_kind) = (right.tree, right.kind);
        use Operator::*;
        let range = tree.range.clone();
        let numbers = left_kind.may_be_number() && right_kind.may_be_number();
        let any = left_kind == Type::Any || right_kind == Type::Any;
        let say = |text: &str, what: &str| {
            format!(
                "{} is {left_kind} and {} is {right_kind}: {what}",
                quote(text, left),
                quote(text, right)
            )
        };
        match op {
            Equal | NotEqual => {
                let null = left_kind == Type::Null || right_kind == Type::Null;
                let maps = matches!(left_kind, Type::Map | Type::Record(_))
                    && matches!(right_kind, Type::Map | Type::Record(_));
                if !(numbers || any || null || maps || left_kind == right_kind) {
                    let message = say(self.text, "they are never equal");
                    let help = match (&left_kind, &right_kind) {
                        (Type::Int | Type::Number, Type::Text)
                        | (Type::Text, Type::Int | Type::Number) => Some(
                            "write the number without quotes, or turn the text into one with `| int`",
                        ),
                        (Type::Bool, Type::Text) | (Type::Text, Type::Bool) => {
                            Some("write `true` and `false` without quotes")
                        }
                        _ => None,
                    };
                    self.report_wrong_type(range, message, help);
                }
                Type::Bool
            }
            Less | LessOrEqual | Greater | GreaterOrEqual => {
                let texts = left_kind == Type::Text && right_kind == Type::Text;
                let ordered = |kind: &Type| kind.may_be_number() || *kind == Type::Text;
                let fits = if any {
                    ordered(&left_kind) && ordered(&right_kind)
                } else {
                    numbers || texts
                };
                if !fits {
                    let what = format!("`{}` cannot compare them", op.sign());
                    let message = say(self.text, &what);
                    let help = (left_kind == Type::Text || right_kind == Type::Text)
                        .then_some("turn the text into a number with `| int`");
                    self.report_wrong_type(range, message, help);
                }
                Type::Bool
            }
            And | Or => left_kind.or(right_kind),
            Add if left_kind == Type::Text && right_kind == Type::Text => Type::Text,
            Add if left_kind == Type::List && right_kind == Type::List => Type::List,
            Add | Subtract | Multiply | Divide | FloorDivide | Remainder | Power => {
                let may = |kind: &Type| {
                    kind.may_be_number()
                        || (op == Add && any && matches!(kind, Type::Text | Type::List))
                };
                if !may(&left_kind) || !may(&right_kind) {
                    let what = format!("`{}` cannot be applied to them", op.sign());
                    let message = say(self.text, &what);
                    let text = left_kind == Type::Text || right_kind == Type::Text;
                    let help = match (op, text) {
                        (Add, true) => Some("`~` joins texts; `| int` makes a number of a text"),
                        (_, true) => Some("turn the text into a number with `| int`"),
                        _ => None,
                    };
                    return self.report_wrong_type(range, message, help);
                }
                match op {
                    _ if any => Type::Any,
                    Divide => Type::Number,
                    _ if left_kind == Type::Int && right_kind == Type::Int => Type::Int,
                    _ => Type::Number,
                }
            }
            Concat => {
                for (tree, kind) in [(left, &left_kind), (right, &right_kind)] {
                    if !kind.may_be_printed() {
                        let error = wrong_type_error(self.text, tree, kind, ExpectedType::Text);
                        self.errors.push(error);
                    }
                }
                Type::Text
            }
            In | NotIn => {
                let fits = match &right_kind {
                    Type::Any | Type::List | Type::Map | Type::Record(_) => true,
                    Type::Text => matches!(left_kind, Type::Any | Type::Text),
                    _ => false,
                };
                if !fits {
                    let message = say(self.text, "`in` searches a text for a text, or a list");
                    self.report_wrong_type(range, message, None);
                }
                Type::Bool
            }
        }
    }

    fn filter(&mut self, name: &Identifier, value: &Tree, kind: Type, args: &[Type]) -> Type {
        let Some(filter) = FILTERS.iter().find(|filter| filter.name == name.text) else {
            let error = ExpressionError::new(
                ExpressionErrorKind::UnknownFilter,
                name.range.clone(),
                format!("unknown filter `{}`", name.text),
            );
            let names: Vec<&str> = FILTERS.iter().map(|filter| filter.name).collect();
            let foreign = [
                (
                    &["b64encode", "base64", "base64encode"][..],
                    "`base64url` encodes a text, and `pass: base64url` on the step all of `args`",
                ),
                (&["to_json", "json", "toJSON"], "write `tojson`"),
                (
                    &["from_json", "fromjson", "parse_json"],
                    "use `steps.ID.json`, the parsed output of a script",
                ),
                (
                    &["quote", "shellquote", "escape", "e"],
                    "write `args` as a list or a map: then every value is quoted",
                ),
            ];
            let help = foreign
                .iter()
                .find(|(words, _)| words.contains(&name.text.as_str()))
                .map(|(_, help)| *help);
            self.errors.push(match help {
                Some(help) => error.help(help),
                None => suggest(error, &name.text, &names, "filters"),
            });
            return Type::Any;
        };
        self.filter_value(filter, name, value, &kind);
        if !filter.args.contains(&args.len()) {
            let wanted = match (*filter.args.start(), *filter.args.end()) {
                (0, 0) => "takes no argument".to_owned(),
                (fewest, most) if fewest == most => format!("takes {fewest} arguments"),
                (fewest, most) => format!("takes {fewest} to {most} arguments"),
            };
            let message = format!("`{}` {wanted}, not {}", name.text, args.len());
            self.report_wrong_type(name.range.clone(), message, None);
        }
        match (&filter.output, filter.name) {
            (Some(output), _) => output.clone(),
            (None, "default" | "d") => match args.first() {
                Some(other) => kind.or(other.clone()),
                None => kind,
            },
            (None, _) => kind,
        }
    }

    fn filter_value(&mut self, filter: &FilterType, name: &Identifier, value: &Tree, kind: &Type) {
        let taken = |wanted: &Type| {
            wanted == kind || (*wanted == Type::Map && matches!(kind, Type::Record(_)))
        };
        if *kind == Type::Any || filter.inputs.is_empty() || filter.inputs.iter().any(taken) {
            return;
        }
        let wanted: Vec<String> = filter.inputs.iter().map(Type::to_string).collect();
        let message = format!(
            "`{}` takes {}, but {} is {kind}",
            name.text,
            wanted.join(" or "),
            quote(self.text, value)
        );
        let help = (filter.inputs == [Type::Text] && kind.may_be_printed())
            .then_some("make it a text first: `… | string`");
        self.report_wrong_type(name.range.clone(), message, help);
    }

    fn call(&mut self, callee: &Tree) {
        let (name, range, error) = match &callee.node {
            ExpressionNode::Name(name) => (
                name.as_str(),
                &callee.range,
                format!("unknown function `{name}`"),
            ),
            ExpressionNode::Field { value, name } => {
                self.infer(value);
                (
                    name.text.as_str(),
                    &name.range,
                    format!("unknown method `{}`: values have no methods", name.text),
                )
            }
            _ => (
                "",
                &callee.range,
                "this cannot be called: there are no functions".to_owned(),
            ),
        };
        let error = ExpressionError::new(ExpressionErrorKind::Call, range.clone(), error);
        let lower = name.to_lowercase();
        let help = match lower.as_str() {
            "contains" => Some("write `'PART' in TEXT`".to_owned()),
            "startswith" | "starts_with" => Some("write `TEXT is startingwith('PART')`".to_owned()),
            "endswith" | "ends_with" => Some("write `TEXT is endingwith('PART')`".to_owned()),
            "len" | "size" => Some("write `VALUE | length`".to_owned()),
            "fromjson" => Some("use `steps.ID.json`, the parsed output of a script".to_owned()),
            "format" => Some("put the texts side by side: `a-${{ x }}-b`, or use `~`".to_owned()),
            "always" | "failure" | "success" => Some(
                "`cleanup` also runs after a failure, and `on_fail: continue` continues".to_owned(),
            ),
            "get" => Some("write `MAP['KEY'] | default(OTHER)`".to_owned()),
            _ => FILTERS
                .iter()
                .find(|filter| filter.name == lower)
                .map(|filter| format!("write it as a filter: `VALUE | {}`", filter.name)),
        };
        self.errors.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }
}

fn constant(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) if number.is_f64() => Type::Number,
        Value::Number(_) => Type::Int,
        Value::String(_) => Type::Text,
        Value::Array(_) => Type::List,
        Value::Object(_) => Type::Map,
    }
}

/// Adds help to an error: the nearest known word, or a list of the known words.
fn suggest(mut error: ExpressionError, word: &str, known: &[&str], what: &str) -> ExpressionError {
    if let Some(near) = nearest(word, known.iter().copied()) {
        error = error.help(format!("did you mean `{near}`?"));
        error.replacement = Some(near.to_owned());
    } else if known.is_empty() {
        error = error.help(format!("there are no {what} here"));
    } else {
        let shown: Vec<String> = known
            .iter()
            .take(12)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = if known.len() > shown.len() {
            " …"
        } else {
            ""
        };
        error = error.help(format!("known {what}: {}{more}", shown.join(", ")));
    }
    error
}

/// Returns a part of the expression for a message, in backticks.
fn quote(text: &str, tree: &Tree) -> String {
    let words = text.get(tree.range.clone()).unwrap_or_default();
    format!("`{}`", one_line(words, 40))
}
