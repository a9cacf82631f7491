//! What it costs to compile a playbook for a fleet, on one core.
//!
//! A pair is one step for one device. The playbook is compiled twice: once with steps that read the
//! device's name, so that no two devices get the same, and once without.
//!
//! `cargo bench --bench compile`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod measure;

use std::hint::black_box;

use svar_language::playbook::{Loaded, NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile};
use svar_wire::DeviceId;

const DEVICES: usize = 10_000;
const ROUNDS: usize = 11;

fn main() {
    let own = measure::playbook(1).replace("Part: ", "Host: \"${{ target.name }}\", Part: ");
    let same =
        measure::playbook(1).replace("comment: Case 1 on ${{ target.name }}", "comment: Case 1");
    let [own, same] = [own, same].map(|text| {
        let loaded = load(&SourceText::new("playbook.yaml", text), &NoFiles);
        assert!(loaded.playbook.is_some(), "{:?}", loaded.problems);
        loaded
    });
    let targets: Vec<Target> = (0..DEVICES).map(target).collect();
    let pairs = pairs(&own, &targets);

    let [own, same] = measure::in_turns(
        ROUNDS,
        [&mut || compiled(&own, &targets), &mut || {
            compiled(&same, &targets)
        }],
    );
    measure::heading(&format!(
        "Compiling for {DEVICES} devices, {pairs} pairs of device and step, {ROUNDS} rounds"
    ));
    measure::row("every device gets its own", &own, None);
    measure::row("all devices get the same", &same, Some(&own));
    for (name, spread) in [("its own", own), ("the same", same)] {
        let rate = pairs as f64 / spread.median.as_secs_f64();
        println!("  {name}: {rate:.0} pairs a second on one core");
    }
}

fn target(number: usize) -> Target {
    Target {
        id: DeviceId::parse(&format!("{number:040x}")).unwrap(),
        name: Some(format!("ws-{number:05}.example.org")),
        os: Some("Windows11".to_owned()),
        tags: vec!["team-1".to_owned()],
        group: None,
        reason: "tag team-1".to_owned(),
    }
}

fn plan(loaded: &Loaded, targets: &[Target]) -> svar_plan::CompiledPlan {
    let inputs = Inputs::merge(loaded, &GivenInputs::default()).unwrap();
    let limits = Limits::of(LimitsProfile::Safe);
    let names = RunNames::default();
    compile(loaded, &NoFiles, &inputs, targets.to_vec(), &names, &limits).unwrap()
}

fn compiled(loaded: &Loaded, targets: &[Target]) {
    black_box(plan(loaded, targets));
}

fn pairs(loaded: &Loaded, targets: &[Target]) -> usize {
    let plan = plan(loaded, targets);
    assert_eq!(plan.plan().devices.len(), targets.len());
    plan.plan().steps.len() * targets.len()
}
