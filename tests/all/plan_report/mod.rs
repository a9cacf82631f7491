//! What `svar plan` prints of a plan: text for people, and JSON.

mod cases;
mod cost;
mod secrets;

use svar_language::diagnostic::render::{RenderStyle, text};
use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{
    CompiledPlan, GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile,
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

#[track_caller]
fn compiled(playbook: &str, given: &GivenInputs, targets: Vec<Target>) -> CompiledPlan {
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    let drawn = text(&loaded.problems, &RenderStyle::unicode());
    assert!(loaded.playbook.is_some(), "{drawn}");
    let inputs = Inputs::merge(&loaded, given).unwrap();
    let limits = Limits::of(LimitsProfile::Safe);
    let names = RunNames::default();
    compile(&loaded, &NoFiles, &inputs, targets, &names, &limits).unwrap()
}
