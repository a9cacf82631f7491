//! `forbidden-characters`: characters in arguments that the service may refuse.

use serde_json::Value;

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::notation::code_list;
use crate::playbook::outline::{MapParts, Outline, literal_parts};
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "forbidden-characters",
    severity: Severity::Warning,
    title: "characters the service may reject in arguments",
    page: r"
Microsoft's documentation forbids `;`, `&`, `|`, `!` and `$` in the parameters of a script. What
the service does with them is not documented: it may reject the session, or the script may fail
on the device. `pass: base64url` sends the arguments as one token of letters, digits, `-` and
`_`, and the script decodes it. Characters that come from an input are found when the playbook
is planned.

Wrong:

```yaml
steps:
  - run: hunt.ps1
    args: -Pattern 'a|b'
```

Right:

```yaml
steps:
  - run: hunt.ps1
    args: { Pattern: a|b }
    pass: base64url
```
",
};

/// Characters that the service may refuse in arguments (API notes 3.3).
const FORBIDDEN: [char; 5] = [';', '&', '|', '!', '$'];

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some(args) = outline.key(step, "args") else {
            continue;
        };
        // base64url has none of them, and a template may evaluate to it.
        if outline
            .key(step, "pass")
            .is_some_and(|pass| outline.text(pass.value) != "quoted")
        {
            continue;
        }
        outline.scalars(args.value, MapParts::KeysAndValues, &mut |node| {
            found.extend(check_text(outline, node))
        });
    }
}

fn check_text(outline: &Outline<'_>, node: NodeId) -> Option<Problem> {
    let text = outline.text(node);
    if !text.contains(FORBIDDEN) {
        return None;
    }
    let places: Vec<(usize, char)> = literal_parts(text)
        .into_iter()
        .flat_map(|part| {
            let start = part.start;
            text[part]
                .char_indices()
                .map(move |(at, sign)| (start + at, sign))
        })
        .filter(|(_, sign)| FORBIDDEN.contains(sign))
        .collect();
    let mut signs: Vec<char> = Vec::new();
    for (_, sign) in &places {
        if !signs.contains(sign) {
            signs.push(*sign);
        }
    }
    let (first, rest) = places.split_first()?;
    let names: Vec<Value> = signs.iter().map(|sign| sign.to_string().into()).collect();
    let span = |at: usize| outline.document.source_span(node, at..at + 1);
    let mut problem = outline.problem(
        &RULE,
        span(first.0),
        format!(
            "the service may reject {} in arguments",
            code_list(&names, "and")
        ),
    );
    // More marks than these would hide the text that they are about.
    for (at, _) in rest.iter().take(7) {
        problem = problem.also(span(*at), "");
    }
    Some(problem.help(
        "Write the value without them, or use `pass: base64url` and decode the token in the script.",
    ))
}
