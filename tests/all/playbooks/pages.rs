//! The pages of the repository: what they show works.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use svar_language::playbook::{FileStatus, Files, load};
use svar_language::source::SourceText;

use crate::cli::builder::Svar;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path());
    let folders = [
        root().to_owned(),
        root().join("docs"),
        root().join("playbooks"),
    ];
    let mut pages: Vec<PathBuf> = folders
        .into_iter()
        .chain(crates)
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// A block of code: its page, the line of its first line, its language, its text.
struct Block {
    page: String,
    line: usize,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for path in pages() {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(language), None) => {
                    open = Some(Block {
                        page: page.clone(),
                        line: number + 2,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block of code does not end");
    }
    blocks
}

/// Beside the playbooks of the pages lies every file they name.
struct Everything;

impl Files for Everything {
    fn status(&self, _: &str) -> FileStatus {
        FileStatus::File { size: 100 }
    }

    fn sha256(&self, _: &str) -> io::Result<String> {
        Ok("0".repeat(64))
    }
}

#[test]
fn every_playbook_shown_passes_the_check() {
    let mut shown = 0;
    for block in blocks() {
        if block.language != "yaml" || !block.text.contains("playbook: 1\n") {
            continue;
        }
        shown += 1;
        let name = format!("{}:{}", block.page, block.line);
        let loaded = load(&SourceText::new(name.clone(), block.text), &Everything);
        let found: Vec<String> = (loaded.problems.iter())
            .map(|problem| format!("{}: {}", problem.rule.id, problem.message))
            .collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
    assert!(shown > 5, "only {shown} playbooks were found");
}

#[test]
fn every_scenario_shown_is_one_that_the_emulator_reads() {
    let mut shown = 0;
    for block in blocks() {
        if block.page != "docs/emulator.md" || block.language != "yaml" {
            continue;
        }
        shown += 1;
        let place = format!("{}:{}", block.page, block.line);
        let scenario: svar_emulator::Scenario =
            serde_yaml::from_str(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(scenario.problems(), [], "{place}");
        let devices = scenario.devices.len() + scenario.fleets.len();
        assert!(devices > 0, "{place}");
    }
    assert!(shown > 0);
}

/// The commands typed in the pages: subcommand and the options after it.
fn commands() -> BTreeSet<(String, Vec<String>)> {
    let called =
        Regex::new(r"(?m)^(?:\$ )?(?:svar|cargo run --release --) ([a-z]+)([^\n]*)$").unwrap();
    let option = Regex::new(r" (--[a-z][a-z-]*)").unwrap();
    blocks()
        .iter()
        .filter(|block| ["sh", "console"].contains(&block.language.as_str()))
        .flat_map(|block| {
            called.captures_iter(&block.text).map(|found| {
                let options = option.captures_iter(&found[2]);
                let options = options.map(|option| option[1].to_owned()).collect();
                (found[1].to_owned(), options)
            })
        })
        .collect()
}

#[test]
fn every_command_shown_is_one_that_svar_takes() {
    let commands = commands();
    assert!(commands.len() > 5, "only {commands:?} were found");
    for (name, options) in commands {
        let help = Svar::new(&name).arg("--help").run().code(0).stdout;
        for option in options {
            assert!(
                help.contains(&option),
                "`svar {name}` takes no {option}\n{help}"
            );
        }
    }
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for found in link.captures_iter(&text) {
            let target = path.parent().unwrap().join(&found[1]);
            assert!(
                target.exists(),
                "{}: {} is not there",
                path.display(),
                &found[1]
            );
        }
    }
}
