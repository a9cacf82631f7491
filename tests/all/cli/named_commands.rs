//! Every command line of svar that a message, a help text, a comment or a page names must exist:
//! subcommand, options, and that an argument is expected where one is given.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use regex::Regex;

/// What is searched, relative to the repository.
const ROOTS: &[&str] = &[
    "src",
    "crates",
    "docs",
    "playbooks",
    "README.md",
    "CONTRIBUTING.md",
];

/// Files whose text is searched.
const EXTENSIONS: &[&str] = &["rs", "md", "yaml", "sh", "ps1"];

#[test]
fn every_command_that_is_named_exists() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files() {
        // Some files are examples of text that is not UTF-8.
        let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        let mut named = commands(&text);
        if path.to_string_lossy().contains("src/cli/") {
            named.extend(whole_literals(&text));
        }
        for command in named {
            count += 1;
            if let Err(why) = check(&command) {
                wrong.push(format!("{}: `{command}`: {why}", path.display()));
            }
        }
    }
    assert!(count > 100, "only {count} commands were found");
    assert!(wrong.is_empty(), "no such commands:\n{}", wrong.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    for wrong in [
        "svar library diff",
        "svar show --all",
        "svar runs 20260101",
        "svar resume RUN --waive",
        "svar run p.yaml -x",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
    for right in [
        "svar --version",
        "svar run … --rehearse",
        "svar run p.yaml -i days=7 --target tag:linux",
        "svar resume {name}{flags} --why REASON",
        "svar explain | head -1",
    ] {
        assert_eq!(check(right), Ok(()), "{right}");
    }
    let text = "x `svar show\n` y `svar runs` z\n```bash\nsvar run p.yaml  # try it\n```\n";
    assert_eq!(commands(text), ["svar runs", "svar run p.yaml"]);
    let text = "\"use `svar show {run} \\\n     --format json`\"";
    assert_eq!(commands(text), ["svar show {run} --format json"]);
}

/// Returns all files to search.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = (ROOTS.iter().map(|root| top.join(root)))
        .filter(|path| path.exists())
        .collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            paths.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if (path.extension().and_then(|name| name.to_str()))
            .is_some_and(|extension| EXTENSIONS.contains(&extension))
        {
            files.push(path);
        }
    }
    files
}

/// Returns the commands in backticks, and those that begin a line of an indented or fenced block.
fn commands(text: &str) -> Vec<String> {
    let continued = Regex::new(r"\\\n\s*").expect("a pattern");
    let text = continued.replace_all(text, "");
    let named = Regex::new(r"`(svar [^`\n]+)`").expect("a pattern");
    let mut commands: Vec<String> = (named.captures_iter(&text))
        .map(|found| found[1].to_owned())
        .collect();
    let mut in_block = false;
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '/', '!']);
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block
            && let command = line.trim_start_matches("$ ")
            && command.starts_with("svar ")
            && !command.starts_with("svar  ")
        {
            let command = command.split(" #").next().unwrap_or(command);
            commands.push(command.trim_end().to_owned());
        }
    }
    commands
}

/// Returns the string literals that are a command from their first letter on.
fn whole_literals(text: &str) -> Vec<String> {
    let literal = Regex::new(r#""(svar [a-z][^"\\]*)""#).expect("a pattern");
    (literal.captures_iter(text))
        .map(|found| found[1].to_owned())
        .collect()
}

/// Compares a command line with the real one. Words such as `{run}` and `…` stand for any arguments.
fn check(line: &str) -> Result<(), String> {
    let top = svar::cli::Cli::command();
    let line = line.split(['|', '>', ';', '&']).next().unwrap_or(line);
    let mut words = line.split_whitespace().skip(1);
    let Some(name) = words.next() else {
        return Ok(());
    };
    if matches!(name, "--version" | "--help" | "-V" | "-h" | "help") {
        return Ok(());
    }
    if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        return Ok(());
    }
    let command = top
        .find_subcommand(name)
        .ok_or_else(|| format!("there is no subcommand `{name}`"))?;
    let mut positionals = command.get_positionals().count();
    let accepts_many =
        (command.get_positionals()).any(|arg| matches!(arg.get_action(), clap::ArgAction::Append));
    let mut takes_value = false;
    for word in words {
        let word = word.trim_end_matches([',', '.']);
        let is_any = word == "…" || word == "..." || word.contains("}{");
        if std::mem::take(&mut takes_value) || is_any {
            continue;
        }
        let known = |is: &dyn Fn(&clap::Arg) -> bool| {
            (command.get_arguments().chain(top.get_arguments())).find(|arg| is(arg))
        };
        if let Some(long) = word.strip_prefix("--") {
            let long = long.split('=').next().unwrap_or(long);
            if long == "help" {
                continue;
            }
            let arg = known(&|arg| arg.get_long() == Some(long))
                .ok_or_else(|| format!("`svar {name}` has no option `--{long}`"))?;
            takes_value = arg.get_action().takes_values() && !word.contains('=');
        } else if let Some(short) = word.strip_prefix('-').and_then(|word| word.chars().next()) {
            let arg = known(&|arg| arg.get_short() == Some(short))
                .ok_or_else(|| format!("`svar {name}` has no option `-{short}`"))?;
            takes_value = arg.get_action().takes_values();
        } else if positionals == 0 {
            return Err(format!("`svar {name}` takes no argument `{word}`"));
        } else if !accepts_many {
            positionals -= 1;
        }
    }
    Ok(())
}
