//! Conversion of scanner errors to problems at the bytes that must be changed.
//!
//! The scanner reports where it stopped, which is often not the place of the mistake: an unknown escape is
//! reported at the opening quote, a wrong indentation at the next word. Each kind of error has a function
//! here that finds the right place and message.
//!
//! A fix is offered only if it was tried with success.

mod brackets;
mod indentation;
mod quotes;
mod words;

use granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::{Edit, Problem, Rule};
use crate::source::{SourceText, Span};

use super::limits::YamlLimits;
use super::scan::first_error;
use super::text::apply;
use super::{restrictions, rules};

/// Maximum size of a text that is parsed again to try a fix, in bytes.
const TRIAL_BYTES: usize = 2 * 1024 * 1024;

/// Place where the scanner stopped, and what it had read before.
pub(super) struct ErrorContext<'a> {
    pub(super) source: &'a SourceText,
    /// Byte at which the scanner stopped.
    pub(super) at: u32,
    /// Last scalar before it.
    pub(super) last: Span,
    /// Innermost open bracket.
    pub(super) open: Option<Span>,
    pub(super) limits: &'a YamlLimits,
}

/// Converts an error of the scanner to a problem.
pub(super) fn problem(context: &ErrorContext<'_>, error: &ScanError) -> Problem {
    use ErrorKind as Kind;
    match error.kind() {
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabInIndentation
        | Kind::TabInPlainScalar
        | Kind::TabAtBlockScalarStart => indentation::tabs(context),
        Kind::ExpectedBlockMappingKey
        | Kind::ExpectedBlockSequenceEntry
        | Kind::ExpectedDocumentStart
        | Kind::InvalidIndentation
        | Kind::UnexpectedEofBlockMapping
        | Kind::UnexpectedEofBlockSequence => indentation::line(context),
        Kind::InvalidBlockScalarIndent => indentation::block_text(context),
        Kind::MappingValueNotAllowed | Kind::MappingKeyNotAllowed => words::colon(context),
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => words::missing_colon(context),
        Kind::UnknownQuotedScalarEscape
        | Kind::InvalidQuotedScalarHexEscape
        | Kind::InvalidLowSurrogateHexEscape
        | Kind::InvalidLowSurrogate
        | Kind::MissingLowSurrogate
        | Kind::UnpairedLowSurrogate
        | Kind::InvalidUnicodeEscape => quotes::escape(context),
        Kind::UnclosedQuotedScalar | Kind::DocumentIndicatorInQuotedScalar => {
            quotes::unclosed(context)
        }
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => {
            quotes::text_after(context)
        }
        // The scanner may report the start of the text that contains the character.
        Kind::UnexpectedCharacter { character } if restrictions::is_hidden(*character) => {
            let rest = &context.text()[context.at as usize..];
            let at = context.at + rest.find(*character).unwrap_or(0) as u32;
            restrictions::hidden_character(context.source, at, *character)
        }
        Kind::UnexpectedCharacter { character } => words::reserved(context, *character),
        Kind::MissingAnchorOrAliasName => {
            words::reserved(context, context.next_char().unwrap_or('*'))
        }
        Kind::PlainScalarStartsWithDashFlowIndicator => words::reserved(context, '-'),
        Kind::BlockSequenceEntryNotAllowed | Kind::BlockEntryInFlowCollection => {
            words::dash(context)
        }
        Kind::CommentNotSeparated => words::comment(context),
        Kind::InvalidBlockScalarHeader | Kind::ZeroBlockScalarIndent => {
            words::block_header(context)
        }
        Kind::ExpectedFlowMappingSeparator
        | Kind::ExpectedFlowSequenceSeparator
        | Kind::InvalidColonPlacement
        | Kind::FlowMappingValueAdjacentCollection
        | Kind::UnclosedFlowCollection { .. }
        | Kind::UnexpectedEofFlowMapping
        | Kind::UnexpectedEofFlowSequence
        | Kind::UnexpectedEofImplicitFlowMapping => brackets::unclosed(context),
        Kind::MismatchedFlowCollectionEnd { open, close } => {
            brackets::mismatched(context, *open, *close)
        }
        Kind::MisplacedFlowCollectionEnd => brackets::misplaced(context),
        Kind::RecursionLimitExceeded => {
            restrictions::too_deep(context.source, context.here(1), context.limits)
        }
        Kind::DirectiveDisallowed => restrictions::directive(context.source, context.at),
        Kind::BomInsideDocument => {
            restrictions::hidden_character(context.source, context.at, '\u{FEFF}')
        }
        Kind::UndeclaredTagHandle
        | Kind::UnclosedVerbatimTag
        | Kind::ExpectedTagBang
        | Kind::InvalidTagTerminator
        | Kind::InvalidTagEscape
        | Kind::MissingTagUri => restrictions::tag(context.source, context.word()),
        Kind::InvalidDocumentEnd => context
            .problem(
                &rules::SECOND_DOCUMENT,
                context.rest_of_line(),
                "text after the end of the document",
            )
            .help("`...` ends a document; a file contains one document"),
        other => context.problem(&rules::YAML_SYNTAX, context.here(1), other.to_string()),
    }
}

impl<'a> ErrorContext<'a> {
    fn text(&self) -> &'a str {
        self.source.text()
    }

    fn problem(&self, rule: &'static Rule, span: Span, message: impl Into<String>) -> Problem {
        Problem::new(rule, self.source, span, message)
    }

    fn next_char(&self) -> Option<char> {
        self.text()[self.at as usize..].chars().next()
    }

    /// Returns the span of the next characters in this line.
    fn here(&self, characters: usize) -> Span {
        let rest = self.source.slice(self.rest_of_line());
        let length: usize = rest.chars().take(characters).map(char::len_utf8).sum();
        Span::new(self.at, self.at + length as u32)
    }

    /// Returns the span up to the next white space, comma or closing bracket.
    fn word(&self) -> Span {
        let rest = self.source.slice(self.rest_of_line());
        let length = rest.find([' ', '\t', ',', ']', '}']).unwrap_or(rest.len());
        Span::new(self.at, self.at + length as u32)
    }

    /// Returns the number of the line, from 0.
    fn line(&self) -> usize {
        self.source.line_of(self.at)
    }

    fn rest_of_line(&self) -> Span {
        self.content_from(self.at)
    }

    /// Returns the span from a byte to the end of its line, without a comment and trailing white space.
    fn content_from(&self, start: u32) -> Span {
        let end = self.source.line_span(self.source.line_of(start)).end;
        let text = self.source.slice(Span::new(start, end));
        let text = [" #", "\t#"]
            .iter()
            .filter_map(|comment| text.find(comment))
            .min()
            .map_or(text, |comment| &text[..comment]);
        Span::new(start, start + text.trim_end().len() as u32)
    }

    /// Adds the edits as a fix if the whole text is valid with them. Used for edits that guess what the author
    /// meant.
    fn with_guessed_fix(
        &self,
        problem: Problem,
        title: impl Into<String>,
        edits: Vec<Edit>,
    ) -> Problem {
        if self.text().len() > TRIAL_BYTES || edits.is_empty() {
            return problem;
        }
        match first_error(&apply(self.text(), &edits), self.limits) {
            Some(_) => problem,
            None => problem.fix(title, edits),
        }
    }

    /// Adds the edits as a fix if the scanner gets past them. Used for edits that are correct whatever else is
    /// wrong.
    fn with_fix(&self, problem: Problem, title: impl Into<String>, edits: Vec<Edit>) -> Problem {
        if self.text().len() > TRIAL_BYTES || edits.is_empty() {
            return problem;
        }
        let repaired = apply(self.text(), &edits);
        let end_of_edits = edits.last().map_or(0, |edit| {
            let grown = repaired.len() as i64 - self.text().len() as i64;
            i64::from(edit.span.end) + grown
        });
        match first_error(&repaired, self.limits) {
            Some(offset) if i64::from(offset) < end_of_edits.max(i64::from(self.at)) => problem,
            _ => problem.fix(title, edits),
        }
    }
}
