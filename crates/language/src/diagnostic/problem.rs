//! A finding, with the bytes it is about.

use crate::source::{SourceText, Span};

use super::rule::{Rule, Severity};

/// A finding: what is wrong, where, and what helps.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Rule that is violated.
    pub rule: &'static Rule,
    /// Severity: that of the rule unless the caller changed it.
    pub severity: Severity,
    /// Text in which it was found.
    pub source: SourceText,
    /// Message: one sentence without a full stop.
    pub message: String,
    /// Places; the first is the main one. Empty if the file was not read.
    pub labels: Vec<Label>,
    /// Advice on how to resolve it, in one or two sentences.
    pub help: Option<String>,
    /// Edit that a tool can apply.
    pub fix: Option<Box<Fix>>,
}

/// A place in the source with a short text; without text only the mark is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the source.
    pub span: Span,
    /// Text, or empty.
    pub text: String,
}

/// A set of edits that resolves a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Description of the edits, in the imperative.
    pub title: String,
    /// Edits, in order and without overlap.
    pub edits: Vec<Edit>,
}

/// One replacement of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes that are replaced; empty to insert.
    pub span: Span,
    /// New text.
    pub text: String,
}

impl Problem {
    /// Creates a problem of this rule at a place in a source.
    pub fn new(
        rule: &'static Rule,
        source: &SourceText,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Problem {
            rule,
            severity: rule.severity,
            source: source.clone(),
            message: message.into(),
            labels: vec![Label {
                span,
                text: String::new(),
            }],
            help: None,
            fix: None,
        }
    }

    /// Creates a problem about a file that was not read. It has no place, so the message names the file.
    pub fn without_place(rule: &'static Rule, file: &str, message: impl Into<String>) -> Self {
        let source = SourceText::new(file, "");
        let mut problem = Problem::new(rule, &source, Span::default(), message);
        problem.labels.clear();
        problem
    }

    /// Sets the text of the main label.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a label at another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the fix.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Box::new(Fix {
            title: title.into(),
            edits,
        }));
        self
    }

    /// Returns the main place, or the start of the file if there is none.
    pub fn span(&self) -> Span {
        self.labels
            .first()
            .map_or(Span::default(), |label| label.span)
    }
}

/// Sorts findings by file, place, rule and message.
pub fn sort_problems(problems: &mut [Problem]) {
    problems.sort_by(|a, b| {
        (a.source.name(), a.span(), a.rule.id, &a.message).cmp(&(
            b.source.name(),
            b.span(),
            b.rule.id,
            &b.message,
        ))
    });
}
