//! Parsing of an expression to a [`Tree`], with minijinja's parser.
//!
//! The parser's spans are corrected here: its span of `a.b.c` covers the last part only, and that of
//! `x if y else z` starts at 0. Ours are combined from the spans of the parts.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::{Span, Token, Tokenizer, parse_expr};
use minijinja::syntax::SyntaxConfig;
use serde_json::Value;

use super::convert::from_engine;
use super::error::{ExpressionError, ExpressionErrorKind};
use super::tree::{ExpressionNode, Identifier, Operator, Tree};

/// Limits of one expression. The parser and everything that walks the tree are recursive; these limits
/// keep them from overflowing the stack, and are far above what people write.
const TOKENS_MAX: usize = 500;
const DEPTH_MAX: usize = 24;
const PREFIXES_MAX: usize = 8;
const ELSES_MAX: usize = 24;

/// Syntax of an expression in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpressionSyntax {
    /// Followed by `}}`.
    Delimited,
    /// The whole text.
    Bare,
}

/// End of an expression in the template's text.
pub(super) struct ExpressionEnd {
    /// Byte after the expression: that of the closing `}}`, or the end of the text.
    pub(super) inner: usize,
    /// Byte after the closing `}}`, or the end of the text.
    pub(super) outer: usize,
}

/// Finds the end of the expression that starts at `start`. A `}}` inside quotes or a map does not end it.
pub(super) fn find_end(
    text: &str,
    start: usize,
    syntax: ExpressionSyntax,
) -> Result<ExpressionEnd, ExpressionError> {
    let mut tokenizer = Tokenizer::new(&text[start..], "", true, SyntaxConfig::default());
    let mut open: Vec<(char, Range<usize>)> = Vec::new();
    let mut count = 0;
    let mut prefixes = 0;
    let mut elses = 0;
    let mut last = start;
    let too_large = |range: Range<usize>, what: &str| {
        ExpressionError::new(
            ExpressionErrorKind::TooLarge,
            range,
            format!("this expression {what}"),
        )
        .help("move parts of it to `vars`")
    };
    loop {
        let (token, span) = match tokenizer.next_token() {
            Ok(Some(token)) => token,
            Ok(None) if syntax == ExpressionSyntax::Delimited => {
                return Err(match open.pop() {
                    Some((bracket, range)) => unclosed_bracket_error(bracket, range),
                    None => ExpressionError::new(
                        ExpressionErrorKind::Unclosed,
                        start - 3..start,
                        "this `${{` is never closed",
                    )
                    .help("close it with `}}`"),
                });
            }
            Ok(None) => {
                return match open.pop() {
                    Some((bracket, range)) => Err(unclosed_bracket_error(bracket, range)),
                    None => Ok(ExpressionEnd {
                        inner: text.len(),
                        outer: text.len(),
                    }),
                };
            }
            Err(error) => {
                let error = syntax_error(text, start..text.len(), start, &error);
                let rest = &text[last..];
                let quote = last + rest.len() - rest.trim_start().len();
                return Err(if error.message == UNCLOSED_QUOTE {
                    ExpressionError {
                        range: quote..quote + 1,
                        ..error
                    }
                } else {
                    error
                });
            }
        };
        let range = shifted(span, start);
        last = range.end;
        count += 1;
        if count > TOKENS_MAX {
            return Err(too_large(range, "has more than 500 tokens"));
        }
        prefixes = match token {
            Token::Minus | Token::Ident("not") => prefixes + 1,
            _ => 0,
        };
        if prefixes > PREFIXES_MAX {
            return Err(too_large(range, "has too many operators in a row"));
        }
        match token {
            Token::VariableEnd => {
                if range.len() > 2 {
                    let sign = range.start..range.start + 1;
                    return Err(whitespace_control_error(sign));
                }
                if syntax == ExpressionSyntax::Bare {
                    return Err(ExpressionError::new(
                        ExpressionErrorKind::Syntax,
                        range,
                        "this `}}` has no `${{`",
                    ));
                }
                return Ok(ExpressionEnd {
                    inner: range.start,
                    outer: range.end,
                });
            }
            Token::Ident("else") => {
                elses += 1;
                if elses > ELSES_MAX {
                    return Err(too_large(range, "has too many branches"));
                }
            }
            Token::ParenOpen => open.push((')', range)),
            Token::BracketOpen => open.push((']', range)),
            Token::BraceOpen => open.push(('}', range)),
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                let closing = match token {
                    Token::ParenClose => ')',
                    Token::BracketClose => ']',
                    _ => '}',
                };
                match open.pop() {
                    Some((expected, _)) if expected == closing => {}
                    Some((expected, range)) => return Err(unclosed_bracket_error(expected, range)),
                    None => {
                        return Err(ExpressionError::new(
                            ExpressionErrorKind::Syntax,
                            range,
                            format!("this `{closing}` has no opening bracket"),
                        ));
                    }
                }
            }
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            let (_, range) = open.swap_remove(DEPTH_MAX);
            return Err(too_large(range, "is nested too deeply"));
        }
    }
}

const UNCLOSED_QUOTE: &str = "this quote is never closed";

fn unclosed_bracket_error(closing: char, range: Range<usize>) -> ExpressionError {
    let opening = match closing {
        ')' => '(',
        ']' => '[',
        _ => '{',
    };
    ExpressionError::new(
        ExpressionErrorKind::Syntax,
        range,
        format!("this `{opening}` is never closed"),
    )
    .help(format!("close it with `{closing}`"))
}

pub(super) fn whitespace_control_error(range: Range<usize>) -> ExpressionError {
    ExpressionError::new(
        ExpressionErrorKind::Syntax,
        range,
        "whitespace control is not supported: nothing around `${{ }}` is removed",
    )
    .help("remove the sign; a negative number needs a space before it, as in `${{ -1 }}`")
}

/// Parses the expression in `inner`, for which [`find_end`] has checked brackets and limits.
pub(super) fn parse(text: &str, inner: Range<usize>) -> Result<Tree, ExpressionError> {
    let source = &text[inner.clone()];
    if source.trim().is_empty() {
        let outer = inner.start.saturating_sub(3)..(inner.end + 2).min(text.len());
        return Err(ExpressionError::new(
            ExpressionErrorKind::Syntax,
            outer,
            "empty expression",
        ));
    }
    match parse_expr(source) {
        Ok(expr) => Ok(TreeBuilder {
            text,
            at: inner.start,
        }
        .tree(&expr)),
        Err(error) => Err(syntax_error(text, inner.clone(), inner.start, &error)),
    }
}

/// Returns the error for a syntax error of the parser, with help for operators of other languages.
fn syntax_error(
    text: &str,
    inner: Range<usize>,
    offset: usize,
    error: &minijinja::Error,
) -> ExpressionError {
    let found = error.range().unwrap_or_default();
    let start = floor(text, (offset + found.start).min(inner.end));
    let end = ceil(text, (offset + found.end).clamp(start, inner.end));
    // An error at the end has no bytes of its own: point at the last character.
    let range = if text[start..end].trim().is_empty() {
        let end = inner.start + text[inner.clone()].trim_end().len();
        let start = text[inner.start..end]
            .char_indices()
            .next_back()
            .map_or(end, |(at, _)| inner.start + at);
        start..end
    } else {
        start..end
    };
    let around = &text[floor(text, range.start.saturating_sub(1)).max(inner.start)..inner.end];
    let foreign = [
        ("&&", "write `and`"),
        ("||", "write `or`"),
        ("===", "write `==`"),
        ("!", "write `not`, or `!=` to compare"),
        ("?", "write `VALUE if CONDITION else OTHER`"),
        ("=", "write `==` to compare"),
        ("$", "write names inside `${{ }}` without `$`"),
        ("`", "put texts in `'` or `\"`"),
        ("{%", "statements are not supported, only expressions"),
    ];
    let help = foreign
        .iter()
        .find(|(sign, _)| {
            around.starts_with(sign) || around.get(1..).is_some_and(|rest| rest.starts_with(sign))
        })
        .map(|(_, help)| (*help).to_owned());
    let detail = error.detail().unwrap_or("it is not an expression");
    let words = text[range.clone()].to_owned();
    let message = if detail.contains("unexpected end of string") {
        UNCLOSED_QUOTE.to_owned()
    } else if detail.contains("unexpected end of input") {
        match detail.split_once("expected ").map(|(_, rest)| rest) {
            Some(rest) if rest.contains("expected ") => {
                let wanted = match rest.rsplit("expected ").next().unwrap_or(rest) {
                    "expression" => "a value",
                    "identifier or integer" | "identifier" => "a name",
                    other => other,
                };
                format!("the expression ends too early: {wanted} is missing")
            }
            _ => "the expression ends too early".to_owned(),
        }
    } else if detail.contains("unexpected input after") {
        format!("unexpected `{words}`: there must be an operator between two values")
    } else if detail.contains("unexpected character") || detail.starts_with("unexpected") {
        format!("unexpected `{words}`")
    } else {
        detail.to_owned()
    };
    let error = ExpressionError::new(ExpressionErrorKind::Syntax, range, message);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn shifted(span: Span, at: usize) -> Range<usize> {
    span.start_offset as usize + at..span.end_offset as usize + at
}

/// Converts the parser's tree to ours.
struct TreeBuilder<'t> {
    text: &'t str,
    /// Offset of the expression in the text.
    at: usize,
}

impl TreeBuilder<'_> {
    fn tree(&self, expr: &Expr<'_>) -> Tree {
        let span = shifted(expr.span(), self.at);
        match expr {
            Expr::Var(var) => Tree {
                range: span,
                node: ExpressionNode::Name(var.id.to_owned()),
            },
            Expr::Const(constant) => Tree {
                range: span,
                node: ExpressionNode::Constant(from_engine(&constant.value).unwrap_or(Value::Null)),
            },
            Expr::GetAttr(get) => {
                let value = self.boxed(&get.expr);
                // A name is written as it is, so it is the last bytes of the span.
                let name = Identifier {
                    text: get.name.to_owned(),
                    range: span.end - get.name.len()..span.end,
                };
                Tree {
                    range: value.range.start..span.end,
                    node: ExpressionNode::Field { value, name },
                }
            }
            Expr::GetItem(get) => {
                let value = self.boxed(&get.expr);
                let key = self.boxed(&get.subscript_expr);
                let range = value.range.start..span.end;
                let node = match key.node {
                    ExpressionNode::Constant(Value::String(text)) => ExpressionNode::Field {
                        value,
                        name: Identifier {
                            text,
                            range: key.range,
                        },
                    },
                    _ => ExpressionNode::Item { value, key },
                };
                Tree { range, node }
            }
            Expr::Slice(slice) => {
                let value = self.boxed(&slice.expr);
                let bounds = [&slice.start, &slice.stop, &slice.step];
                Tree {
                    range: value.range.start..span.end,
                    node: ExpressionNode::Slice {
                        value,
                        bounds: bounds.into_iter().flatten().map(|b| self.tree(b)).collect(),
                    },
                }
            }
            Expr::UnaryOp(unary) => self.unary(&unary.op, &unary.expr, span),
            Expr::BinOp(binary) => {
                let left = self.boxed(&binary.left);
                let right = self.boxed(&binary.right);
                Tree {
                    range: left.range.start..right.range.end,
                    node: ExpressionNode::Binary {
                        op: binary_operator(binary.op),
                        left,
                        right,
                    },
                }
            }
            Expr::Compare(compare) => {
                let first = self.boxed(&compare.expr);
                let rest: Vec<_> = compare
                    .ops
                    .iter()
                    .map(|next| (compare_operator(next.op), self.tree(&next.expr)))
                    .collect();
                let end = rest
                    .last()
                    .map_or(first.range.end, |(_, tree)| tree.range.end);
                Tree {
                    range: first.range.start..end,
                    node: ExpressionNode::Comparison { first, rest },
                }
            }
            Expr::IfExpr(choice) => {
                let yes = self.boxed(&choice.true_expr);
                let test = self.boxed(&choice.test_expr);
                let no = choice.false_expr.as_ref().map(|no| self.boxed(no));
                let end = no.as_ref().unwrap_or(&test).range.end;
                Tree {
                    range: yes.range.start..end,
                    node: ExpressionNode::Conditional { test, yes, no },
                }
            }
            Expr::Filter(filter) => {
                let name = self.word(filter.name, span.start);
                let args = self.args(&filter.args);
                match &filter.expr {
                    Some(value) => {
                        let value = self.boxed(value);
                        Tree {
                            range: value.range.start..span.end,
                            node: ExpressionNode::Filter { name, value, args },
                        }
                    }
                    // Only filter blocks, which are statements, have no value.
                    None => Tree {
                        range: span,
                        node: ExpressionNode::Constant(Value::Null),
                    },
                }
            }
            Expr::Test(test) => {
                let name = self.word(test.name, span.start);
                let value = self.boxed(&test.expr);
                Tree {
                    range: value.range.start..span.end,
                    node: ExpressionNode::Test {
                        name,
                        value,
                        args: self.args(&test.args),
                    },
                }
            }
            Expr::Call(call) => {
                let callee = self.boxed(&call.expr);
                Tree {
                    range: callee.range.start..span.end,
                    node: ExpressionNode::Call {
                        callee,
                        args: self.args(&call.args),
                    },
                }
            }
            Expr::List(list) => Tree {
                range: span,
                node: ExpressionNode::List(list.items.iter().map(|item| self.tree(item)).collect()),
            },
            Expr::Tuple(tuple) => Tree {
                range: span,
                node: ExpressionNode::List(
                    tuple.items.iter().map(|item| self.tree(item)).collect(),
                ),
            },
            Expr::Map(map) => {
                let entries = map.keys.iter().zip(&map.values);
                Tree {
                    range: span,
                    node: ExpressionNode::Map(
                        entries
                            .map(|(key, value)| (self.tree(key), self.tree(value)))
                            .collect(),
                    ),
                }
            }
        }
    }

    fn boxed(&self, expr: &Expr<'_>) -> Box<Tree> {
        Box::new(self.tree(expr))
    }

    fn unary(&self, op: &UnaryOpKind, expr: &Expr<'_>, span: Range<usize>) -> Tree {
        let inner = self.tree(expr);
        match (op, inner) {
            // The parser gives `not (a in b)` for `a not in b`.
            (
                UnaryOpKind::Not,
                Tree {
                    range,
                    node:
                        ExpressionNode::Binary {
                            op: Operator::In,
                            left,
                            right,
                        },
                },
            ) if !self.text[span.start.min(range.start)..range.start].contains("not") => Tree {
                range,
                node: ExpressionNode::Binary {
                    op: Operator::NotIn,
                    left,
                    right,
                },
            },
            (UnaryOpKind::Not, inner) => Tree {
                range: span.start.min(inner.range.start)..inner.range.end,
                node: ExpressionNode::Not(Box::new(inner)),
            },
            (UnaryOpKind::Neg, inner) => Tree {
                range: span.start.min(inner.range.start)..inner.range.end,
                node: ExpressionNode::Negate(Box::new(inner)),
            },
        }
    }

    /// Returns the name of a filter or test, which stands at the start of its span.
    fn word(&self, name: &str, start: usize) -> Identifier {
        Identifier {
            text: name.to_owned(),
            range: start..start + name.len(),
        }
    }

    fn args(&self, args: &[CallArg<'_>]) -> Vec<Tree> {
        args.iter()
            .map(|arg| match arg {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => self.tree(expr),
            })
            .collect()
    }
}

fn binary_operator(op: BinOpKind) -> Operator {
    match op {
        BinOpKind::Eq => Operator::Equal,
        BinOpKind::Ne => Operator::NotEqual,
        BinOpKind::Lt => Operator::Less,
        BinOpKind::Lte => Operator::LessOrEqual,
        BinOpKind::Gt => Operator::Greater,
        BinOpKind::Gte => Operator::GreaterOrEqual,
        BinOpKind::ScAnd => Operator::And,
        BinOpKind::ScOr => Operator::Or,
        BinOpKind::Add => Operator::Add,
        BinOpKind::Sub => Operator::Subtract,
        BinOpKind::Mul => Operator::Multiply,
        BinOpKind::Div => Operator::Divide,
        BinOpKind::FloorDiv => Operator::FloorDivide,
        BinOpKind::Rem => Operator::Remainder,
        BinOpKind::Pow => Operator::Power,
        BinOpKind::Concat => Operator::Concat,
        BinOpKind::In => Operator::In,
    }
}

fn compare_operator(op: CompareOpKind) -> Operator {
    match op {
        CompareOpKind::Eq => Operator::Equal,
        CompareOpKind::Ne => Operator::NotEqual,
        CompareOpKind::Lt => Operator::Less,
        CompareOpKind::Lte => Operator::LessOrEqual,
        CompareOpKind::Gt => Operator::Greater,
        CompareOpKind::Gte => Operator::GreaterOrEqual,
        CompareOpKind::In => Operator::In,
        CompareOpKind::NotIn => Operator::NotIn,
    }
}
