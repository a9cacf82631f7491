//! `--format json`: one document on standard output for every command that prints a result, with a
//! version, and nothing else there.

use serde_json::Value;

use super::builder::Svar;

const PLAYBOOK: &str =
    "playbook: 1\nname: Look\nos: linux\ntargets: { tag: linux }\nsteps:\n  - get: /etc/hostname\n";
const FLEET: &str = "factor: 1000\ndevices:\n  - name: web-01.example.org\n    tags: [linux]\n    files: [{ path: /etc/hostname, text: web-01 }]\n";

/// Runs a command with `--format json`, and returns its document.
#[track_caller]
fn document(svar: &mut Option<Svar>, command: &str) -> Value {
    let call = svar.take().expect("a call").again(command);
    let ended = call.arg("--format").arg("json").run();
    let document = ended.json();
    assert_eq!(document["version"], 1, "{command}: {document:#}");
    *svar = Some(ended.again("runs"));
    document
}

#[test]
fn every_command_with_a_result_prints_it_as_json() {
    let mut svar = Some(
        Svar::new("runs")
            .file("look.yaml", PLAYBOOK)
            .file("fleet.yaml", FLEET),
    );
    let mut of = |command: &str| document(&mut svar, command);
    assert_eq!(of("check look.yaml")["findings"], Value::Array(Vec::new()));
    let plan = of("plan look.yaml --scenario fleet.yaml");
    assert_eq!(plan["devices"].as_array().expect("devices").len(), 1);
    let summary = of("run look.yaml --scenario fleet.yaml --quiet");
    assert_eq!(summary["state"], "finished");
    assert_eq!(summary["counts"]["ok"], 1);
    assert_eq!(of("show")["run"], summary["run"]);
    let rule = of("show --would-stop");
    assert_eq!(rule["stops"], false);
    assert_eq!(rule["devices"], 1);
    let run = &of("runs")["runs"][0];
    assert_eq!(run["state"], "finished");
    assert_eq!(run["devices"], 1);
    // A run that has finished: nothing is left to do, and each command says so.
    let name = std::fs::read_dir(svar.as_ref().expect("a call").folder().join("svar-runs"))
        .expect("runs")
        .map(|run| run.expect("a run").file_name());
    let name = name.last().expect("a run").into_string().expect("text");
    let mut of = |command: &str| document(&mut svar, command);
    assert_eq!(of(&format!("pause {name}"))["state"], "finished");
    assert_eq!(of(&format!("cancel {name}"))["state"], "finished");
    assert_eq!(of(&format!("resume {name}"))["state"], "finished");
    let rules = of("explain");
    let first = &rules["rules"][0];
    let id = first["id"].as_str().expect("an id");
    let page = of(&format!("explain {id}"));
    assert_eq!(page["title"], first["title"]);
    assert_eq!(of("init new/first.yaml")["playbook"], "new/first.yaml");
}

#[test]
fn a_command_that_fails_prints_no_document() {
    for command in ["check none.yaml", "plan none.yaml", "show", "explain none"] {
        let ended = Svar::new(command).arg("--format").arg("json").run();
        assert_eq!(ended.code, 2, "{}", ended.text());
        let is_check = command.starts_with("check");
        assert_eq!(ended.stdout.is_empty(), !is_check, "{}", ended.text());
    }
}
