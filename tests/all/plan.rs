//! From playbook, inputs and targets to what is sent, by the front door: load, merge, compile.

use serde_json::json;
use svar::name::MachineId;
use svar::plan::{Given, Inputs, Limits, LimitsProfile, RunNames, Runbook, Target, compile};
use svar::playbook::{Beside, NoFiles, load};
use svar::source::SourceText;

/// A target whose id ends in this digit.
fn target(digit: u8, name: &str, os: &str) -> Target {
    Target {
        id: MachineId::parse(&format!("{digit:040x}")).unwrap(),
        name: Some(name.to_owned()),
        os: Some(os.to_owned()),
        tags: vec!["triage".to_owned()],
        group: None,
        reason: "test".to_owned(),
    }
}

#[track_caller]
fn runbook(playbook: &str, given: &Given, targets: Vec<Target>) -> Runbook {
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    assert!(!loaded.has_errors(), "{:#?}", loaded.problems);
    let inputs = Inputs::merge(&loaded, given).expect("the inputs are fine");
    let limits = Limits::of(LimitsProfile::Safe);
    compile(
        &loaded,
        &NoFiles,
        &inputs,
        targets,
        &RunNames::default(),
        &limits,
    )
    .expect("it compiles")
}

#[test]
fn the_smallest_playbook_gives_the_request_of_the_first_page() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/minidump.yaml");
    let source = SourceText::new("minidump.yaml", std::fs::read_to_string(&path).unwrap());
    let files = Beside::playbook(&path);
    let loaded = load(&source, &files);
    let inputs = Inputs::merge(&loaded, &Given::default()).unwrap();
    let runbook = compile(
        &loaded,
        &files,
        &inputs,
        vec![target(1, "ws-1", "Windows11")],
        &RunNames::default(),
        &Limits::of(LimitsProfile::Safe),
    )
    .unwrap();
    let sessions = &runbook.plan().machines[0].sessions;
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        serde_json::to_value(sessions[0].request.as_deref()).unwrap(),
        json!({
           "Commands":[
              {
                 "type":"RunScript",
                 "params":[
                    { "key":"ScriptName", "value":"minidump.ps1" },
                    { "key":"Args", "value":"OfficeClickToRun" }
                 ]
              },
              {
                 "type":"GetFile",
                 "params":[
                    {
                       "key":"Path",
                       "value":"C:\\windows\\TEMP\\OfficeClickToRun.dmp.zip"
                    }
                 ]
              }
           ],
           "Comment":"Testing Live Response API"
        })
    );
}
