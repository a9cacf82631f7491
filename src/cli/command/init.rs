//! `svar init`: a first playbook to write on from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::cli::args::InitArgs;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Style, Terminal, say};

/// What the file holds: small, whole, and runnable on the built-in emulator.
const FIRST: &str = r#"# yaml-language-server: $schema=playbook.schema.json
# Check it with `svar check @FILE@`, rehearse it with `svar run @FILE@`.
playbook: 1
name: Who is logged in
description: Lists the users that are logged in, and keeps the list as a file.
risk: read
os: linux
comment: Live response by ${{ run.operator }}
inputs:
  folder:
    type: path
    default: /var/tmp
    description: Where the list is written on the device.
library:
  who: { path: who.sh }
targets: { tag: linux }
steps:
  - id: list
    run: who
    args: [ "${{ inputs.folder }}/who.txt" ]
    expect: { exit: 0 }
  - get: ${{ inputs.folder }}/who.txt
"#;

/// The script beside it.
const SCRIPT: &str = r#"#!/bin/bash
# Writes who is logged in, and the time it was asked, to the file given as first argument.
set -eu
{
  date -u +%Y-%m-%dT%H:%M:%SZ
  who 2>/dev/null || id
} | tee "$1"
"#;

pub(crate) fn run(args: &InitArgs, terminal: &Terminal) -> Outcome {
    // Empty for a name alone: then everything is written where svar was called.
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let script = folder.join("who.sh");
    let schema = folder.join("playbook.schema.json");
    for path in [&args.file, &script, &schema] {
        if path.exists() {
            return Err(exists(path));
        }
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let shown = args.file.display().to_string();
    write_new(&args.file, &FIRST.replace("@FILE@", &shown))?;
    write_new(&script, SCRIPT)?;
    write_new(&schema, &svar_language::playbook::schema())?;
    let next = terminal.paint(Style::Strong, &format!("svar run {shown}"));
    say(&format!(
        "wrote {shown}, the script it runs ({}) and the schema for your editor ({})\n  next: {next}\n",
        script.display(),
        schema.display(),
    ));
    Ok(Exit::Done)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(path),
            _ => unwritable(path, &error),
        })
}

fn exists(path: &Path) -> Failure {
    Failure::refused(format!("`{}` is there already", path.display()))
        .help("give another name: `svar init other-folder/playbook.yaml`; nothing is overwritten")
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::refused(format!("`{}` can't be written: {error}", path.display()))
        .help("choose a folder that you may write to")
}
