//! Runs that are interrupted, and go on. Kills at every moment are shown by the room `crash`.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use super::builder::{Emulator, Svar, fits, interrupt};

/// Two servers, of which one is back ten seconds later by our clock: time to interrupt.
const SLOW: &str = "\
factor: 60
devices:
  - name: web-01.example.org
    os: Linux
    tags: [web]
    files: [{ path: /etc/hostname, text: web-01 }]
  - name: web-02.example.org
    os: Linux
    tags: [web]
    files: [{ path: /etc/hostname, text: web-02 }]
    online: [{ from: 10m }]
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

fn svar(args: &str) -> Svar {
    Svar::new(args).file("fetch.yaml", PLAYBOOK)
}

/// A run on that emulator of which one device is over, killed.
fn killed_run(svar: Svar, emulator: &Emulator) -> (Svar, std::path::PathBuf) {
    let svar = svar.arg(&emulator.url);
    let mut child = svar.spawn();
    let rest = read_until(&mut child, "✓ web-01.example.org  ok");
    interrupt(&child, "KILL");
    child.wait().expect("an end");
    drop(rest);
    let runs = std::fs::read_dir(svar.folder().join("svar-runs")).expect("runs");
    let run = runs
        .map(|run| run.expect("a run").path())
        .next()
        .expect("one");
    (svar, run)
}

/// Reads standard error until a line that begins so.
fn read_until(child: &mut Child, beginning: &str) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        let length = lines.read_line(&mut line).expect("text");
        assert!(length > 0, "no line begins with `{beginning}`:\n{seen}");
        if line.starts_with(beginning) {
            return lines;
        }
        seen.push_str(&line);
    }
}

#[test]
fn two_interrupts_cancel_and_the_run_can_be_told() {
    let emulator = Emulator::start(SLOW);
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let mut child = svar.spawn();
    let mut rest = read_until(&mut child, "✓ web-01.example.org  ok");
    interrupt(&child, "INT");
    let mut line = String::new();
    rest.read_line(&mut line).expect("a line");
    assert!(line.starts_with("interrupted: no new sessions"), "{line}");
    interrupt(&child, "INT");
    let mut words = String::new();
    rest.read_to_string(&mut words).expect("text");
    let code = child.wait().expect("an end").code();
    assert!(
        words.starts_with("interrupted again: cancelling sessions"),
        "{words}"
    );
    // The other device had not taken its session yet: whoever goes on with the run starts it again.
    assert!(words.contains("1 ok, 1 unfinished"), "{words}");
    assert_eq!(code, Some(4), "{words}");
    let ended = svar.again("resume").run().code(0);
    assert!(
        ended.stderr.contains("\n2 devices: 2 ok\n"),
        "{}",
        ended.text()
    );
    assert_eq!(emulator.started_sessions().len(), 3);
}

#[test]
fn three_interrupts_leave_at_once_and_the_run_goes_on_later() {
    // No cancel gets through, so nothing comes to its end between the second and the third.
    let faults = "faults:\n  - { call: cancel, kind: drop_request, times: 3 }\n";
    let emulator = Emulator::start(&format!("{SLOW}{faults}"));
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let mut child = svar.spawn();
    let mut rest = read_until(&mut child, "✓ web-01.example.org  ok");
    for _ in 0..3 {
        interrupt(&child, "INT");
        // Each is answered with a line before the next one comes; signals in one moment are one.
        let mut line = String::new();
        rest.read_line(&mut line).expect("a line");
    }
    let mut words = String::new();
    rest.read_to_string(&mut words).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(4), "{words}");
    assert!(words.contains("svar resume"), "{words}");

    // What had not begun was to be cancelled: it is, and started again under another tag.
    let ended = svar.again("resume").run().code(0);
    let mut tags: Vec<String> = (emulator.started_sessions().iter())
        .map(|session| session["comment"].to_string())
        .collect();
    assert_eq!(tags.len(), 3, "{tags:?}");
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    assert!(
        ended.stderr.contains("\n2 devices: 2 ok\n"),
        "{}",
        ended.text()
    );
}

#[test]
fn a_run_that_was_left_is_resumed() {
    let emulator = Emulator::start(SLOW);
    let (svar, _) = killed_run(svar("run fetch.yaml --emulator"), &emulator);

    let listed = svar.again("runs").run().code(0);
    assert_eq!(listed.stdout, "@RUN@  interrupted  2 devices  Fetch\n");
    let ended = listed.again("resume").run().code(0).stdout("");
    assert!(
        ended.stderr.contains("\n2 devices: 2 ok\n"),
        "{}",
        ended.stderr
    );
    let listed = ended.again("runs").run().code(0);
    assert_eq!(listed.stdout, "@RUN@  finished     2 devices  Fetch\n");
}

#[test]
fn a_folder_that_was_changed_is_neither_resumed_nor_shown() {
    let emulator = Emulator::start(SLOW);
    let (mut svar, run) = killed_run(svar("run fetch.yaml --emulator"), &emulator);
    for file in [
        "targets.json",
        "inputs.json",
        "plan.json",
        "playbook.yaml",
        "run.json",
    ] {
        let path = run.join(file);
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, format!("{text} ")).expect("changed");
        for command in ["resume", "show"] {
            let ended = svar
                .again(command)
                .run()
                .code(2)
                .stdout("")
                .stderr(&format!(
                    "error: svar-runs/@RUN@/{file} is invalid: it was changed after \
                 the run started\n  help: restore the folder from a backup\n"
                ));
            svar = ended.again(command);
        }
        std::fs::write(&path, text).expect("as it was");
    }
    svar.again("resume").run().code(0);
    assert_eq!(emulator.started_sessions().len(), 2);
}

#[test]
fn a_run_without_its_header_is_told_apart_from_no_run() {
    let emulator = Emulator::start(SLOW);
    let (svar, run) = killed_run(svar("run fetch.yaml --emulator"), &emulator);
    std::fs::write(run.join("run.json"), "{").expect("damaged");
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let mut svar = svar;
    for command in ["runs", "show", &format!("resume {id}")] {
        let ended = svar.again(command).run().code(2).stdout("");
        let words = "error: svar-runs/@RUN@/run.json is invalid: EOF while parsing an object";
        assert!(
            ended.stderr.starts_with(words),
            "{command}: {}",
            ended.text()
        );
        svar = ended.again(command);
    }
}

#[test]
fn a_folder_that_is_taken_away_ends_the_run_with_words() {
    let emulator = Emulator::start(SLOW);
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let mut child = svar.spawn();
    let mut rest = read_until(&mut child, "✓ web-01.example.org  ok");
    std::fs::remove_dir_all(svar.folder().join("svar-runs")).expect("removed");
    let mut words = String::new();
    rest.read_to_string(&mut words).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(4), "{words}");
    fits(
        &words,
        r"^error: svar-runs/\S+/journal\.jsonl was removed, moved or replaced while the run was active; nothing more is sent\n  help: sessions that have started keep running; ",
    );
    assert!(!svar.folder().join("svar-runs").exists(), "{words}");
}

/// Cuts a run's journal to its first lines, and a piece of the next one.
fn cut(run: &std::path::Path, lines: usize, piece: usize) {
    let path = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).expect("text");
    let kept: usize = text.split_inclusive('\n').take(lines).map(str::len).sum();
    std::fs::write(&path, &text[..kept + piece]).expect("cut");
}

#[test]
fn a_journal_that_lost_its_end_is_damaged_where_the_summary_says_that_the_run_is_over() {
    let emulator = Emulator::start(&SLOW.replace("    online: [{ from: 10m }]\n", ""));
    let ended = svar("run fetch.yaml --emulator")
        .arg(&emulator.url)
        .run()
        .code(0);
    let runs = std::fs::read_dir(ended.folder.path().join("svar-runs")).expect("runs");
    let run = runs.map(|run| run.expect("a run").path()).next();
    let run = run.expect("one");
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).expect("text");
    let lines = journal.lines().count();
    let damage = "error: svar-runs/@RUN@/journal.jsonl is incomplete: the summary says the run \
                  finished, but the journal ends earlier\n  help: nothing \
                  was sent; restore the run folder from a backup\n";
    let mut svar = ended.again("runs");
    for (lines, piece) in [(lines - 1, 0), (lines - 1, 20), (lines / 2, 0), (1, 0)] {
        cut(&run, lines, piece);
        let commands = ["show", "show --would-stop", "resume", "cancel", "pause"];
        for command in commands.map(|command| format!("{command} {id}")) {
            let ended = svar.again(&command).run().code(2).stdout("").stderr(damage);
            svar = ended.again(&command);
        }
        let ended = svar.again("runs").run().code(0).stderr(damage);
        assert_eq!(ended.stdout, "@RUN@  damaged      2 devices  Fetch\n");
        let ended = ended.again("runs --format json").run().code(0);
        assert_eq!(ended.json()["runs"][0]["state"], "damaged");
        svar = ended.again("runs");
        std::fs::write(run.join("journal.jsonl"), &journal).expect("as it was");
    }
    // What was to follow the end, and was not written whole, is no damage.
    std::fs::write(run.join("journal.jsonl"), format!("{journal}{{\"n\":")).expect("torn");
    let ended = svar.again(&format!("show {id}")).run().code(0).stderr("");
    let ended = ended.again("runs").run().code(0).stderr("");
    assert_eq!(ended.stdout, "@RUN@  finished     2 devices  Fetch\n");
    assert_eq!(emulator.started_sessions().len(), 2);
}

#[test]
fn a_folder_that_was_never_made_whole_is_no_run_and_may_be_deleted() {
    let emulator = Emulator::start(SLOW);
    let (mut svar, run) = killed_run(svar("run fetch.yaml --emulator"), &emulator);
    let half = run.with_file_name("20260101-000000-aaaaaa");
    std::fs::create_dir(&half).expect("made");
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).expect("text");
    let opening = journal.split_inclusive('\n').next().expect("a line");
    let words = "svar-runs/@RUN@: this run was never started and nothing was sent: its process ended \
                 while it created the folder\n";
    for bytes in ["", &opening[..9], opening] {
        std::fs::write(half.join("journal.jsonl"), bytes).expect("written");
        for command in ["show", "resume", "cancel", "pause"] {
            let ended = svar
                .again(&format!("{command} 20260101-000000-aaaaaa"))
                .run();
            let ended = ended.code(2).stdout("");
            let ended = ended.stderr(&format!("error: {words}  help: delete the folder\n"));
            svar = ended.again(command);
        }
        let ended = svar.again("runs").run().code(0).stderr(words);
        assert_eq!(ended.stdout, "@RUN@  interrupted  2 devices  Fetch\n");
        svar = ended.again("runs");
    }
    // With a record it was begun, and its header is lost.
    std::fs::write(half.join("journal.jsonl"), &journal).expect("written");
    let ended = svar.again("show 20260101-000000-aaaaaa").run().code(2);
    fits(
        &ended.stderr,
        r"^error: cannot read svar-runs/@RUN@/run\.json: No such file or directory",
    );
}

#[test]
fn a_run_is_not_resumed_with_another_secret() {
    let secret = PLAYBOOK.replace(
        "steps:",
        "inputs:\n  token: { secret: true }\ncomment: case ${{ inputs.token }}\nsteps:",
    );
    let emulator = Emulator::start(SLOW);
    let begin = Svar::new("run fetch.yaml --input token=the-first-one --emulator")
        .file("fetch.yaml", secret);
    let (svar, _) = killed_run(begin, &emulator);
    let ended = svar.again("resume --input token=another-one").run().code(2);
    fits(
        &ended.stderr,
        r"^error: svar-runs/@RUN@ no longer compiles to the plan that the run was started with\n  help: give `token` the same value as when the run was started$",
    );
    ended
        .again("resume --input token=the-first-one")
        .run()
        .code(0);
    assert_eq!(emulator.started_sessions().len(), 2);
}

#[test]
fn a_rehearsal_on_the_inner_emulator_can_not_be_resumed() {
    let svar = svar("run fetch.yaml --scenario slow.yaml").file("slow.yaml", SLOW);
    let mut child = svar.spawn();
    let rest = read_until(&mut child, "Fetch · 2 devices");
    interrupt(&child, "KILL");
    child.wait().expect("an end");
    drop(rest);
    svar.again("resume").run().code(2).stdout("").stderr(
        "error: the built-in emulator ended with its process, so the run cannot be resumed\n  help: run \
         the playbook again; for runs that can be resumed, start an emulator with `svar emulator`\n",
    );
}

/// The disk has room for so many blocks of 512 bytes in each file, and then no more.
#[cfg(target_os = "linux")]
fn on_a_small_disk(svar: &Svar, blocks: u32) -> std::process::Output {
    let command = svar.command();
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    let mut shell = std::process::Command::new("sh");
    shell
        // Without the signal, a write beyond the limit fails as it does on a full disk.
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
        .arg("sh")
        .args(words)
        .current_dir(command.get_current_dir().expect("a folder"));
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.output().expect("the shell starts")
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_before_anything_more_is_sent_and_loses_nothing() {
    let mut fleet = String::from("factor: 600\ndevices:\n");
    for number in 10..40 {
        fleet.push_str(&format!(
            "  - {{ name: web-{number}.example.org, os: Linux, tags: [web], files: [{{ path: \
             /etc/hostname, text: web }}] }}\n"
        ));
    }
    let emulator = Emulator::start(&fleet);
    // The folder's own files are smaller than this, and the journal of thirty devices is not.
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let output = on_a_small_disk(&svar, 48);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    fits(
        &words,
        r"^error: cannot write the journal svar-runs/\S+/journal\.jsonl: File too large ",
    );
    assert!(
        words.contains("; nothing more is sent\n  help: the run is saved in "),
        "{words}"
    );
    assert!(
        words.contains("when the cause is fixed, continue with `svar resume "),
        "{words}"
    );

    // Still no room: nothing is sent, and nothing is lost.
    let svar = svar.again("resume --format json");
    let output = on_a_small_disk(&svar, 48);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    let ended = svar.run().code(0);
    let summary = ended.json();
    assert_eq!(summary["counts"]["ok"], 30);
    for device in summary["devices"].as_array().expect("a list") {
        assert_eq!(
            device["sessions"], 1,
            "nothing was started twice: {device:#}"
        );
    }
}

#[test]
fn without_runs_there_is_nothing_to_resume_or_show() {
    Svar::new("resume").run().code(2).stdout("").stderr(
        "error: no unfinished run in svar-runs\n  help: `svar runs` lists all runs; use `--runs` \
         for another folder\n",
    );
    Svar::new("show").run().code(2).stdout("").stderr(
        "error: no runs in svar-runs\n  help: start one with `svar run PLAYBOOK`, or use `--runs` for \
         another folder\n",
    );
    Svar::new("show 2026")
        .run()
        .code(2)
        .stdout("")
        .stderr("error: no run `2026` in svar-runs\n  help: `svar runs` lists all runs\n");
}

#[test]
fn the_emulator_ends_when_it_is_asked_to() {
    let emulator = Emulator::start(SLOW);
    assert_eq!(emulator.end(), Some(0));
}
