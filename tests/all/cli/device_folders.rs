//! What the emulator writes to the temporary folder for its devices: no more than commands need, and
//! nothing that stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::builder::{Emulator, Svar};

const FLEET: &str = "\
factor: 600
fleets:
  - count: 40
    name: web-{n}.example.org
    device:
      os: Linux
      tags: [web]
      files: [{ path: /etc/motd, text: hello }]
library: [{ name: ask.sh }]
outcomes:
  - { script: ask.sh, stdout: asked }
";

/// Runs a script that has a scripted outcome, and reads a described file.
const READING: &str = "\
playbook: 1
os: linux
risk: read
targets: { tag: web }
steps:
  - run: ask.sh
  - get: /etc/motd
";

const WRITING: &str = "\
playbook: 1
os: linux
targets: { names: [web-07.example.org] }
library: { tool: { path: tool.txt } }
steps:
  - put: tool
";

fn emulator(temporary: &Path) -> Emulator {
    let scenario = Svar::new("").file("fleet.yaml", FLEET);
    let emulator = Emulator::start_as(scenario.env("TMPDIR", &temporary.to_string_lossy()));
    // It says where it listens before it has made anything; once it answers, it has.
    assert!(emulator.started_sessions().is_empty());
    emulator
}

/// Every path below the devices' homes, without the homes' names.
fn paths(temporary: &Path) -> Vec<String> {
    fn walk(folder: &Path, home: &Path, found: &mut Vec<String>) {
        for path in entries(folder) {
            let inside = path.strip_prefix(home).expect("a path below");
            found.push(inside.to_string_lossy().into_owned());
            if path.is_dir() {
                walk(&path, home, found);
            }
        }
    }
    let mut found = Vec::new();
    for home in entries(temporary) {
        walk(&home, &home, &mut found);
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn a_device_has_a_folder_only_once_something_is_written_to_it() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let emulator = emulator(temporary.path());

    let reading = Svar::new("run reading.yaml --quiet --emulator").arg(&emulator.url);
    let read = reading.file("reading.yaml", READING).run().code(0);
    assert!(read.stderr.contains("40 ok"), "{}", read.stderr);
    assert_eq!(paths(temporary.path()), ["lock"]);

    let writing = Svar::new("run writing.yaml --quiet --emulator").arg(&emulator.url);
    let writing = writing.file("writing.yaml", WRITING).file("tool.txt", "t");
    writing.run().code(0);
    let made = paths(temporary.path());
    let expected = [
        "",
        "/tmp",
        "/tmp/live-response",
        "/tmp/live-response/tool.txt",
    ];
    let expected = expected.map(|path| format!("6-web-07{path}"));
    assert_eq!(made[..4], expected);
    assert_eq!(made[4..], ["lock"]);

    assert_eq!(emulator.end(), Some(0));
    assert!(
        entries(temporary.path()).is_empty(),
        "gone with its process"
    );
}

/// Waits until a sweep has removed a folder. The emulator sweeps in the background and says nothing of it;
/// how long that takes depends on the disk and on what else runs, so there is no limit: a sweep that never
/// comes hangs the test.
fn wait_until_swept(folder: &Path) {
    while folder.exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_later_emulator_removes_what_a_killed_one_left_and_nothing_else() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home_of_new = || {
        let before = entries(temporary.path());
        let emulator = emulator(temporary.path());
        let mut after = entries(temporary.path());
        after.retain(|path| !before.contains(path));
        assert_eq!(after.len(), 1, "one folder for each emulator");
        (emulator, after.remove(0))
    };
    // No other emulator sweeps here while this one is killed.
    let (killed, left) = home_of_new();
    drop(killed);
    assert!(left.is_dir(), "a killed process removes nothing");

    let (living, of_living) = home_of_new();
    wait_until_swept(&left);
    // Left by a killed process as well, and a folder of somebody else with a name like ours.
    fs::create_dir(&left).expect("a folder");
    fs::write(left.join("lock"), "").expect("a lock that nobody holds");
    fs::create_dir(temporary.path().join("svar-devices-mine")).expect("a folder");
    let (later, _) = home_of_new();
    wait_until_swept(&left);

    assert!(of_living.join("lock").is_file());
    assert_eq!(later.end(), Some(0));
    assert_eq!(living.end(), Some(0));
    assert_eq!(entries(temporary.path()).len(), 1, "what was not ours");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "slow: run by .ci/test"]
fn what_was_left_is_swept_however_deep_long_or_locked_it_is() {
    use rustix::fs::{CWD, Mode, OFlags, chmod, mkdirat, openat};
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path().join("svar-devices-killed");
    let device = home.join("1-web-01");
    fs::create_dir_all(&device).expect("folders");
    fs::write(home.join("lock"), "").expect("a lock that nobody holds");
    // Deeper than a process may hold folders open, and far longer than a path may be.
    let open = |at: std::os::fd::BorrowedFd<'_>, name: &Path| {
        openat(at, name, OFlags::DIRECTORY, Mode::empty()).expect("a folder")
    };
    let mut at = open(CWD, &device);
    for _ in 0..25_000 {
        mkdirat(&at, "in-a-folder", Mode::RWXU).expect("a folder");
        at = open(std::os::fd::AsFd::as_fd(&at), Path::new("in-a-folder"));
    }
    // A removal that was cut short has left such names.
    for name in [".deep-0/in", ".deep-1/in", "locked/in"] {
        fs::create_dir_all(home.join(name)).expect("folders");
    }
    chmod(home.join("locked/in"), Mode::empty()).expect("no leave");
    chmod(home.join("locked"), Mode::empty()).expect("no leave");

    let emulator = emulator(temporary.path());
    wait_until_swept(&home);
    assert_eq!(emulator.end(), Some(0));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_look_into_devices() {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let emulator = emulator(temporary.path());
    let home = &entries(temporary.path())[0];
    let mode = fs::metadata(home).expect("a home").permissions().mode();
    assert_eq!(mode & 0o077, 0);
    assert_eq!(emulator.end(), Some(0));
}

/// Returns whether a process with this command line runs on this computer.
#[cfg(target_os = "linux")]
fn is_there(line: &str) -> bool {
    let mut processes = fs::read_dir("/proc").expect("processes").flatten();
    processes.any(|entry| {
        let own = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        own.starts_with(line.as_bytes())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn a_script_ends_with_its_emulator_however_that_ends() {
    for (isolation, number) in [("auto", 1), ("plain", 2)] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let fleet = format!("{FLEET}settings: {{ isolation: {isolation} }}\n");
        let scenario = Svar::new("").file("fleet.yaml", fleet.replace("ask.sh", "other.sh"));
        let scenario = scenario.env("TMPDIR", &temporary.path().to_string_lossy());
        let emulator = Emulator::start_as(scenario);
        let playbook = WRITING
            .replace("tool.txt", "sleep.sh")
            .replace("put:", "run:");
        // A number of its own, since others may sleep on this computer as well.
        let seconds = 1_000_000 + 10 * std::process::id() + number;
        let svar = Svar::new("run sleeping.yaml --quiet --emulator")
            .arg(&emulator.url)
            .file("sleeping.yaml", playbook)
            .file("sleep.sh", format!("sleep {seconds}\n"));
        let mut run = svar.command().spawn().expect("the binary starts");
        let line = format!("sleep\0{seconds}");
        while !is_there(&line) {
            let ended = run.try_wait().expect("a child of ours");
            assert_eq!(ended, None, "the run ended before its script began");
            thread::sleep(Duration::from_millis(5));
        }
        drop(emulator);
        // A script that is not ended hangs the test.
        while is_there(&line) {
            thread::sleep(Duration::from_millis(5));
        }
        run.kill().expect("it can be killed");
        run.wait().expect("an end");
    }
}
