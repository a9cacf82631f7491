//! Playbooks with inputs, and what `svar plan` says of them: one folder for each, found by listing.
//!
//! `tests/cases/plan/<name>/` holds `playbook.yaml`, perhaps `inputs.yaml`, and the expectations
//! `explain.txt` and `document.json`. `SVAR_WRITE_EXPECTED=1` writes them; read what it wrote.

use std::fs;
use std::path::PathBuf;

use svar_language::diagnostic::render::{Style, text};
use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{Given, Inputs, Limits, LimitsProfile, RunNames, compile, document, explain};

use super::{linux, target, windows};

#[test]
fn each_plan_is_shown_as_its_case_says() {
    let mut folders: Vec<PathBuf> = fs::read_dir("tests/cases")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let playbook = fs::read_to_string(folder.join("playbook.yaml")).unwrap();
        let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
        assert!(
            loaded.playbook.is_some(),
            "{}",
            text(&loaded.problems, &Style::drawn())
        );
        let given = Given {
            files: fs::read_to_string(folder.join("inputs.yaml"))
                .map(|text| vec![SourceText::new("inputs.yaml", text)])
                .unwrap_or_default(),
            ..Given::default()
        };
        let inputs = Inputs::merge(&loaded, &given).unwrap();
        let targets = vec![
            windows(),
            linux(),
            target(3, "srv-3", "Linux"),
            target(4, "mac-4", "macOS"),
        ];
        let limits = Limits::of(LimitsProfile::Safe);
        let compiled = compile(
            &loaded,
            &NoFiles,
            &inputs,
            targets,
            &RunNames::default(),
            &limits,
        )
        .unwrap();
        let explained = explain(compiled.plan());
        for line in explained.lines().filter(|line| line.contains(' ')) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let written = serde_json::to_string_pretty(&document(compiled.plan())).unwrap() + "\n";
        for (name, shown) in [("explain.txt", explained), ("document.json", written)] {
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
