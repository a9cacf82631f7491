//! `nested-args`: arguments that cannot be written on a command line.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;
use crate::yaml::{NodeId, NodeKind};

pub(super) static RULE: Rule = Rule {
    id: "nested-args",
    severity: Severity::Error,
    title: "nested arguments",
    page: r"
A list becomes words, and a map becomes options with their values. A map inside a map has no
such form: each shell would need another guess. With `pass: base64url` any structure can be sent
as one token, which the script decodes.

Wrong:

```yaml
steps:
  - run: hunt.ps1
    args: { Paths: { temp: C:\Windows\Temp } }
```

Right:

```yaml
steps:
  - run: hunt.ps1
    args: { Paths: { temp: C:\Windows\Temp } }
    pass: base64url
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for step in &outline.steps {
        let Some(args) = outline.key(step, "args") else {
            continue;
        };
        if outline
            .key(step, "pass")
            .is_some_and(|pass| outline.text(pass.value) != "quoted")
        {
            continue;
        }
        let mut refuse = |node: NodeId, kind: &str| {
            let shown = document.key(node).unwrap_or(node);
            let source = document.source();
            let line = source.line_span(source.line_of(outline.span(shown).start));
            let mut span = outline.span(shown);
            span.end = span.end.min(line.end);
            found.push(
                outline
                    .problem(
                        &RULE,
                        span,
                        format!("a {kind} is not possible here on a command line"),
                    )
                    .help("Send all arguments as one token with `pass: base64url`, and decode it in the script."),
            );
        };
        match &document.node(args.value).kind {
            NodeKind::List(items) => {
                for item in items {
                    if document.node(*item).is_collection() {
                        refuse(*item, "list or map");
                    }
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    match &document.node(entry.value).kind {
                        NodeKind::Map(_) => refuse(entry.value, "map"),
                        NodeKind::List(items) => {
                            if let Some(item) = items
                                .iter()
                                .find(|item| document.node(**item).is_collection())
                            {
                                refuse(*item, "list or map");
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}
