//! What is wrong with a template, and where in its text.

use std::ops::Range;

/// A finding about a template. The caller knows which file the text stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What sort of mistake it is.
    pub kind: ExpressionErrorKind,
    /// The bytes of the template's text that it is about.
    pub range: Range<usize>,
    /// One sentence without a full stop.
    pub message: String,
    /// The next step, as a sentence.
    pub help: Option<String>,
    /// What the bytes may be replaced with to resolve it.
    pub replacement: Option<String>,
}

/// The sorts of mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpressionErrorKind {
    /// `${{` without `}}`.
    Unclosed,
    /// It can't be read as an expression.
    Syntax,
    /// A statement such as `{% if %}`.
    Statement,
    /// A name that does not exist: the whole way from the outermost level to it.
    UnknownName(Vec<String>),
    /// A filter that does not exist.
    UnknownFilter,
    /// A test (`is …`) that does not exist.
    UnknownTest,
    /// A call; there are no functions and no methods.
    Call,
    /// A value of a type that does not fit.
    WrongType,
    /// Longer or deeper than an expression may be.
    TooLarge,
    /// The value can't be had from the data.
    Evaluation,
}

impl ExpressionError {
    pub(super) fn new(
        kind: ExpressionErrorKind,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        ExpressionError {
            kind,
            range,
            message: message.into(),
            help: None,
            replacement: None,
        }
    }

    pub(super) fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(sentence(help.as_ref()));
        self
    }
}

/// Half a sentence as a whole one.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let end = if words.ends_with(['.', '?', '!', '…']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{end}", letters.as_str())
}
