//! Runs that are interrupted, and go on. Kills at every moment are shown by the room `crash`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use super::builder::{Emulator, Svar, interrupt};

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
    let mut child = svar
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut rest = read_until(&mut child, "✓ web-01.example.org  ok");
    interrupt(&child, "INT");
    let mut line = String::new();
    rest.read_line(&mut line).expect("a line");
    assert!(line.starts_with("interrupted: no new starts"), "{line}");
    interrupt(&child, "INT");
    let mut words = String::new();
    rest.read_to_string(&mut words).expect("text");
    let code = child.wait().expect("an end").code();
    assert!(
        words.starts_with("interrupted again: own sessions are cancelled"),
        "{words}"
    );
    assert!(words.contains("1 ok, 1 cancelled"), "{words}");
    assert_eq!(code, Some(1), "every machine has its end: {words}");
}

#[test]
fn three_interrupts_leave_at_once_and_the_run_goes_on_later() {
    let emulator = Emulator::start(SLOW);
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let mut child = svar
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
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

    let ended = svar.again("resume").run();
    let started = emulator.started_sessions();
    assert_eq!(started.len(), 2, "{started:?}");
    assert!(ended.stderr.contains("\n2 machines: "), "{}", ended.text());
}

#[test]
fn a_run_that_was_left_is_resumed() {
    let emulator = Emulator::start(SLOW);
    let svar = svar("run fetch.yaml --emulator").arg(&emulator.url);
    let mut child = svar
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut rest = read_until(&mut child, "✓ web-01.example.org  ok");
    interrupt(&child, "KILL");
    child.wait().expect("an end");
    let mut none = String::new();
    rest.read_to_string(&mut none).expect("text");

    let listed = svar.again("runs").run().code(0);
    assert_eq!(listed.stdout, "@RUN@  unfinished      2 machines  Fetch\n");
    let ended = listed.again("resume").run().code(0).stdout("");
    assert!(
        ended.stderr.contains("\n2 machines: 2 ok\n"),
        "{}",
        ended.stderr
    );
    let listed = ended.again("runs").run().code(0);
    assert_eq!(listed.stdout, "@RUN@  over            2 machines  Fetch\n");
}

#[test]
fn a_rehearsal_on_the_inner_emulator_can_not_be_resumed() {
    let svar = svar("run fetch.yaml --scenario slow.yaml").file("slow.yaml", SLOW);
    let mut child = svar
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let rest = read_until(&mut child, "Fetch · 2 machines");
    interrupt(&child, "KILL");
    child.wait().expect("an end");
    drop(rest);
    svar.again("resume").run().code(2).stdout("").stderr(
        "error: the run was a rehearsal on the emulator inside its process, which is gone with \
         it\n  help: run the playbook again; an emulator that outlives its runs is started with \
         `svar emulator`\n",
    );
}

#[test]
fn without_runs_there_is_nothing_to_resume_or_show() {
    Svar::new("resume").run().code(2).stdout("").stderr(
        "error: there is no unfinished run under svar-runs\n  help: `svar runs` lists them; --runs \
         names another folder\n",
    );
    Svar::new("show").run().code(2).stdout("").stderr(
        "error: there is no run under svar-runs\n  help: make one with `svar run PLAYBOOK`, or name \
         another folder with --runs\n",
    );
    Svar::new("show 2026")
        .run()
        .code(2)
        .stdout("")
        .stderr("error: no run is called `2026` under svar-runs\n  help: `svar runs` lists them\n");
}

#[test]
fn the_emulator_ends_when_it_is_asked_to() {
    let emulator = Emulator::start(SLOW);
    assert_eq!(emulator.end(), Some(0));
}
