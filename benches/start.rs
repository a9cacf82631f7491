//! How soon svar is there: whole processes, beside a Rust program that only prints a line.
//!
//! `cargo bench --bench start`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod measure;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROUNDS: usize = 300;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let hello = build_hello(folder.path());
    let playbook = folder.path().join("playbook.yaml");
    let text = measure::playbook(1);
    std::fs::write(&playbook, &text).unwrap();

    let svar = Path::new(env!("CARGO_BIN_EXE_svar"));
    let [floor, version, check] = measure::in_turns(
        ROUNDS,
        [
            &mut || run(&hello, &[]),
            &mut || run(svar, &["--version".as_ref()]),
            &mut || run(svar, &["check".as_ref(), playbook.as_os_str()]),
        ],
    );
    measure::heading(&format!("Start of a process, {ROUNDS} rounds"));
    measure::row("hello world in Rust", &floor, None);
    measure::row("svar --version", &version, Some(&floor));
    let lines = text.lines().count();
    measure::row(
        &format!("svar check, one playbook of {lines} lines"),
        &check,
        Some(&floor),
    );
}

/// The floor: a program of one line, by the compiler and at the optimisation svar is built with.
fn build_hello(folder: &Path) -> PathBuf {
    let source = folder.join("hello.rs");
    let program = folder.join("hello");
    std::fs::write(&source, "fn main() { println!(\"hello, world\"); }\n").unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=3",
            "-C",
            "strip=debuginfo",
            "-o",
        ])
        .arg(&program)
        .arg(&source)
        .status()
        .unwrap();
    assert!(status.success(), "the floor could not be built");
    program
}

fn run(program: &Path, arguments: &[&std::ffi::OsStr]) {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{} {arguments:?}", program.display());
}
