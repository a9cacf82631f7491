//! `svar init`: creates a new playbook.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::json;

use crate::cli::args::{InitArgs, OutputFormat};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, eprint, print_json};

/// The new playbook: small, complete, and runnable on the built-in emulator.
const PLAYBOOK: &str = r#"# yaml-language-server: $schema=playbook.schema.json
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

/// The script that it runs.
const SCRIPT: &str = r#"#!/bin/bash
# Writes who is logged in, and the time it was asked, to the file given as first argument.
set -eu
{
  date -u +%Y-%m-%dT%H:%M:%SZ
  who 2>/dev/null || id
} | tee "$1"
"#;

pub(crate) fn run(args: &InitArgs, terminal: &Terminal) -> CommandResult {
    // The parent of a bare file name is empty, which is the working folder.
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let script = folder.join("who.sh");
    let schema = folder.join("playbook.schema.json");
    for path in [&args.file, &script, &schema] {
        if path.exists() {
            return Err(already_exists(path));
        }
    }
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let shown = args.file.display().to_string();
    write_new(&args.file, &PLAYBOOK.replace("@FILE@", &shown))?;
    write_new(&script, SCRIPT)?;
    write_new(&schema, &svar_language::playbook::committed_schema())?;
    if args.output.format == OutputFormat::Json {
        print_json(&json!({
            "version": 1,
            "playbook": args.file,
            "script": script,
            "schema": schema,
        }))?;
        return Ok(Exit::Success);
    }
    let next = terminal.paint(TextStyle::Strong, &format!("svar run {shown}"));
    eprint(&format!(
        "created {shown}, its script ({}) and the schema for your editor ({})\n  next: {next}\n",
        script.display(),
        schema.display(),
    ));
    Ok(Exit::Success)
}

fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => already_exists(path),
            _ => unwritable(path, &error),
        })
}

fn already_exists(path: &Path) -> CommandError {
    CommandError::refused(format!("`{}` already exists", path.display()))
        .help("nothing is overwritten; use another name, for example `svar init other-folder/playbook.yaml`")
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::refused(format!("cannot write `{}`: {error}", path.display()))
        .help("use a folder that is writable")
}
