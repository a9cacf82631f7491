//! What comes from outside and does not do: variables, files, targets, a full disk. Each is told in
//! words that are true, with the exit code that says what was done.

use std::fs;
use std::process::Stdio;

use super::builder::{Emulator, Svar};

const FLEET: &str = "\
factor: 600
devices:
  - { name: web-01.example.org, os: Linux, files: [{ path: /etc/motd, text: hello }] }
";

fn svar(args: &str, targets: &str) -> Svar {
    let playbook =
        format!("playbook: 1\nos: linux\nrisk: read\n{targets}\nsteps:\n  - get: /etc/motd\n");
    Svar::new(args)
        .file("get.yaml", playbook)
        .file("fleet.yaml", FLEET)
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_refused_and_not_replaced_by_the_default() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let svar = Svar::new("plan get.yaml").file(
        "get.yaml",
        "playbook: 1\ninputs: { s: { default: motd } }\nsteps:\n  - get: /etc/${{ inputs.s }}\n",
    );
    let output = svar
        .command()
        .env("SVAR_INPUT_S", OsStr::from_bytes(b"caf\xe9"))
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: the value of environment variable SVAR_INPUT_S is not valid UTF-8\n  help: set it \
         again, or unset it\n"
    );
}

#[test]
fn an_empty_scenario_is_told_as_one() {
    let ended = svar(
        "run get.yaml --scenario empty.yaml",
        "targets: { names: [web-01] }",
    )
    .file("empty.yaml", "")
    .run()
    .code(2);
    assert!(
        ended.stderr.contains("the file is empty"),
        "{}",
        ended.text()
    );
    assert!(
        ended.stderr.contains("help: add `devices` or `fleets`"),
        "{}",
        ended.text()
    );
    assert!(!ended.stderr.contains("playbook: 1`"), "{}", ended.text());
}

#[test]
fn a_filter_that_the_service_refuses_is_the_authors_mistake() {
    for command in ["run", "plan"] {
        let args = format!("{command} get.yaml --scenario fleet.yaml");
        let ended = svar(&args, "targets: { filter: \"x eq 1\" }").run().code(2);
        let heading = "error[rejected-filter]: the service rejects the filter `x eq 1`:";
        assert!(ended.stderr.contains(heading), "{}", ended.text());
        assert!(ended.stderr.contains("[get.yaml:4:20]"), "{}", ended.text());
        assert!(!ended.stderr.contains("try again"), "{}", ended.text());
    }
}

#[test]
fn of_many_unknown_targets_the_first_are_named_and_all_are_counted() {
    let mut list = "web-01\n".to_owned();
    for number in 0..60 {
        list.push_str(&format!("gone-{number}\n"));
    }
    let ended = svar(
        "run get.yaml --scenario fleet.yaml",
        "targets: { file: list.txt }",
    )
    .file("list.txt", list)
    .run()
    .code(2);
    let message = "error: the tenant has no device for 60 of the ids and names: `gone-0`, `gone-1`, \
                   `gone-2`, `gone-3`, `gone-4` and 55 more\n";
    assert!(ended.stderr.contains(message), "{}", ended.text());

    let one = svar(
        "run get.yaml --scenario fleet.yaml",
        "targets: { names: [gone] }",
    );
    let one = one.run().code(2);
    assert!(
        one.stderr.contains("no device is named `gone`"),
        "{}",
        one.text()
    );
}

#[test]
fn a_resume_without_its_emulator_is_not_told_to_leave_out_what_it_has_not() {
    let emulator = Emulator::start(FLEET);
    let svar = svar("run get.yaml --emulator", "targets: { names: [web-01] }").arg(&emulator.url);
    let mut ended = svar.run().code(0);
    emulator.end();
    // As if the process had been killed before it wrote its summary.
    let runs = fs::read_dir(ended.folder.path().join("svar-runs")).expect("runs");
    for run in runs {
        let run = run.expect("a run").path();
        fs::remove_file(run.join("summary.json")).expect("a summary");
        fs::remove_file(run.join("summary.txt")).expect("a summary");
    }
    ended = ended.again("resume").run().code(3);
    assert!(
        ended.stderr.contains("error: no emulator at "),
        "{}",
        ended.text()
    );
    assert!(
        !ended.stderr.contains("leave --emulator out"),
        "{}",
        ended.text()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_can_not_be_written_does_not_make_the_run_one_that_was_refused() {
    let svar = svar(
        "run get.yaml --scenario fleet.yaml --format json",
        "targets: { names: [web-01] }",
    );
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let output = svar
        .command()
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .expect("the binary starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("1 device: 1 ok"), "{words}");
    assert!(
        words.contains("error: cannot write to standard output"),
        "{words}"
    );
    assert!(words.contains("the run is saved; `svar show "), "{words}");
}

#[cfg(unix)]
#[test]
fn the_operator_is_known_without_any_variable() {
    let svar = svar(
        "run get.yaml --scenario fleet.yaml",
        "targets: { names: [web-01] }",
    );
    let status = svar
        .command()
        .env_remove("USER")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the binary starts");
    assert!(status.success());
    let shown = svar.again("show --format json").run().json();
    let operator = shown["operator"].as_str().expect("a name");
    assert!(!operator.is_empty(), "{shown:#}");
}
