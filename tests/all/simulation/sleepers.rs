//! Machines that sleep though they were seen lately, and go off in the middle of a run.

use svar::emulator::{Device, Scenario, Span, Window};
use svar::engine::EndState;
use svar::moment::Moment;

use super::computer::{Computer, Left};
use super::draw::beginning;
use super::load::{device, run_of};
use super::seeds::scratch;

/// Seen five minutes before the run, and off for so long.
fn off_for(machine: usize, seconds: u64) -> Device {
    Device {
        last_seen: Span::seconds(300),
        online: vec![Window {
            from: Span::seconds(seconds),
            until: None,
        }],
        ..device(machine)
    }
}

fn playbook(policy: &str) -> String {
    format!("playbook: 1\nos: windows\n{policy}\nsteps:\n  - run: work.ps1\n")
}

/// When each entry of a kind was written down, in order.
fn times(computer: &Computer, kind: &str) -> Vec<Moment> {
    let entries = computer.network.ledger();
    let entries = entries.iter().filter(|entry| entry["kind"] == kind);
    let times = entries.map(|entry| Moment::parse(entry["at"].as_str().unwrap()).unwrap());
    times.collect()
}

const HOUR: u64 = 3_600;

#[test]
fn held_back_after_the_queue_gave_it_up_a_machine_that_comes_back_is_started_again() {
    let root = scratch();
    let scenario = Scenario {
        devices: vec![off_for(0, 3 * HOUR)],
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: hold, until: 10h }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    let end = computer.fleet().lanes().next().unwrap().end.unwrap();
    assert_eq!(end.state, EndState::Ok, "{:?}", end.why);
    // Each start waits for as long as the service lets it: two hours.
    assert_eq!(times(&computer, "session_started").len(), 2);
    let took = computer.clock.now().since(beginning()).as_secs();
    assert!((3 * HOUR..3 * HOUR + 600).contains(&took), "{took} s");
}
