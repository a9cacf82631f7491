//! The playbooks, through the front door: checked, planned, and run on the emulator's own fleet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use svar_emulator::Scenario;

use crate::cli::builder::{Ended, Svar};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks")
}

fn path(playbook: &str) -> String {
    folder().join(playbook).display().to_string()
}

/// All playbooks by file name.
fn playbooks() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    names
}

#[test]
fn every_playbook_passes_the_check_without_a_finding() {
    let ended = Svar::new("check --deny warnings --format json")
        .arg(folder().display().to_string())
        .run();

    assert_eq!(ended.json()["findings"], json!([]), "{}", ended.text());
    ended.code(0);
}

#[test]
fn every_playbook_says_what_it_is_for() {
    for name in playbooks() {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../schema/playbook.json\n"),
            "{name}"
        );
        if name == "minidump.yaml" {
            // The smallest one shows how little is needed.
            continue;
        }
        for key in ["name", "description", "risk", "comment"] {
            assert!(value[key].is_string(), "{name} has no {key}");
        }
        for (input, value) in value["inputs"].as_object().unwrap() {
            assert!(
                value["description"].is_string(),
                "{name}: input {input} has no description"
            );
        }
    }
}

#[test]
fn every_file_beside_the_playbooks_is_used_by_one() {
    let all: String = playbooks()
        .iter()
        .map(|name| fs::read_to_string(folder().join(name)).unwrap())
        .collect();
    for entry in fs::read_dir(folder().join("scripts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(all.contains(&name), "no playbook uses scripts/{name}");
    }
}

#[test]
fn the_smallest_playbook_compiles_to_the_request_that_the_service_documents() {
    let device = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
    let ended = Svar::new("plan --format json --target")
        .arg(device)
        .arg(path("minidump.yaml"))
        .run()
        .code(0);

    let plan = ended.json();
    assert_eq!(plan["devices"].as_array().unwrap().len(), 1);
    assert_eq!(plan["devices"][0]["id"], device);
    assert_eq!(plan["devices"][0]["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(
        plan["devices"][0]["sessions"][0]["request"],
        json!({
            "Commands": [
                {
                    "type": "RunScript",
                    "params": [
                        {"key": "ScriptName", "value": "minidump.ps1"},
                        {"key": "Args", "value": "OfficeClickToRun"}
                    ]
                },
                {
                    "type": "GetFile",
                    "params": [
                        {"key": "Path", "value": "C:\\windows\\TEMP\\OfficeClickToRun.dmp.zip"}
                    ]
                }
            ],
            "Comment": "Testing Live Response API"
        })
    );
}

/// A run on the emulator's own fleet, its clock ten times faster still.
fn rehearse(playbook: &str, arguments: &[&str]) -> Ended {
    let demo = Scenario::demo();
    let mut scenario = Scenario {
        factor: demo.factor * 10.0,
        ..demo
    };
    // Scripts run as fast as this computer does, however fast the clock goes.
    let hours = 24 * 3_600;
    scenario.settings.script_time_limit = Some(svar_emulator::TimeSpan::seconds(hours));
    let call = Svar::new("run --format json --runs runs --scenario fleet.yaml")
        .file("fleet.yaml", serde_yaml::to_string(&scenario).unwrap())
        .arg(path(playbook));
    arguments
        .iter()
        .fold(call, |call, argument| call.arg(*argument))
        .run()
}

/// The end state of each device, by the first label of its name.
#[track_caller]
fn ends(ended: &Ended) -> BTreeMap<String, String> {
    let summary = ended.json();
    let devices = summary["devices"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", ended.text()));
    devices
        .iter()
        .map(|device| {
            let name = device["name"].as_str().unwrap().split('.').next().unwrap();
            (
                name.to_owned(),
                device["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[track_caller]
fn all(ended: &Ended, state: &str, devices: &[&str]) {
    let expected: BTreeMap<String, String> = devices
        .iter()
        .map(|name| ((*name).to_owned(), state.to_owned()))
        .collect();
    assert_eq!(ends(ended), expected, "{}", ended.text());
}

/// The commands of a device: its step's verb and place, and the exit code or the size.
fn commands<'a>(summary: &'a Value, device: &str) -> Vec<&'a Value> {
    let devices = summary["devices"].as_array().unwrap();
    let found = devices
        .iter()
        .find(|found| found["name"].as_str().unwrap().starts_with(device));
    found.unwrap()["commands"]
        .as_array()
        .unwrap()
        .iter()
        .collect()
}

const SERVERS: [&str; 5] = ["backup-01", "db-01", "dc-01", "web-01", "web-02"];

#[test]
fn triage_linux_brings_an_archive_from_every_server() {
    let ended = rehearse("triage-linux.yaml", &[]).code(0);

    all(&ended, "ok", &SERVERS);
    let summary = ended.json();
    for server in SERVERS {
        let fetched: Vec<&Value> = commands(&summary, server)
            .into_iter()
            .filter(|command| command["verb"] == "get")
            .collect();
        assert_eq!(fetched.len(), 1, "{server}: {fetched:#?}");
        let path = fetched[0]["path"].as_str().unwrap();
        assert!(fetched[0]["size"].as_u64().unwrap() > 0);
        let run = summary["run"].as_str().unwrap();
        assert_eq!(run, "@RUN@");
        let runs = fs::read_dir(ended.folder.path().join("runs")).unwrap();
        let run = runs
            .map(|entry| entry.unwrap().path())
            .find(|path| path.is_dir())
            .unwrap();
        assert!(run.join(path).is_file(), "{path}");
    }
}

/// Calls are what a tenant has least of: the work in one session, cleanup in another.
#[test]
fn triage_linux_costs_two_sessions_a_server() {
    let ended = rehearse("triage-linux.yaml", &[]).code(0);

    for device in ended.json()["devices"].as_array().unwrap() {
        assert_eq!(device["sessions"], 2, "{device:#}");
    }
}

#[test]
fn triage_windows_brings_an_archive_from_every_windows_device() {
    let ended = rehearse("triage-windows.yaml", &["--target", "tag:windows"]).code(0);

    all(&ended, "ok", &["dc-01", "ws-07"]);
}

#[test]
fn triage_macos_brings_an_archive_from_every_mac() {
    let ended = rehearse("triage-macos.yaml", &["--target", "tag:macos"]).code(0);

    all(&ended, "ok", &["mac-03"]);
}

#[test]
fn event_logs_come_from_every_windows_device() {
    let ended = rehearse("collect-eventlogs.yaml", &["--target", "tag:windows"]).code(0);

    all(&ended, "ok", &["dc-01", "ws-07"]);
}

#[test]
fn cache_artefacts_come_from_every_windows_device() {
    let ended = rehearse("collect-cache-artefacts.yaml", &["--target", "tag:windows"]).code(0);

    all(&ended, "ok", &["dc-01", "ws-07"]);
    let summary = ended.json();
    let verbs: Vec<&Value> = commands(&summary, "ws-07")
        .iter()
        .map(|command| &command["verb"])
        .collect();
    assert_eq!(verbs, ["put", "run", "get", "run"]);
}

#[test]
fn a_dump_comes_from_the_device_that_was_named() {
    let ended = rehearse("minidump.yaml", &["--target", "ws-07"]).code(0);

    all(&ended, "ok", &["ws-07"]);
}

#[test]
fn persistence_is_listed_everywhere_and_fetched_where_it_was_marked() {
    let ended = rehearse("hunt-persistence.yaml", &[]).code(0);

    all(&ended, "ok", &SERVERS);
    let summary = ended.json();
    let fetched = |server: &str| {
        commands(&summary, server)
            .iter()
            .any(|command| command["verb"] == "get")
    };
    assert!(fetched("web-01"), "the broken server has marked entries");
    assert!(!fetched("db-01"), "an honest server has none");
}

#[test]
fn a_device_that_has_a_wanted_file_stands_out() {
    use sha2::Digest as _;
    let demo = Scenario::demo();
    let broken = demo
        .devices
        .iter()
        .find(|device| device.name.starts_with("web-01"))
        .unwrap();
    let miner = broken
        .files
        .iter()
        .find(|file| file.path == "/tmp/.x/kworker")
        .unwrap();
    let hash: String = sha2::Sha256::digest(miner.content().unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    let ended = rehearse(
        "hunt-ioc-files.yaml",
        &["--input", &format!("hashes={hash}")],
    )
    .code(1);

    let ends = ends(&ended);
    assert_eq!(ends["web-01"], "expect_failed", "{}", ended.text());
    assert_eq!(ends["web-02"], "ok", "{}", ended.text());
    assert_eq!(ends["ws-07"], "ok", "{}", ended.text());
}

#[test]
fn the_intruders_key_is_removed_and_the_evidence_kept() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let demo = Scenario::demo();
    let broken = demo
        .devices
        .iter()
        .find(|device| device.name.starts_with("web-01"))
        .unwrap();
    let keys = broken
        .files
        .iter()
        .find(|file| file.path.ends_with("deploy/.ssh/authorized_keys"))
        .unwrap();
    let text = String::from_utf8(keys.content().unwrap()).unwrap();
    let key = text.lines().last().unwrap().split(' ').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(key)
        .unwrap();
    let sum = base64::engine::general_purpose::STANDARD_NO_PAD.encode(sha2::Sha256::digest(bytes));

    let ended = rehearse(
        "remove-authorized-key.yaml",
        &[
            "--input",
            &format!("fingerprint=SHA256:{sum}"),
            "--target",
            "tag:linux",
        ],
    )
    .code(0);

    let summary = ended.json();
    all(&ended, "ok", &["backup-01", "db-01", "web-01", "web-02"]);
    let fetched = |server: &str| {
        commands(&summary, server)
            .iter()
            .any(|command| command["verb"] == "get")
    };
    assert!(fetched("web-01"));
    assert!(!fetched("db-01"), "a server without the key is left alone");
}

/// A block of code of the README: the first in this language that holds this text.
fn readme(language: &str, mark: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    page.split("```")
        .filter_map(|block| block.strip_prefix(&format!("{language}\n")))
        .find(|block| block.contains(mark))
        .unwrap_or_else(|| panic!("no block with {mark}"))
        .to_owned()
}

#[test]
fn the_first_playbook_of_the_readme_runs() {
    let ended = Svar::new("run auth-log.yaml --format json --target web-01")
        .file(
            "auth-log.yaml",
            readme("yaml", "name: Collect failed logins"),
        )
        .file("failed-logins.sh", readme("bash", "failed-logins.txt"))
        .run()
        .code(0);

    all(&ended, "ok", &["web-01"]);
}

#[test]
fn the_misspelt_name_of_the_readme_is_found_as_it_is_shown() {
    let playbook = readme("yaml", "name: Collect failed logins");
    Svar::new("check auth-log.yaml")
        .file(
            "auth-log.yaml",
            playbook.replace("inputs.lines", "inputs.line"),
        )
        .file("failed-logins.sh", readme("bash", "failed-logins.txt"))
        .run()
        .code(2)
        .stderr(&readme("text", "error[unknown-name]"));
}
