//! What the author of a playbook sees: one folder for each finding, found by listing.
//!
//! `tests/cases/check/<code>/` holds a `playbook.yaml` and `expected.txt`, exactly what `svar
//! check` draws for it. `SVAR_WRITE_EXPECTED=1` writes the expectations; read what it wrote.

use std::fs;
use std::path::{Path, PathBuf};

use svar::diagnostic::render::{Style, text};
use svar::diagnostic::{Severity, rules};
use svar::playbook::{Beside, Loaded, load};
use svar::source::SourceText;

fn folders(root: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn load_file(path: &Path) -> Loaded {
    let name = path.file_name().unwrap().to_str().unwrap();
    let source = SourceText::new(name, fs::read_to_string(path).unwrap());
    load(&source, &Beside::playbook(path))
}

fn load_text(playbook: &str) -> Loaded {
    let source = SourceText::new("playbook.yaml", playbook);
    load(&source, &svar::playbook::NoFiles)
}

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded
        .problems
        .iter()
        .map(|problem| problem.rule.id)
        .collect()
}

#[test]
fn each_finding_is_drawn_as_its_case_says() {
    let mut wrong = Vec::new();
    for folder in folders("tests/cases/check") {
        let code = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let loaded = load_file(&folder.join("playbook.yaml"));
        let drawn = text(&loaded.problems, &Style::drawn());
        assert!(
            codes(&loaded).contains(&code.as_str()),
            "the playbook of `{code}` does not show it, but:\n{drawn}"
        );
        let expected = folder.join("expected.txt");
        if std::env::var_os("SVAR_WRITE_EXPECTED").is_some() {
            fs::write(&expected, &drawn).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != drawn {
            wrong.push(format!(
                "== {code}: wanted\n{wanted}\n== {code}: but drawn is\n{drawn}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
