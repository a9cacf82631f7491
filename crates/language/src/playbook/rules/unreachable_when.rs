//! `unreachable-when`: a condition that never holds.

use crate::diagnostic::{Edit, Problem, Rule, Severity, nearest};
use crate::playbook::condition::{expression_range, family_comparisons};
use crate::playbook::model::Os;
use crate::playbook::outline::Outline;
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "unreachable-when",
    severity: Severity::Warning,
    title: "condition is never true",
    page: r"
The step is skipped on every device: its condition is `false`, or it requires two operating
systems at once, one that the playbook is not for, or one that does not exist. Families are
`windows`, `linux` and `macos`, in lower case.

Wrong:

```yaml
os: linux
steps:
  - when: target.family == 'windows'
    run: triage.ps1
```

Right:

```yaml
steps:
  - when: target.family == 'windows'
    run: triage.ps1
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some(when) = outline.key(step, "when") else {
            continue;
        };
        if outline.document.node(when.value).is_collection() {
            continue;
        }
        found.extend(check_condition(outline, when.value));
    }
}

fn check_condition(outline: &Outline<'_>, node: NodeId) -> Option<Problem> {
    let text = outline.text(node);
    let never = |message: String| outline.problem(&RULE, outline.span(node), message);
    if text[expression_range(text)].trim() == "false" {
        return Some(
            never("this step never runs".to_owned()).help("Remove the step, or its condition."),
        );
    }
    let comparisons = family_comparisons(text)?;
    let known = || Os::ALL.into_iter().map(Os::as_str);
    if let Some(unknown) = comparisons
        .iter()
        .find(|comparison| !known().any(|os| os == comparison.word))
    {
        let span = outline.document.source_span(node, unknown.range.clone());
        let effect = if unknown.is_negated {
            "always"
        } else {
            "never"
        };
        let problem = outline.problem(
            &RULE,
            span,
            format!(
                "no device has the family `{}`, so this is {effect} true",
                unknown.word
            ),
        );
        return Some(match nearest(&unknown.word, known()) {
            Some(near) => problem
                .label(format!("did you mean `{near}`?"))
                .help("Families are `windows`, `linux` and `macos`.")
                .fix(
                    format!("Write `{near}`"),
                    vec![Edit {
                        span,
                        text: near.to_owned(),
                    }],
                ),
            None => problem.help("Families are `windows`, `linux` and `macos`."),
        });
    }
    let possible = |os: &Os| comparisons.iter().all(|comparison| comparison.holds(*os));
    if !Os::ALL.iter().any(possible) {
        return Some(never(
            "no device has two families, so this step never runs".to_owned(),
        ));
    }
    let os = outline.os.filter(|os| !possible(os))?;
    let written = outline.document.get(outline.document.root(), "os")?;
    Some(
        never(format!(
            "the playbook is for {}, so this step never runs",
            os.as_str()
        ))
        .also(outline.span(written), "every other device is skipped")
        .help("Remove the step, or `os`."),
    )
}
