//! What the author of a playbook sees: one folder for each finding, found by listing.
//!
//! `tests/cases/check/<code>/` holds a `playbook.yaml` and `expected.txt`, exactly what `svar
//! check` draws for it. `SVAR_WRITE_EXPECTED=1` writes the expectations; read what it wrote.

use std::fs;
use std::path::{Path, PathBuf};

use svar_language::diagnostic::Severity;
use svar_language::diagnostic::render::{RenderStyle, text};
use svar_language::playbook::{Loaded, PlaybookFolder, load};
use svar_language::rules;
use svar_language::source::SourceText;

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
    load(&source, &PlaybookFolder::of(path))
}

fn load_text(playbook: &str) -> Loaded {
    let source = SourceText::new("playbook.yaml", playbook);
    load(&source, &svar_language::playbook::NoFiles)
}

fn rule_ids(loaded: &Loaded) -> Vec<&str> {
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
        let rendered = text(&loaded.problems, &RenderStyle::unicode());
        assert!(
            rule_ids(&loaded).contains(&code.as_str()),
            "the playbook of `{code}` does not show it, but:\n{rendered}"
        );
        let expected = folder.join("expected.txt");
        if std::env::var_os("SVAR_WRITE_EXPECTED").is_some() {
            fs::write(&expected, &rendered).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != rendered {
            wrong.push(format!(
                "== {code}: wanted\n{wanted}\n== {code}: but rendered is\n{rendered}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules about the shape, expressions and meaning of a playbook: each has a folder of its name.
/// Those about YAML have theirs in `tests/cases/yaml/`.
#[test]
fn every_rule_has_a_case_and_a_page() {
    // Sparse files stand in for the large ones, in a test of its own; a template fails to evaluate
    // only when a plan is made.
    let elsewhere = ["large-file", "template-value"];
    let mut cases: Vec<String> = folders("tests/cases/check")
        .iter()
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    for rule in rules::all().skip(rules::yaml().len()) {
        let has_case = cases.iter().any(|case| case == rule.id);
        assert!(
            has_case || elsewhere.contains(&rule.id),
            "no case for `{}`",
            rule.id
        );
        cases.retain(|case| case != rule.id);
        let has_right = rule.page.contains("Right:") || rule.page.contains("| here |");
        let is_list = rule.page.contains("Tests, after `is`") || rule.id == "template-too-large";
        assert!(has_right || is_list, "page of `{}`", rule.id);
    }
    assert!(cases.is_empty(), "cases without a rule: {cases:?}");
}

#[test]
fn good_playbooks_pass_without_a_word() {
    let mut playbooks: Vec<PathBuf> = fs::read_dir("../../playbooks")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    playbooks.push("tests/cases/everything.yaml".into());
    for path in playbooks {
        let loaded = load_file(&path);
        let rendered = text(&loaded.problems, &RenderStyle::unicode());
        assert_eq!(rendered, "", "{}", path.display());
        assert!(loaded.playbook.is_some(), "{}", path.display());
    }
}

#[test]
fn one_wrong_key_hides_no_other_finding() {
    let playbook = "playbook: 1\ncolour: red\nsteps:\n  - { id: a, run: 'x*.ps1' }\n  - { id: a, get: temp }\n";
    let loaded = load_text(playbook);
    assert!(loaded.playbook.is_none());
    assert_eq!(
        rule_ids(&loaded),
        [
            "unknown-key",
            "invalid-library-name",
            "duplicate-id",
            "relative-path"
        ]
    );
}

#[test]
fn a_file_too_large_for_the_library_or_the_device_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sparse = |name: &str, megabytes: u64| {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_len(megabytes * 1024 * 1024).unwrap();
    };
    sparse("small.bin", 10);
    sparse("medium.bin", 11);
    sparse("large.bin", 21);
    let playbook = "
playbook: 1
os: linux
library:
  small: { path: small.bin }
  medium: { path: medium.bin }
  large: { path: large.bin }
steps:
  - put: small
  - put: medium
  - put: large
";
    let source = SourceText::new("playbook.yaml", playbook);
    let loaded = load(&source, &PlaybookFolder::new(folder.path()));
    let messages: Vec<&str> = loaded
        .problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "`large.bin` is 21.0 MB; the library accepts at most 20 MB",
            "`medium` is 11.0 MB; `put` accepts at most 10 MB on Linux and macOS",
        ]
    );
}

#[test]
fn a_fix_resolves_its_finding() {
    for folder in folders("tests/cases/check") {
        let path = folder.join("playbook.yaml");
        let before = fs::read_to_string(&path).unwrap();
        for problem in load_file(&path).problems {
            let Some(fix) = &problem.fix else { continue };
            let mut edits = fix.edits.clone();
            edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
            let mut after = before.clone();
            for edit in &edits {
                after.replace_range(edit.span.range(), &edit.text);
            }
            let source = SourceText::new("playbook.yaml", after);
            let left = load(&source, &PlaybookFolder::of(&path)).problems;
            let same = |other: &&svar_language::diagnostic::Problem| {
                other.rule.id == problem.rule.id && other.message == problem.message
            };
            let count = |problems: &[svar_language::diagnostic::Problem]| {
                problems.iter().filter(same).count()
            };
            let was = count(&load_file(&path).problems);
            assert!(
                count(&left) < was,
                "`{}` in {} leaves:\n{}",
                fix.title,
                path.display(),
                text(&left, &RenderStyle::unicode())
            );
        }
    }
}

#[test]
fn a_suppressed_error_leaves_a_playbook() {
    let wild = "playbook: 1\nsteps:\n  - get: /var/log/a*  # svar: allow not-a-single-file -- that is its name\n";
    let loaded = load_text(wild);
    assert!(rule_ids(&loaded).is_empty() && loaded.playbook.is_some());
    let stacked = "playbook: 1\nsteps:\n  # svar: allow not-a-single-file -- that is its name\n  # Collected for case 118.\n  - get: /var/log/a*\n";
    assert!(rule_ids(&load_text(stacked)).is_empty());
}

#[test]
fn a_hint_does_not_keep_a_playbook_from_being_read() {
    let loaded = load_text("playbook: 1\nsteps:\n  - get: /var/log/auth.log\n  - run: a.sh\n");
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.problems[0].severity, Severity::Hint);
    assert!(loaded.playbook.is_some());
}

#[test]
fn a_large_playbook_full_of_mistakes_is_read_in_one_go() {
    // A rule that compares everything with everything would keep this test busy for minutes.
    let mut playbook = "playbook: 1\ninputs:\n".to_owned();
    for number in 0..2_000 {
        playbook += &format!("  input_{number}: {{ typ: int }}\n");
    }
    playbook += "library:\n";
    for number in 0..2_000 {
        playbook += &format!("  file_{number}: {{ name: file-{number}.ps1 }}\n");
    }
    playbook += "steps:\n";
    for number in 0..2_000 {
        playbook += &format!("  - {{ run: fil_{number}, id: step_{number}, argz: 1 }}\n");
    }
    let loaded = load_text(&playbook);
    let count = |code: &str| {
        rule_ids(&loaded)
            .iter()
            .filter(|other| **other == code)
            .count()
    };
    assert_eq!(count("unknown-key"), 4_000);
    assert_eq!(count("unused-input"), 2_000);
    assert_eq!(count("unused-library"), 2_000);
}

#[test]
fn a_key_that_yaml_refuses_is_told_once() {
    for (text, code) in [
        (
            "playbook: 1\n? [a, b]\n: 3\nsteps:\n  - get: /x\n",
            "collection-key",
        ),
        ("playbook: 1\n: 3\nsteps:\n  - get: /x\n", "empty-key"),
        ("playbook: 1\n'': 3\nsteps:\n  - get: /x\n", "empty-key"),
        (
            "playbook: 1\nsteps:\n  - get: /x\n    <<: { id: a }\n",
            "merge-key",
        ),
    ] {
        assert_eq!(rule_ids(&load_text(text)), [code], "{text}");
    }
}

#[test]
fn a_number_that_is_not_the_one_wanted_is_told_in_the_authors_words() {
    for (text, message) in [
        (
            "playbook: 1.0\nsteps:\n  - get: /x\n",
            "`playbook` must be a whole number written in digits and not too large, not `1.0`",
        ),
        (
            "playbook: 1\nsteps:\n  - run: x.sh\n    expect: { exit: 1e25 }\n",
            "`exit` must be a whole number written in digits and not too large, not `1e25`",
        ),
    ] {
        let loaded = load_text(text);
        let messages: Vec<&str> = (loaded.problems.iter())
            .map(|problem| problem.message.as_str())
            .collect();
        assert_eq!(messages, [message]);
    }
}
