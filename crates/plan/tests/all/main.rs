//! From playbook, inputs and targets to what is sent, by the front door: load, merge, compile.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod bound;
mod defaults;
mod expect;
mod forecast;
mod hours;
mod inputs;
mod quoting;
mod results;
mod sessions;
mod waves;

use serde_json::json;
use svar_language::diagnostic::Problem;
use svar_language::diagnostic::render::{RenderStyle, text};
use svar_language::playbook::{Loaded, NoFiles, PlaybookFolder, load};
use svar_language::source::SourceText;
use svar_plan::{
    CompiledPlan, GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Session, Target, compile,
};
use svar_wire::DeviceId;

/// A target whose id ends in these digits.
fn target(digits: u32, name: &str, os: &str) -> Target {
    Target {
        id: DeviceId::parse(&format!("{digits:040x}")).unwrap(),
        name: Some(name.to_owned()),
        os: Some(os.to_owned()),
        tags: vec!["triage".to_owned()],
        group: None,
        reason: "test".to_owned(),
    }
}

fn windows() -> Target {
    target(1, "ws-1", "Windows11")
}

fn linux() -> Target {
    target(2, "srv-2", "Linux")
}

#[track_caller]
fn loaded(playbook: &str) -> Loaded {
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    let rendered = text(&loaded.problems, &RenderStyle::unicode());
    assert!(loaded.playbook.is_some(), "{rendered}");
    loaded
}

fn names() -> RunNames {
    RunNames {
        id: "run-7".to_owned(),
        case: "case-118".to_owned(),
        operator: "ada".to_owned(),
    }
}

#[track_caller]
fn try_compile(
    playbook: &str,
    given: &GivenInputs,
    targets: Vec<Target>,
) -> Result<CompiledPlan, Vec<Problem>> {
    let loaded = loaded(playbook);
    let inputs = Inputs::merge(&loaded, given)?;
    let limits = Limits::of(LimitsProfile::Safe);
    compile(&loaded, &NoFiles, &inputs, targets, &names(), &limits)
}

#[track_caller]
fn compiled(playbook: &str, targets: Vec<Target>) -> CompiledPlan {
    match try_compile(playbook, &GivenInputs::default(), targets) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("{}", text(&problems, &RenderStyle::unicode())),
    }
}

/// What stands in the way, as it is rendered.
#[track_caller]
fn compile_error(playbook: &str, given: &GivenInputs, targets: Vec<Target>) -> String {
    let problems = try_compile(playbook, given, targets).expect_err("something is wrong");
    text(&problems, &RenderStyle::unicode())
}

/// The steps of each session, waiting ones with what they wait for.
fn shape(compiled: &CompiledPlan, device: usize) -> Vec<String> {
    let plan = compiled.plan();
    plan.devices[device]
        .sessions
        .iter()
        .map(|session: &Session| {
            let steps: Vec<&str> = session
                .commands
                .iter()
                .map(|command| command.step.of(&plan.steps).name.as_str())
                .collect();
            let steps = steps.join(" ");
            match session.waits_for.as_slice() {
                [] => steps,
                names => format!("{steps} (waits for {})", names.join(" ")),
            }
        })
        .collect()
}

/// The `Args` of the first device's first script.
#[track_caller]
fn args(compiled: &CompiledPlan) -> Option<String> {
    let sessions = &compiled.plan().devices[0].sessions;
    let request = sessions[0].request.as_ref().unwrap();
    request.commands[0].param("Args").map(str::to_owned)
}

#[test]
fn the_smallest_playbook_gives_the_request_of_the_first_page() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks/minidump.yaml");
    let source = SourceText::new("minidump.yaml", std::fs::read_to_string(&path).unwrap());
    let files = PlaybookFolder::of(&path);
    let loaded = load(&source, &files);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let limits = Limits::of(LimitsProfile::Safe);
    let names = RunNames::default();
    let compiled = compile(&loaded, &files, &inputs, vec![windows()], &names, &limits).unwrap();
    let sessions = &compiled.plan().devices[0].sessions;
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
