//! The real program, killed at many moments with SIGKILL and resumed, until its run is over.
//! The judge is the emulator's own ledger: every session was started exactly once.
//!
//! The moments come from seeds; seeds are played until there were enough kills: twenty, or two hundred in
//! `.ci/test`. A failing seed is printed; `SVAR_CRASH_SEEDS=7,8,9` plays those, and
//! `SVAR_CRASH_SEEDS=0-200` a range.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DEVICES: usize = 6;

/// Kills in `cargo test`, at least.
const KILLS: u64 = 20;
/// Kills in `.ci/test`, at least.
const KILLS_OF_CI: u64 = 200;
/// Kills of one run, at most: then it may end.
const KILLS_OF_A_RUN: u64 = 40;

/// Two main sessions, because the second step is a gate, and cleanup.
const SESSIONS: usize = 3;

const PLAYBOOK: &str = "playbook: 1
name: Crash
risk: change
os: linux
library:
  work: { path: work.sh }
targets: { tag: triage }
steps:
  - id: make
    run: work
    args: [make]
    gate: true
    expect: { exit: 0 }
  - id: use
    run: work
    args: [use]
  - id: result
    get: /var/tmp/made.txt
cleanup:
  - run: work
    args: [clean]
";

const SCRIPT: &str = r#"#!/bin/bash
made="$SVAR_DEVICE_ROOT/var/tmp/made.txt"
mkdir -p "$(dirname "$made")"
case "$1" in
  make) echo made >> "$made" ;;
  use) echo used >> "$made" ;;
  clean) rm -f "$made" ;;
esac
echo "$1 done"
"#;

/// Six Linux servers on a clock that plays a minute in 60 ms. Scripts run as fast as this computer does,
/// however fast the clock goes.
const SCENARIO: &str = "name: crash
factor: 1000
settings: { script_time_limit: 24 h }
devices:
  - { name: web-01.example.org, os: Linux, tags: [triage] }
  - { name: web-02.example.org, os: Linux, tags: [triage] }
  - { name: web-03.example.org, os: Linux, tags: [triage] }
  - { name: web-04.example.org, os: Linux, tags: [triage] }
  - { name: web-05.example.org, os: Linux, tags: [triage] }
  - { name: web-06.example.org, os: Linux, tags: [triage] }
";

/// An emulator in its own process, which ends when the value is dropped.
struct Emulator {
    process: Child,
    address: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    fn start(folder: &Path) -> Emulator {
        let scenario = folder.join("scenario.yaml");
        std::fs::write(&scenario, SCENARIO).expect("written");
        let mut process = svar(folder)
            .args(["emulator", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(&scenario)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        Emulator {
            process,
            address: said["listening"].as_str().expect("an address").to_owned(),
        }
    }

    fn started_sessions(&self) -> Vec<serde_json::Value> {
        crate::cli::builder::started_sessions(&self.address)
    }
}

fn svar(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svar"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Numbers that follow from a seed alone (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The journal of the one run, once there is one.
fn journal(folder: &Path) -> Option<PathBuf> {
    let run = std::fs::read_dir(folder.join("svar-runs")).ok()?.next()?;
    Some(run.ok()?.path().join("journal.jsonl"))
}

/// Returns whether the run has its summary, and with it nothing left to resume.
fn is_over(folder: &Path) -> bool {
    journal(folder).is_some_and(|path| path.with_file_name("summary.json").exists())
}

fn lines(folder: &Path) -> usize {
    let text = journal(folder).and_then(|path| std::fs::read(path).ok());
    let text = text.unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count()
}

/// Waits until the journal has so many lines, and a little longer, and kills the process. Returns the exit
/// code if the process ended by itself before.
fn kill_behind(folder: &Path, mut process: Child, line: usize, further: Duration) -> Option<i32> {
    let long_ago = Instant::now();
    while lines(folder) < line {
        if let Some(status) = process.try_wait().expect("a child of ours") {
            return status.code();
        }
        assert!(
            long_ago.elapsed() < Duration::from_secs(120),
            "the run stands still"
        );
        std::thread::sleep(Duration::from_micros(300));
    }
    // Between two lines much happens: a call is sent, acted on, answered.
    std::thread::sleep(further);
    process.kill().expect("a child of ours");
    process.wait().expect("a child of ours").code()
}

/// Starts the run, or resumes it.
fn go_on(folder: &Path, emulator: &Emulator) -> Child {
    let begun = journal(folder).is_some_and(|path| path.with_file_name("run.json").exists());
    let mut command = svar(folder);
    if begun {
        command.arg("resume");
    } else {
        // A kill before the folder was whole leaves none of a run; what it left is no run.
        let _ = std::fs::remove_dir_all(folder.join("svar-runs"));
        command.args(["run", "playbook.yaml", "--emulator", &emulator.address]);
    }
    let said = std::fs::File::create(folder.join("said.txt")).expect("a file");
    command.stderr(said).spawn().expect("it starts")
}

/// Plays a run to its end, and returns how often it was killed.
fn play(seed: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("playbook.yaml"), PLAYBOOK).expect("written");
    std::fs::write(folder.join("work.sh"), SCRIPT).expect("written");
    let emulator = Emulator::start(folder);
    let mut chance = Chance(seed);
    let mut killed = 0;
    let mut ended = None;
    while killed < KILLS_OF_A_RUN && !is_over(folder) {
        let line = lines(folder) + chance.below(7) as usize;
        let further = Duration::from_micros(chance.below(12_000));
        let process = go_on(folder, &emulator);
        match kill_behind(folder, process, line, further) {
            None => killed += 1,
            Some(code) => {
                ended = Some(code);
                break;
            }
        }
    }
    if ended.is_none() && !is_over(folder) {
        let mut last = go_on(folder, &emulator);
        ended = last.wait().expect("a child of ours").code();
    }
    println!("seed {seed}: killed {killed} times");
    let said = std::fs::read_to_string(folder.join("said.txt")).expect("words");
    let journal = journal(folder).map(|path| std::fs::read_to_string(path).expect("a journal"));
    let journal = journal.unwrap_or_default();
    let story = format!("seed {seed}, killed {killed} times\n{said}\n{journal}");
    // The last kill may have met a process that had said all it had to say.
    assert!(is_over(folder), "{story}");
    assert!(matches!(ended, None | Some(0)), "{story}");

    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in emulator.started_sessions() {
        let what = format!("{} {}", entry["device"], entry["commands"]);
        *starts.entry(what).or_default() += 1;
    }
    assert_eq!(starts.len(), DEVICES * SESSIONS, "{starts:#?}\n{story}");
    assert!(
        starts.values().all(|count| *count == 1),
        "{starts:#?}\n{story}"
    );
    let collected = collected(&folder.join("svar-runs"));
    assert_eq!(collected, vec!["made\nused\n"; DEVICES], "{story}");
    killed
}

/// Returns the contents of all files that were collected from devices.
fn collected(folder: &Path) -> Vec<String> {
    let mut contents = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            contents.extend(collected(&path));
        } else if path.file_name().is_some_and(|name| name == "made.txt") {
            contents.push(std::fs::read_to_string(path).expect("text"));
        }
    }
    contents
}

/// Returns the seeds that the environment asks for.
fn seeds() -> Option<Vec<u64>> {
    let words = std::env::var("SVAR_CRASH_SEEDS").ok()?;
    let number = |word: &str| word.trim().parse::<u64>().expect("a number");
    Some(match words.split_once('-') {
        Some((first, last)) => (number(first)..=number(last)).collect(),
        None => words.split(',').map(number).collect(),
    })
}

#[test]
fn the_most_detailed_log_shows_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let playbook = PLAYBOOK
        .replace("library:", "inputs:\n  word: { secret: true }\nlibrary:")
        .replace("args: [use]", "args: [use, '${{ inputs.word }}']");
    std::fs::write(folder.join("playbook.yaml"), playbook).expect("written");
    std::fs::write(
        folder.join("work.sh"),
        format!("{SCRIPT}echo \"word: $2\"\n"),
    )
    .expect("written");
    let emulator = Emulator::start(folder);
    let ended = svar(folder)
        .args(["--log", "trace", "run", "playbook.yaml", "--emulator"])
        .arg(&emulator.address)
        .env("SVAR_INPUT_WORD", "hush-4711-hush")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let mut texts = vec![
        ("stderr".to_owned(), said),
        (
            "stdout".to_owned(),
            String::from_utf8_lossy(&ended.stdout).into_owned(),
        ),
    ];
    read_all(&folder.join("svar-runs"), &mut texts);
    assert!(texts.iter().any(|(_, text)| text.contains("word: ***")));
    // The input's value, the application's secret, the beginning of every token, and what makes a
    // result's address a key.
    for secret in [
        "hush-4711-hush",
        svar_emulator::CLIENT_SECRET,
        "Bearer ey",
        "sig=",
    ] {
        for (name, text) in &texts {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
    }
}

fn read_all(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, texts);
        } else {
            let bytes = std::fs::read(&path).expect("bytes");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            texts.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn a_run_killed_at_many_moments_starts_no_session_twice() {
    match seeds() {
        Some(seeds) => {
            for seed in seeds {
                play(seed);
            }
        }
        None => play_until_killed(KILLS),
    }
}

#[test]
#[ignore = "slow: run by .ci/test"]
fn runs_killed_two_hundred_times_start_no_session_twice() {
    play_until_killed(KILLS_OF_CI);
}

/// Plays one seed after another until there were so many kills in all.
fn play_until_killed(kills: u64) {
    let killed = AtomicU64::new(0);
    let next = AtomicU64::new(0);
    // Two at a time: most of a run is waiting for processes to start and clocks to go on.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while killed.load(Ordering::Relaxed) < kills {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    killed.fetch_add(play(seed), Ordering::Relaxed);
                }
            });
        }
    });
    println!("killed {killed:?} times in {next:?} runs");
}
