//! The service's gate: it refuses tokens that it gave a moment ago.

use svar_emulator::{Call, Fault, FaultKind, Scenario};
use svar_engine::EndState;

use super::computer::{Computer, Left};
use super::draw::beginning;
use super::load::{device, run_of};
use super::seeds::scratch;

/// Four devices under a service whose lists refuse so many calls after the first ones. Each refused
/// call is made again with a fresh token, and is refused again.
fn four_devices(root: &std::path::Path, call: Call, after: u32, times: u32) -> Computer {
    let scenario = Scenario {
        devices: (0..4).map(device).collect(),
        faults: vec![Fault {
            after,
            times,
            ..Fault::once(call, FaultKind::Unauthorized)
        }],
        ..Scenario::default()
    };
    run_of(
        root,
        "playbook: 1\nos: windows\nsteps:\n  - run: work.ps1\n",
        scenario,
    )
}

#[test]
fn a_gate_that_is_in_trouble_for_a_while_is_waited_for() {
    for call in [Call::ActionList, Call::ResultLink, Call::Start] {
        let root = scratch();
        let mut computer = four_devices(root.path(), call, 1, 40);
        assert_eq!(computer.drive(), Ok(Left::Finished), "{call:?}");
        assert_eq!(computer.fleet().tally().of(EndState::Ok), 4, "{call:?}");
        // It is asked seldom meanwhile, and a start is not sent twice in the end.
        let ledger = computer.network.ledger();
        let started = ledger
            .iter()
            .filter(|entry| entry["kind"] == "session_started");
        assert_eq!(started.count(), 4, "{call:?}");
    }
}

#[test]
fn a_gate_that_stays_shut_ends_the_process_after_half_an_hour_and_the_run_goes_on_later() {
    let root = scratch();
    let mut computer = four_devices(root.path(), Call::ActionList, 1, 100);
    let Ok(Left::TenantLost(why)) = computer.drive() else {
        panic!("it went on");
    };
    assert!(
        why.contains(" rejected a token that was just issued; "),
        "{why}"
    );
    let minutes = computer.clock.now().since(beginning()).as_secs() / 60;
    assert!((30..35).contains(&minutes), "{minutes} min");
    computer
        .be_away(std::time::Duration::from_secs(60))
        .unwrap();
    // The gate is still shut, and this process was never let in: it does not wait.
    let before = computer.clock.now();
    assert!(matches!(computer.drive(), Ok(Left::TenantLost(_))));
    assert!(computer.clock.now().since(before).as_secs() < 60);
    loop {
        computer
            .be_away(std::time::Duration::from_secs(60))
            .unwrap();
        match computer.drive().unwrap() {
            Left::TenantLost(_) => {}
            left => break assert_eq!(left, Left::Finished),
        }
    }
    assert_eq!(computer.fleet().tally().of(EndState::Ok), 4);
}
