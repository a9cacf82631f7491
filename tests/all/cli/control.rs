//! What another terminal asks of a run: pause, cancel, abort, and giving up a cleanup.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

use super::builder::{DATE_TIME, Emulator, Ended, Svar, fits, interrupt};

/// `web-02` is offline for ten minutes of a clock that goes sixty times as fast, `web-03` for a day.
const FLEET: &str = "\
factor: 60
devices:
  - { name: web-01.example.org, os: Linux, tags: [web], files: [{ path: /etc/hostname, text: web-01 }] }
  - { name: web-02.example.org, os: Linux, tags: [web], files: [{ path: /etc/hostname, text: web-02 }], online: [{ from: 10m }] }
  - { name: web-03.example.org, os: Linux, tags: [web], files: [{ path: /etc/hostname, text: web-03 }], online: [{ from: 24h }] }
";

const PLAYBOOK: &str = "\
playbook: 1
name: Fetch
os: linux
risk: read
targets: { tag: web }
steps:
  - get: /etc/hostname
";

/// A run that goes on in a process of its own.
struct Going {
    svar: Svar,
    child: Child,
    lines: BufReader<ChildStderr>,
}

/// Starts a run and waits until its first device has ended.
#[track_caller]
fn going(emulator: &Emulator) -> Going {
    let svar = Svar::new("run fetch.yaml --emulator")
        .arg(&emulator.url)
        .file("fetch.yaml", PLAYBOOK);
    let mut child = svar.spawn();
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.starts_with("✓ web-01.example.org  ok") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("text") > 0, "it ended");
    }
    Going { svar, child, lines }
}

impl Going {
    /// Another terminal in the same folder.
    #[track_caller]
    fn beside(&self, args: &str) -> (i32, String) {
        let output = Svar::new(args)
            .command()
            .current_dir(self.svar.command().get_current_dir().expect("a folder"))
            .output()
            .expect("the binary starts");
        let words = String::from_utf8(output.stderr).expect("text");
        (output.status.code().unwrap_or(-1), words)
    }

    /// What it says until it ends, and its exit code.
    #[track_caller]
    fn end(mut self) -> (Svar, Option<i32>, String) {
        let mut words = String::new();
        self.lines.read_to_string(&mut words).expect("text");
        let code = self.child.wait().expect("an end").code();
        (self.svar, code, words)
    }

    /// The process is killed.
    #[track_caller]
    fn kill(self) -> Svar {
        interrupt(&self.child, "KILL");
        self.end().0
    }
}

#[test]
fn a_cancelled_run_ends_for_good_and_says_who_did_it() {
    let emulator = Emulator::start(FLEET);
    let going = going(&emulator);
    let (code, said) = going.beside("cancel");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(" is being cancelled by process "), "{said}");
    assert!(
        said.contains("queued sessions are cancelled, running ones finish"),
        "{said}"
    );
    let (svar, code, words) = going.end();
    assert!(
        words.contains(
            "cancelled by alva from another terminal: no new sessions; queued ones are cancelled"
        ),
        "{words}"
    );
    assert!(words.contains("1 ok, 2 cancelled"), "{words}");
    assert_eq!(code, Some(1), "it has finished: {words}");
    let ended = svar.again("cancel").run().code(2);
    assert!(
        ended.stderr.contains("no unfinished run"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_paused_run_rests_until_it_is_resumed() {
    let emulator = Emulator::start(FLEET);
    let going = going(&emulator);
    let (code, said) = going.beside("show");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("  running  driven by process "), "{said}");
    assert!(!said.contains("svar resume"), "{said}");
    let (code, said) = going.beside("pause");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("no new sessions start"), "{said}");
    let (code, said) = going.beside("cancel --abort");
    assert_eq!(code, 0, "a pause can be made an end: {said}");
    let (svar, code, words) = going.end();
    assert!(
        words.contains("paused by alva from another terminal"),
        "{words}"
    );
    assert!(
        words.contains("aborted by alva from another terminal"),
        "{words}"
    );
    assert_eq!(code, Some(1), "{words}");
    drop(svar);
}

#[test]
fn a_pause_recalls_sessions_of_offline_devices_and_the_run_ends_at_once_to_be_resumed() {
    // Five minutes of this clock are half a second, and the two are offline for a day.
    let emulator = Emulator::start(
        &FLEET
            .replace("factor: 60", "factor: 600")
            .replace("10m", "24h"),
    );
    let going = going(&emulator);
    let (code, said) = going.beside("pause");
    assert_eq!(code, 0, "{said}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("sessions of offline devices are recalled, running ones finish"),
        "{said}"
    );
    let (svar, code, words) = going.end();
    assert_eq!(code, Some(4), "{words}");
    assert!(
        words.contains("sessions of offline devices are recalled, running ones finish"),
        "{words}"
    );
    assert!(words.contains("no session is running"), "{words}");
    assert!(words.contains("1 ok, 2 unfinished"), "{words}");
    assert!(
        words.contains("web-02.example.org  unfinished  nothing has run on it yet"),
        "{words}"
    );
    assert_eq!(emulator.started_sessions().len(), 3);
    assert_eq!(emulator.ended_sessions("Cancelled").len(), 2);
    let ended = svar.again("cancel").run().code(1);
    assert!(
        ended.stderr.contains("1 ok, 2 not_started"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        emulator.started_sessions().len(),
        3,
        "nothing was started again"
    );
}

#[test]
fn a_run_that_nobody_drives_is_taken_up_to_be_cancelled() {
    let emulator = Emulator::start(FLEET);
    let svar = going(&emulator).kill();
    let paused = svar.again("pause").run().code(0);
    paused.stderr("run @RUN@ is not active; continue it with `svar resume @RUN@`\n");
    // The first run's sessions still wait on the first emulator.
    let emulator = Emulator::start(FLEET);
    let svar = going(&emulator).kill();
    let ended = svar.again("cancel --abort").run().code(1).stdout("");
    assert!(
        ended
            .stderr
            .contains("\nrun @RUN@ is not active; cancelling it here\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("1 ok, 2 cancelled"),
        "{}",
        ended.stderr
    );
    let listed = ended.again("runs").run().code(0);
    assert_eq!(listed.stdout, "@RUN@  finished     3 devices  Fetch\n");
    let shown = listed.again("show").run().code(0);
    let stopped = format!("^ +stopped  aborted by alva at {DATE_TIME}$");
    fits(&shown.stdout, &stopped);
    let summary = shown.again("show --format json").run().code(0).json();
    assert_eq!(summary["stopped"]["how"], "abort");
    assert_eq!(summary["stopped"]["by"], "alva");
}

#[test]
fn two_processes_do_not_drive_one_run_and_the_second_is_told_who_does() {
    let emulator = Emulator::start(FLEET);
    let going = going(&emulator);
    let (code, said) = going.beside("resume");
    assert_eq!(code, 2, "{said}");
    let holder = format!(
        "error: the run is already active in process {}",
        going.child.id()
    );
    assert!(said.contains(&holder), "{said}");
    going.kill();
}

/// The script leaves a file behind, and its cleanup fails.
fn indebted() -> Ended {
    let playbook = "\
playbook: 1
name: Leave a trace
os: linux
targets: { tag: web }
library:
  trace: { path: trace.sh }
steps:
  - run: trace
cleanup:
  - run: trace
    args: [remove]
";
    let fleet = "\
factor: 600
devices:
  - { name: web-01.example.org, os: Linux, tags: [web] }
  - { name: web-02.example.org, os: Linux, tags: [web] }
";
    let ended = Svar::new("run trace.yaml --scenario fleet.yaml")
        .file("trace.yaml", playbook)
        .file(
            "trace.sh",
            "#!/bin/bash\n[[ ${1:-} != remove || $HOSTNAME != web-02* ]]\n",
        )
        .file("fleet.yaml", fleet)
        .run()
        .code(1);
    assert!(
        ended
            .stderr
            .contains("1 ok, 1 expect_failed; cleanup not done on 1"),
        "{}",
        ended.stderr
    );
    // Too long for one line, it is broken before the command, so that the command can be copied.
    let next = "     next  clean up web-02.example.org by hand, then run\n           \
                `svar resume @RUN@ --waive-cleanup web-02.example.org --why REASON`\n";
    assert!(ended.stderr.contains(next), "{}", ended.stderr);
    ended
}

#[test]
fn a_debt_is_given_up_by_name_and_the_reason_is_kept() {
    let waived = indebted()
        .again("resume --waive-cleanup web-02 --why")
        .arg("it was reimaged")
        .run()
        .code(1);
    assert!(
        waived.stderr.contains("2 devices: 1 ok, 1 expect_failed\n"),
        "{}",
        waived.stderr
    );
    let told = "cleanup waived by alva: it was reimaged";
    let words = waived
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(words.contains(told), "{}", waived.stderr);
    let shown = waived.again("show --format json").run().code(0);
    let summary = shown.json();
    assert_eq!(summary["cleanup_owed"], 0);
    let waiver = serde_json::json!({ "by": "alva", "reason": "it was reimaged" });
    assert_eq!(summary["devices"][1]["cleanup_waived"], waiver);
    let runs = std::fs::read_dir(shown.folder.path().join("svar-runs")).expect("runs");
    let run = runs.last().expect("a run").expect("a run").path();
    let kept = std::fs::read_to_string(run.join("summary.json")).expect("a summary");
    assert!(
        kept.contains("it was reimaged"),
        "the summary is written anew"
    );
}

#[test]
fn nothing_is_given_up_that_is_not_owed_or_has_no_reason() {
    let ended = indebted()
        .again("resume --waive-cleanup web-01 --why gone")
        .run()
        .code(2);
    let ended = ended
        .stderr("error: no cleanup to waive on `web-01`\n  help: `svar show` lists the devices that were not cleaned up\n");
    let ended = ended
        .again("resume --waive-cleanup web-09 --why gone")
        .run()
        .code(2);
    let ended = ended
        .stderr("error: the run has no device `web-09`\n  help: `svar show` lists its devices\n");
    let ended = ended.again("resume --waive-cleanup web-02").run().code(2);
    assert!(ended.stderr.contains("--why <REASON>"), "{}", ended.stderr);
}
