//! `costly-order`: an order of steps that needs an extra session.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::{StepSection, Verb};
use crate::playbook::outline::{MapParts, Outline, StepOutline, is_template};

pub(super) static RULE: Rule = Rule {
    id: "costly-order",
    severity: Severity::Hint,
    title: "step order that needs an extra session",
    page: r"
The service runs the commands of a session in a fixed order: first `put`, then `run`, then
`get`. svar keeps the order of the steps, so a step that comes too late for its kind starts a
new session on every device. A session takes about three minutes, and a tenant may start ten a
minute: on 600 devices one extra session each adds an hour. If the order matters, for example
because a script deletes what was collected before, keep it and suppress the finding with that
reason.

Wrong:

```yaml
steps:
  - run: collect.ps1
  - get: C:\ProgramData\ir\out.zip
  - run: list-users.ps1
```

Right:

```yaml
steps:
  - run: collect.ps1
  - run: list-users.ps1
  - get: C:\ProgramData\ir\out.zip
```
",
};

/// Reports steps that start a session only because of their order. A session has the order put, run, get
/// (API notes 3.3). Where a session starts for another reason, the order costs nothing.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for section in StepSection::ALL {
        // Step of the current session that comes last in the order of verbs.
        let mut latest: Option<(Verb, &StepOutline<'_>)> = None;
        let mut sessions = 1;
        for step in outline.steps.iter().filter(|step| step.section == section) {
            let Some((verb, entry)) = step.verb else {
                continue;
            };
            if latest.is_some() && reads_results(outline, step) {
                latest = None;
                sessions += 1;
            }
            if let Some((before, of)) = latest
                && verb < before
                && may_share_device(of, step)
            {
                sessions += 1;
                let (name, earlier) = (verb.as_str(), before.as_str());
                let problem = outline.problem(
                    &RULE,
                    outline.span(entry.key),
                    format!("`{name}` after `{earlier}` starts session {sessions} on every device"),
                );
                let problem = match of.verb {
                    Some((_, first)) => problem.also(
                        outline.span(first.key),
                        format!("after this, the session takes no more `{name}`"),
                    ),
                    None => problem,
                };
                found.push(problem.help(format!(
                    "A session runs `put`, then `run`, then `get`. It takes about three minutes and one of \
                     the tenant's ten starts a minute. If possible, move this \
                     step before the `{earlier}`."
                )));
                latest = None;
            }
            let is_later = latest.is_none_or(|(before, _)| verb > before);
            if is_later {
                latest = Some((verb, step));
            }
            if ends_session(outline, step) {
                latest = None;
                sessions += 1;
            }
        }
    }
}

/// Returns whether both steps can run on the same device.
fn may_share_device(one: &StepOutline<'_>, other: &StepOutline<'_>) -> bool {
    match (&one.systems, &other.systems) {
        (Some(one), Some(other)) => one.iter().any(|os| other.contains(os)),
        _ => true,
    }
}

fn reads_results(outline: &Outline<'_>, step: &StepOutline<'_>) -> bool {
    let mut reads = false;
    for entry in step.entries {
        let is_condition = outline.text(entry.key) == "when";
        outline.scalars(entry.value, MapParts::Values, &mut |node| {
            let text = outline.text(node);
            reads |= (is_condition || is_template(text)) && text.contains("steps.");
        });
    }
    reads
}

fn ends_session(outline: &Outline<'_>, step: &StepOutline<'_>) -> bool {
    let says = |key: &str, word: &str| {
        outline
            .key(step, key)
            .is_some_and(|entry| outline.text(entry.value) == word)
    };
    says("gate", "true") || says("on_fail", "continue") || outline.key(step, "retry").is_some()
}
