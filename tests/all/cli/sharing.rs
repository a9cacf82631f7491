//! Several runs of one computer against one tenant with its true limits.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::builder::{Emulator, Svar};

fn playbook(tag: &str) -> String {
    format!(
        "playbook: 1\nname: Fetch\nos: linux\nrisk: read\ntargets: {{ tag: {tag} }}\nsteps:\n  - \
         get: /etc/hostname\n"
    )
}

/// Sixteen servers with each of two tags; ten starts a minute and 25 sessions for all, as in truth.
fn fleet() -> String {
    let mut fleet = String::from("factor: 40\ndevices:\n");
    for tag in ["north", "south"] {
        for number in 10..26 {
            fleet.push_str(&format!(
                "  - {{ name: {tag}-{number}.example.org, os: Linux, tags: [{tag}], files: [{{ path: \
                 /etc/hostname, text: web }}] }}\n"
            ));
        }
    }
    fleet
}

/// The lines of a run's journal that speak of a refusal for rate.
fn refusals(folder: &Path) -> Vec<String> {
    let run = fs::read_dir(folder.join("svar-runs")).expect("runs");
    let run = run.last().expect("a run").expect("a run").path();
    let journal = fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
    (journal.lines())
        .filter(|line| line.contains("\"status\":429") || line.contains("\"fact\":\"blocked\""))
        .map(str::to_owned)
        .collect()
}

#[test]
fn two_runs_of_one_computer_keep_one_budget_and_never_meet_a_429() {
    let emulator = Emulator::start(&fleet());
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().to_string_lossy().into_owned();
    let begin = |tag: &str| {
        let svar = Svar::new("run fetch.yaml --emulator")
            .arg(&emulator.url)
            .file("fetch.yaml", playbook(tag))
            .env("XDG_STATE_HOME", &state);
        let child = svar
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        (svar, child)
    };
    let runs = [begin("north"), begin("south")];
    for (svar, child) in runs {
        let output = child.wait_with_output().expect("an end");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words}");
        let command = svar.command();
        let folder = command.get_current_dir().expect("a folder");
        let refused = refusals(folder);
        assert!(refused.is_empty(), "{refused:#?}");
    }
    let budget = Path::new(&state).join("svar").join("budget");
    let kept = fs::read_dir(budget).expect("a folder").count();
    assert_eq!(kept, 2, "one file for the tenant, and its lock");
}

#[test]
fn a_rehearsal_inside_the_process_shares_with_nobody() {
    let ended = Svar::new("run fetch.yaml --scenario fleet.yaml --quiet")
        .file("fetch.yaml", playbook("north"))
        .file(
            "fleet.yaml",
            "factor: 600\ndevices:\n  - { name: north-1, os: Linux, tags: [north], files: [{ path: \
             /etc/hostname, text: web }] }\n",
        )
        .run()
        .code(0);
    assert!(!ended.folder.path().join(".local").exists());
}
