//! Errors in templates, with their place in the text.

use std::ops::Range;

/// An error in a template. The caller knows the file of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// Kind of the error.
    pub kind: ExpressionErrorKind,
    /// Bytes of the template's text.
    pub range: Range<usize>,
    /// Message: one sentence without a full stop.
    pub message: String,
    /// Advice on how to resolve it, as a sentence.
    pub help: Option<String>,
    /// Text that can replace the bytes to resolve it.
    pub replacement: Option<String>,
}

/// Kind of an [`ExpressionError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpressionErrorKind {
    /// `${{` without `}}`.
    Unclosed,
    /// Syntax error.
    Syntax,
    /// Statement such as `{% if %}`.
    Statement,
    /// Unknown name, with its full path.
    UnknownName(Vec<String>),
    /// Unknown filter.
    UnknownFilter,
    /// Unknown test (`is …`).
    UnknownTest,
    /// Call; there are no functions and no methods.
    Call,
    /// Value of the wrong type.
    WrongType,
    /// Expression that is too long or too deeply nested.
    TooLarge,
    /// Error during evaluation.
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

/// Returns the words as a sentence: with a capital letter and a full stop.
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
