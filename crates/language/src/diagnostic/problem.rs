//! One thing the author should know, with the bytes it is about.

use crate::source::{SourceText, Span};

use super::code::{Rule, Severity};

/// A finding: what is wrong, where, and what helps.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How bad it is; the rule's own severity unless a caller changed it.
    pub severity: Severity,
    /// The text it is about.
    pub source: SourceText,
    /// One sentence without a full stop, in the author's words.
    pub message: String,
    /// The places: the first is the main one.
    pub labels: Vec<Label>,
    /// The next step, one or two sentences.
    pub help: Option<String>,
    /// An edit a device can apply.
    pub fix: Option<Box<Fix>>,
}

/// A place in the source and a few words about it; empty words draw the mark alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The bytes.
    pub span: Span,
    /// The words.
    pub text: String,
}

/// A set of edits that resolves a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// The edits, which do not overlap.
    pub edits: Vec<Edit>,
}

/// One replacement of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Problem {
    /// A problem of this rule at a place of a source.
    ///
    /// # Panics
    /// `code` is not in the table of rules, which is our own mistake.
    pub fn new(code: &str, source: &SourceText, span: Span, message: impl Into<String>) -> Self {
        let rule = super::rule(code)
            .unwrap_or_else(|| panic!("internal error: no rule is called `{code}`"));
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

    /// Words beside the main place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// A further place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// The next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A machine-applicable edit.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Box::new(Fix {
            title: title.into(),
            edits,
        }));
        self
    }

    /// The main place.
    pub fn span(&self) -> Span {
        self.labels
            .first()
            .map_or(Span::default(), |label| label.span)
    }
}

/// Orders findings as a reader meets them: by file, place, then code.
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
