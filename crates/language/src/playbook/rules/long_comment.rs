//! `long-comment`: a comment that the service may cut or reject.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::{Outline, literal_parts};

pub(super) static RULE: Rule = Rule {
    id: "long-comment",
    severity: Severity::Error,
    title: "comment longer than 1,000 characters",
    page: r"
The comment is stored with every action. Its maximum length is not documented; 1,000 characters
are known to work. A comment that is cut off loses the tag by which a run finds its own actions
again.

Wrong:

```yaml
comment: (a page of instructions)
```

Right:

```yaml
description: (a page of instructions)
comment: Case ${{ run.case }}
```
",
};

/// Maximum number of characters that is known to work; the limit is not documented (API notes 3.3).
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
                    &RULE,
                    span,
                    format!("`comment` has {length} characters; at most 1,000 are safe"),
                )
                .help("Move explanations of the playbook to `description`."),
        );
    }
}
