//! Parsing of a text to a document.

use crate::diagnostic::{Problem, sort_problems};
use crate::source::SourceText;

use super::builder::attempt;
use super::document::{Document, ParsedDocument};
use super::limits::YamlLimits;
use super::{recover, restrictions};

impl Document {
    /// Parses a text that contains one document.
    ///
    /// # Errors
    /// All problems of the YAML, each at the bytes that must be changed.
    pub fn parse(source: &SourceText) -> Result<Document, Vec<Problem>> {
        let parsed = Document::read(source, &YamlLimits::default());
        match parsed.document {
            Some(document) if parsed.problems.is_empty() => Ok(document),
            _ => Err(parsed.problems),
        }
    }

    /// Parses a text that contains one document, and returns the document also if it has problems that do not
    /// affect its structure.
    ///
    /// Such problems are duplicate keys and tags, for example; later checks can continue, so that everything
    /// is found in one pass. After a syntax error there is no document.
    pub fn read(source: &SourceText, limits: &YamlLimits) -> ParsedDocument {
        parse(source, limits)
    }
}

/// Parses a text within limits.
fn parse(source: &SourceText, limits: &YamlLimits) -> ParsedDocument {
    if source.text().len() > limits.bytes {
        return ParsedDocument {
            document: None,
            problems: vec![restrictions::too_many_bytes(source, limits)],
        };
    }
    let mut problems = restrictions::hidden_characters(source);
    let mut attempt = attempt(source, limits);
    let syntax_error = attempt.error.take();
    let (document, mut found) = attempt.into_document();
    let document = match (syntax_error, document) {
        (Some(error), _) => {
            problems.extend(recover::find_more_errors(source, limits, error, found));
            None
        }
        (None, None) => {
            problems.push(restrictions::empty_document(source));
            None
        }
        (None, Some(document)) => {
            problems.append(&mut found);
            Some(document)
        }
    };
    sort_problems(&mut problems);
    // A hidden character may also have stopped the scanner and be reported twice.
    problems.dedup_by(|a, b| a.rule.id == b.rule.id && a.span() == b.span());
    ParsedDocument { document, problems }
}
