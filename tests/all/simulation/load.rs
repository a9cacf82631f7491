//! Fleets by hand, in virtual time: a playbook, devices, and a quiet network.

use std::path::Path;
use std::sync::Arc;

use svar_emulator::{Device, LibraryItem, Scenario, ScriptOutcome, ServiceProfile};
use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile};
use svar_wire::DeviceId;

use super::computer::Computer;
use super::draw::beginning;
use super::network::{Dice, Network, Weather};

fn id(device: usize) -> String {
    format!("{device:040x}")
}

/// A Windows device that is online and well.
pub(super) fn device(device: usize) -> Device {
    Device {
        id: Some(id(device)),
        ..Device::named(&format!("ws-{device}.example.org"), "Windows11")
    }
}

/// A run of the playbook, which may use `work.ps1`, on all of the scenario's devices under the limits
/// profile `safe`.
pub(super) fn run_of(root: &Path, playbook: &str, scenario: Scenario) -> Computer {
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let targets = (0..scenario.devices.len()).map(|device| Target {
        id: DeviceId::parse(&id(device)).unwrap(),
        name: None,
        os: Some("Windows11".to_owned()),
        tags: vec![],
        group: None,
        reason: "test".to_owned(),
    });
    let limits = Limits::of(LimitsProfile::Safe);
    let compiled = compile(
        &loaded,
        &NoFiles,
        &inputs,
        targets.collect(),
        &RunNames::default(),
        &limits,
    )
    .unwrap();
    let scenario = Scenario {
        profile: ServiceProfile::Safe,
        library: vec![LibraryItem {
            name: "work.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![ScriptOutcome::default()],
        ..scenario
    };
    let network = Network::new(scenario, beginning(), Weather::FAIR, Dice(1));
    Computer::new(
        root,
        Arc::new(compiled),
        playbook,
        network,
        beginning(),
        Dice(2),
    )
}

/// Sixty devices, all online.
pub(super) fn sixty_devices(root: &Path) -> Computer {
    let playbook = "playbook: 1
name: Collect
os: windows
comment: collect
steps:
  - run: work.ps1
";
    let scenario = Scenario {
        devices: (0..60).map(device).collect(),
        ..Scenario::default()
    };
    run_of(root, playbook, scenario)
}
