//! A run under load, with nothing going wrong.

use std::path::Path;
use std::sync::Arc;

use svar::emulator::{Device, LibraryItem, Outcome, Profile, Scenario};
use svar::name::MachineId;
use svar::plan::{Given, Inputs, Limits, LimitsProfile, RunNames, Target, compile};
use svar::playbook::{NoFiles, load};
use svar::source::SourceText;

use super::computer::Computer;
use super::draw::beginning;
use super::network::{Dice, Network, Weather};

const PLAYBOOK: &str = "playbook: 1
name: Collect
os: windows
comment: collect
steps:
  - run: work.ps1
";

/// Sixty machines under the limits profile `safe`.
pub(super) fn sixty_machines(root: &Path) -> Computer {
    let id = |machine: u32| format!("{machine:040x}");
    let loaded = load(&SourceText::new("playbook.yaml", PLAYBOOK), &NoFiles);
    let inputs = Inputs::merge(&loaded, &Given::default()).unwrap();
    let targets = (0..60).map(|machine| Target {
        id: MachineId::parse(&id(machine)).unwrap(),
        name: None,
        os: Some("Windows11".to_owned()),
        tags: vec![],
        group: None,
        reason: "test".to_owned(),
    });
    let limits = Limits::of(LimitsProfile::Safe);
    let names = RunNames::default();
    let runbook = compile(
        &loaded,
        &NoFiles,
        &inputs,
        targets.collect(),
        &names,
        &limits,
    )
    .unwrap();
    let scenario = Scenario {
        profile: Profile::Safe,
        devices: (0..60)
            .map(|machine| Device {
                id: Some(id(machine)),
                ..Device::named(&format!("ws-{machine}.example.org"), "Windows11")
            })
            .collect(),
        library: vec![LibraryItem {
            name: "work.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![Outcome::default()],
        ..Scenario::default()
    };
    let network = Network::new(scenario, beginning(), Weather::FAIR, Dice(1));
    Computer::new(
        root,
        Arc::new(runbook),
        PLAYBOOK,
        network,
        beginning(),
        Dice(2),
    )
}
