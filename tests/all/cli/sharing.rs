//! Several runs of one computer against one tenant with its true limits.

use std::fs;
use std::path::Path;

use super::builder::{Emulator, Ended, Svar};

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
        let child = svar.spawn();
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

/// Of sixty servers 25 may be at it at a time, and ten be started a minute.
const SIXTY: &str = "\
factor: 600
fleets:
  - { count: 60, name: 'srv-{n}', os: { Linux: 1 } }
outcomes:
  - { duration: 30s }
";

#[track_caller]
fn logged(scenario: String) -> Ended {
    let playbook = "\
playbook: 1
name: Ask
os: linux
risk: read
targets: { filter: \"healthStatus eq 'Active'\" }
library: { ask: { path: ask.sh } }
steps:
  - run: ask
";
    Svar::new("run ask.yaml --scenario sixty.yaml --log debug")
        .file("ask.yaml", playbook)
        .file("ask.sh", "echo asked\n")
        .file("sixty.yaml", scenario)
        .run()
        .code(0)
}

/// The lines of the log that tell of such a call, and its status.
fn told<'e>(ended: &'e Ended, call: &str, status: &str) -> Vec<&'e str> {
    let lines = ended.stderr.lines();
    lines
        .filter(|line| line.contains(call) && line.contains(status))
        .collect()
}

#[test]
fn a_run_that_is_alone_on_its_tenant_is_never_refused_and_the_log_tells_every_call() {
    let ended = logged(SIXTY.to_owned());
    assert!(ended.stderr.contains("\n60 devices: 60 ok\n"));
    assert_eq!(told(&ended, "DEBUG", ": 429 in "), [] as [&str; 0]);
    assert_eq!(told(&ended, "/runliveresponse", ": 201 in ").len(), 60);
    assert_eq!(told(&ended, "DownloadLink(index=0)", ": 200 in ").len(), 60);
    // The address of a result is a secret as long as it is valid.
    assert_eq!(
        told(&ended, "CustomPlaybookCommandOutput", "?…: 200 in ").len(),
        60
    );
    assert!(!ended.stderr.contains("sig="));
    // The journal's words, at `info`.
    assert_eq!(told(&ended, " INFO ", "\"start_announced\"").len(), 60);
}

#[test]
fn a_run_makes_room_for_whoever_else_uses_the_tenant() {
    let other_client =
        "background_load:\n  - { from: 1m, until: 20m, sessions: 20, starts_per_minute: 7 }\n";
    let ended = logged(format!("{SIXTY}{other_client}"));
    assert!(ended.stderr.contains("\n60 devices: 60 ok\n"));
    let refused = told(&ended, "/runliveresponse", ": 429 in ").len();
    assert!(refused > 0, "nobody was in the way");
    assert!(refused < 60, "refused {refused} times");
}
