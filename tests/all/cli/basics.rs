//! What needs no playbook: version, help, bad arguments, explain, completions, streams.

use std::io::Read;
use std::process::Stdio;

use super::builder::Svar;

#[test]
fn version_is_one_line() {
    let version = concat!("svar ", env!("CARGO_PKG_VERSION"), "\n");
    for flag in ["--version", "-V"] {
        Svar::new(flag).run().code(0).stdout(version).stderr("");
    }
}

#[test]
fn no_arguments_show_the_help_and_are_refused() {
    let ended = Svar::new("").run().code(2).stdout("");
    assert!(ended.stderr.contains("Usage: svar"), "{}", ended.stderr);
}

#[test]
fn a_misspelt_command_gets_the_nearest_one() {
    Svar::new("emulatr --listen x").run().code(2).stdout("").stderr(
        "error: unrecognized subcommand 'emulatr'\n\n  tip: a similar subcommand exists: 'emulator'\n\n\
         Usage: svar [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn every_command_has_help() {
    let commands = [
        "check",
        "plan",
        "run",
        "resume",
        "pause",
        "cancel",
        "runs",
        "show",
        "emulator",
        "schema",
        "explain",
        "init",
        "completions",
    ];
    for command in commands {
        let ended = Svar::new(command).arg("--help").run().code(0).stderr("");
        assert!(ended.stdout.contains("Usage: svar"), "{}", ended.text());
        let asked = Svar::new("help").arg(command).run().code(0).stderr("");
        assert_eq!(asked.stdout, ended.stdout);
    }
}

#[test]
fn arguments_that_are_not_unicode_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let svar = Svar::new("explain");
    let output = svar
        .command()
        .arg(std::ffi::OsString::from_vec(vec![0xff, 0xfe]))
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unknown_rule_is_refused_with_the_way_to_the_list() {
    Svar::new("explain no-such-rule-at-all")
        .run()
        .code(2)
        .stdout("")
        .stderr(
            "error: unknown rule `no-such-rule-at-all`\n  \
             help: `svar explain` lists all rules\n",
        );
}

#[test]
fn every_rule_has_a_line_in_the_list_and_a_page() {
    let list = Svar::new("explain").run().code(0).stderr("");
    for rule in svar::cli::rules() {
        let line = list.stdout.lines().find(|line| line.starts_with(rule.id));
        assert!(
            line.is_some_and(|line| line.ends_with(rule.title)),
            "{}",
            rule.id
        );
        let page = Svar::new("explain").arg(rule.id).run().code(0).stderr("");
        assert!(page.stdout.starts_with(rule.id), "{}", page.stdout);
        assert!(page.stdout.contains(rule.title), "{}", page.stdout);
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Svar::new("completions").arg(shell).run().code(0).stderr("");
        for command in ["check", "resume", "emulator"] {
            assert!(ended.stdout.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let svar = Svar::new("completions zsh");
    let mut child = svar
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let mut words = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut words).expect("text");
    assert_eq!(words, "");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_can_not_be_written_is_said() {
    let svar = Svar::new("completions zsh");
    let full = std::fs::File::create("/dev/full").expect("/dev/full");
    let output = svar
        .command()
        .stdout(full)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.starts_with("error: cannot write to standard output: "),
        "{words}"
    );
}

#[test]
fn a_log_filter_that_can_not_be_read_is_refused() {
    Svar::new("explain --log svar=[").run().code(2).stdout("").stderr(
        "error: invalid log filter `svar=[`\n  help: use error, warn, info, debug or trace, or a \
         filter such as svar::driver=debug\n",
    );
}
