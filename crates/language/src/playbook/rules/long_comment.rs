//! `long-comment`: a comment that the service may cut or refuse.

use crate::diagnostic::Problem;
use crate::playbook::outline::{Outline, literal_parts};

/// No limit is known (API notes 3.3); this is what careful clients keep to.
const MOST: usize = 1_000;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let Some((node, text)) = outline.text_of(document.root(), "comment") else {
        return;
    };
    let length: usize = literal_parts(text)
        .into_iter()
        .map(|part| text[part].chars().count())
        .sum();
    if length > MOST {
        let span = document
            .key(node)
            .map_or(outline.span(node), |key| outline.span(key));
        found.push(
            outline
                .problem(
                    "long-comment",
                    span,
                    format!("`comment` has {length} characters, and 1,000 are safe"),
                )
                .help("Move what a reader of the playbook needs to `description`."),
        );
    }
}
