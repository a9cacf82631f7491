//! `script-type`: a script that the device's system does not run.

use crate::diagnostic::{Problem, Severity};
use crate::playbook::model::{Os, Verb};
use crate::playbook::outline::{Outline, is_template};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((Verb::Run, entry)) = step.verb else {
            continue;
        };
        let written = outline.text(entry.value);
        if is_template(written) {
            continue;
        }
        let script = outline.library_name(written);
        let Some((_, ending)) = script.rsplit_once('.') else {
            continue;
        };
        let ending = ending.to_ascii_lowercase();
        let runs_on: &[Os] = match ending.as_str() {
            "ps1" => &[Os::Windows],
            "sh" | "bash" => &[Os::Linux, Os::Macos],
            "bat" | "cmd" | "exe" | "msi" | "dll" | "vbs" | "js" | "py" | "pl" | "zsh" => &[],
            _ => continue,
        };
        let span = outline.span(entry.value);
        if runs_on.is_empty() {
            let mut problem = outline
                .problem(
                    "script-type",
                    span,
                    format!("live response runs no `.{ending}`: PowerShell on Windows, bash on Linux and macOS"),
                )
                .help("`put` the file, and `run` a script that starts it.");
            // Not documented as refused, so somebody's tenant may know better.
            problem.severity = Severity::Warning;
            found.push(problem);
            continue;
        }
        let Some(systems) = &step.systems else {
            continue;
        };
        if systems.is_empty() || systems.iter().any(|os| runs_on.contains(os)) {
            continue;
        }
        let names: Vec<&str> = systems.iter().map(|os| os.as_str()).collect();
        found.push(
            outline
                .problem(
                    "script-type",
                    span,
                    format!("{} runs no `.{ending}` script", names.join(" and ")),
                )
                .help("Windows runs PowerShell (`.ps1`), Linux and macOS run bash (`.sh`). `os` and `when` say what the step is for."),
        );
    }
}
