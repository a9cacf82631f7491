//! Playbooks with inputs, and what `svar plan` says of them: one folder for each, found by listing.
//!
//! `tests/cases/plan/<name>/` holds `playbook.yaml`, perhaps `inputs.yaml`, and the expectations
//! `plan.txt` and `plan.json`. `SVAR_WRITE_EXPECTED=1` writes them; read what it wrote.

use std::fs;
use std::path::PathBuf;

use svar::report::{plan_json, plan_text};
use svar_language::source::SourceText;
use svar_plan::GivenInputs;

use super::{compiled, target};

#[test]
fn each_plan_is_shown_as_its_case_says() {
    let mut folders: Vec<PathBuf> = fs::read_dir("tests/cases/plan")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let playbook = fs::read_to_string(folder.join("playbook.yaml")).unwrap();
        let given = GivenInputs {
            files: fs::read_to_string(folder.join("inputs.yaml"))
                .map(|text| vec![SourceText::new("inputs.yaml", text)])
                .unwrap_or_default(),
            ..GivenInputs::default()
        };
        let targets = vec![
            target(1, "ws-1", "Windows11"),
            target(2, "srv-2", "Linux"),
            target(3, "srv-3", "Linux"),
            target(4, "mac-4", "macOS"),
        ];
        let compiled = compiled(&playbook, &given, targets);
        let explained = plan_text(compiled.plan());
        for line in explained.lines().filter(|line| line.contains(' ')) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let written = serde_json::to_string_pretty(&plan_json(compiled.plan())).unwrap() + "\n";
        for (name, shown) in [("plan.txt", explained), ("plan.json", written)] {
            let expected = folder.join(name);
            if std::env::var_os("SVAR_WRITE_EXPECTED").is_some() {
                fs::write(&expected, &shown).unwrap();
            }
            let wanted = fs::read_to_string(&expected).unwrap_or_default();
            if wanted != shown {
                wrong.push(format!(
                    "== {}: wanted\n{wanted}\n== but shown is\n{shown}",
                    expected.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
