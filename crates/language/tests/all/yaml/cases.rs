//! `tests/cases/yaml/<code>/<case>.yaml` and beside it what its author sees.
//!
//! `INSTA_UPDATE=always` writes the second from the first.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use svar_language::diagnostic::{Problem, render};
use svar_language::rules;
use svar_language::source::SourceText;
use svar_language::yaml::{self, Document, YamlLimits};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/yaml")
}

/// Every file of that kind, with its folder's name.
fn cases() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for code in fs::read_dir(folder()).unwrap() {
        let code = code.unwrap();
        for case in fs::read_dir(code.path()).unwrap() {
            let path = case.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                found.push((code.file_name().into_string().unwrap(), path));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn problems(path: &Path) -> Vec<Problem> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    match yaml::decode(name, fs::read(path).unwrap()) {
        Ok(source) => Document::read(&source, &YamlLimits::default()).problems,
        Err(problem) => vec![*problem],
    }
}

#[test]
fn each_case_is_told_as_expected() {
    let mut different = Vec::new();
    for (code, path) in cases() {
        let problems = problems(&path);
        assert!(
            problems.iter().any(|problem| problem.rule.id == code),
            "{} has no finding {code}",
            path.display()
        );
        let shown = render::text(&problems, &render::RenderStyle::unicode());
        let expected = path.with_extension("txt");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(&expected, &shown).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != shown {
            different.push(format!("{}\n{shown}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn each_rule_about_yaml_has_a_case() {
    let shown: BTreeSet<String> = cases().into_iter().map(|(code, _)| code).collect();
    for rule in rules::yaml() {
        assert!(shown.contains(rule.id), "{} has no case", rule.id);
    }
}

#[test]
fn each_fix_leaves_nothing_of_its_problem() {
    for (code, path) in cases() {
        for problem in problems(&path) {
            let Some(fix) = &problem.fix else { continue };
            let mut text = problem.source.text().to_owned();
            for edit in fix.edits.iter().rev() {
                text.replace_range(edit.span.range(), &edit.text);
            }
            let repaired = SourceText::new("repaired", text);
            let left = Document::read(&repaired, &YamlLimits::default()).problems;
            let count = |problems: &[Problem]| {
                let same = problems
                    .iter()
                    .filter(|other| other.rule.id == problem.rule.id);
                same.count()
            };
            assert!(
                count(&left) < count(&problems_of(&problem.source)),
                "{code}: {}: {:?} leaves {:?}",
                path.display(),
                fix,
                left.iter().map(|left| &left.message).collect::<Vec<_>>()
            );
        }
    }
}

fn problems_of(source: &SourceText) -> Vec<Problem> {
    Document::read(source, &YamlLimits::default()).problems
}
