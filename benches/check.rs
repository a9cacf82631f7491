//! What checking costs, beside the two crates it stands on doing nothing but their own part.
//!
//! The floor for a set of playbooks is one thread that pulls all events out of the YAML scanner and
//! validates values, read beforehand, against the same schema. It keeps no positions, builds no
//! tree, knows no rule, opens no expression and reads no file.
//!
//! `cargo bench --bench check`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod measure;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;

const PLAYBOOKS: usize = 1_000;
const ROUNDS: usize = 15;

fn main() {
    let texts: Vec<String> = (0..PLAYBOOKS).map(measure::playbook).collect();
    for text in &texts {
        let loaded = load(&SourceText::new("playbook.yaml", text.clone()), &NoFiles);
        assert!(loaded.playbook.is_some(), "{:?}", loaded.problems);
    }
    many(&texts);
    large();
}

fn many(texts: &[String]) {
    let schema: serde_json::Value =
        serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&schema)
        .unwrap();
    let values: Vec<serde_json::Value> = (texts.iter())
        .map(|text| serde_yaml::from_str(text).unwrap())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number:04}.yaml")), text).unwrap();
    }

    let [floor, ours, process] = measure::in_turns(
        ROUNDS,
        [
            &mut || {
                for (text, value) in texts.iter().zip(&values) {
                    for event in granit_parser::Parser::new_from_str(text) {
                        black_box(event.unwrap());
                    }
                    assert!(validator.is_valid(black_box(value)));
                }
            },
            &mut || {
                for text in texts {
                    black_box(load(
                        &SourceText::new("playbook.yaml", text.as_str()),
                        &NoFiles,
                    ));
                }
            },
            &mut || check(folder.path()),
        ],
    );
    let lines = texts[0].lines().count();
    measure::heading(&format!(
        "Checking {PLAYBOOKS} playbooks of {lines} lines, {ROUNDS} rounds"
    ));
    measure::row("floor: events and validation, one thread", &floor, None);
    measure::row("everything svar checks, one thread", &ours, Some(&floor));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let name = format!("svar check FOLDER, whole process, {cores} cores");
    measure::row(&name, &process, Some(&floor));
}

/// One playbook, again and again twice as large: linear time doubles with it.
fn large() {
    let texts = [1_250_000, 2_500_000, 5_000_000].map(|bytes| {
        let mut text = String::from("playbook: 1\nname: Large\nsteps:\n");
        let mut step = 0;
        while text.len() < bytes {
            text.push_str(&format!(
                "  - id: step_{step}\n    run: collect.ps1\n    args: {{ Part: {step}, On: \"${{{{ target.name }}}}\" }}\n    expect: {{ exit: 0, stdout: {{ contains: COLLECTED-{step} }} }}\n"
            ));
            step += 1;
        }
        text
    });
    let once = |text: &str| {
        let loaded = load(&SourceText::new("large.yaml", text), &NoFiles);
        assert!(loaded.playbook.is_some(), "{:?}", loaded.problems.first());
    };
    let [quarter, half, whole] = measure::in_turns(
        5,
        [
            &mut || once(&texts[0]),
            &mut || once(&texts[1]),
            &mut || once(&texts[2]),
        ],
    );
    measure::heading("One large playbook, 5 rounds; the ratio is to the row above");
    measure::row("1.25 MB", &quarter, None);
    measure::row("2.5 MB", &half, Some(&quarter));
    measure::row("5 MB", &whole, Some(&half));
}

fn check(folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_svar"))
        .arg("check")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}
