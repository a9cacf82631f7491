//! Devices that are offline though they were seen lately, and go off in the middle of a run.

use std::path::Path;

use svar_emulator::{
    CLIENT_ID, Call, Device, DurationRange, Fault, FaultKind, Request, Scenario, ScriptOutcome,
    SettingOverrides, TimeSpan, TimeWindow, UnsuccessfulStatus,
};
use svar_engine::EndState;
use svar_wire::Moment;

use super::computer::{Computer, Left};
use super::draw::beginning;
use super::judge::slots_held;
use super::load::{device, run_of};
use super::seeds::{scratch, token};

/// Seen five minutes before the run, and off for so long.
fn off_for(number: usize, seconds: u64) -> Device {
    Device {
        last_seen: TimeSpan::seconds(300),
        online: vec![TimeWindow {
            from: TimeSpan::seconds(seconds),
            until: None,
        }],
        ..device(number)
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
fn held_back_after_the_queue_gave_it_up_a_device_that_comes_back_is_started_again() {
    let root = scratch();
    let scenario = Scenario {
        devices: vec![off_for(0, 3 * HOUR)],
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: hold, until: 10h }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    let end = computer.fleet().devices().next().unwrap().end.unwrap();
    assert_eq!(end.state, EndState::Ok, "{:?}", end.why);
    // Each start waits for as long as the service lets it: two hours.
    assert_eq!(times(&computer, "session_started").len(), 2);
    let took = computer.clock.now().since(beginning()).as_secs();
    assert!((3 * HOUR..3 * HOUR + 600).contains(&took), "{took} s");
}

/// One device that is off for five hours, queued at a service that keeps what it queues for so long
/// and ends it in this status.
fn queued(root: &Path, hours: u64, status: UnsuccessfulStatus) -> Computer {
    let scenario = Scenario {
        devices: vec![off_for(0, 5 * HOUR)],
        settings: SettingOverrides {
            queue_ttl: Some(TimeSpan::seconds(hours * HOUR)),
            queue_expiry_status: Some(status),
            token_ttl: Some(TimeSpan::seconds(10 * HOUR)),
            ..SettingOverrides::default()
        },
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: queue, until: 10h }");
    run_of(root, &playbook, scenario)
}

#[test]
fn a_session_is_started_again_whatever_the_queue_calls_the_end_of_its_time() {
    for status in [
        UnsuccessfulStatus::TimeOut,
        UnsuccessfulStatus::Failed,
        UnsuccessfulStatus::Cancelled,
    ] {
        let root = scratch();
        let mut computer = queued(root.path(), 2, status);
        assert_eq!(computer.drive(), Ok(Left::Finished), "{status:?}");
        assert_eq!(ended_ok(&computer), 1, "{status:?}");
        assert_eq!(times(&computer, "session_started").len(), 3, "{status:?}");
    }
}

#[test]
fn a_session_that_another_client_cancels_is_not_started_again() {
    // The run counts on two hours; the service keeps it longer, and another client cancels it there.
    let root = scratch();
    let mut before = queued(root.path(), 72, UnsuccessfulStatus::TimeOut);
    assert_eq!(before.drive(), Ok(Left::Finished));
    let action = before.network.ledger();
    let action = (action.iter()).find(|entry| entry["kind"] == "session_started");
    let action = action.unwrap()["action"].as_str().unwrap().to_owned();

    let root = scratch();
    let mut computer = queued(root.path(), 72, UnsuccessfulStatus::TimeOut);
    let token = token(&computer.network, CLIENT_ID).unwrap();
    let cancel = Request::new("POST", &format!("/api/machineactions/{action}/cancel"))
        .header("authorization", &format!("Bearer {token}"))
        .body(r#"{"Comment": "not on this device"}"#);
    let after = std::time::Duration::from_secs(3 * HOUR);
    computer.network.other_client(after, cancel);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(times(&computer, "session_started").len(), 1);
    let end = computer.fleet().devices().next().unwrap().end.unwrap();
    assert_eq!(end.state, EndState::Cancelled, "{:?}", end.why);
}

#[test]
fn a_device_that_goes_off_in_the_middle_of_a_timed_step_is_waited_for_and_cleaned_up() {
    let nap = |from, until| TimeWindow {
        from: TimeSpan::seconds(from),
        until,
    };
    let scenario = Scenario {
        devices: vec![Device {
            online: vec![nap(0, Some(TimeSpan::seconds(150))), nap(2 * HOUR, None)],
            pickup_delay: Some(DurationRange::seconds(10, 12)),
            outcomes: vec![ScriptOutcome {
                args: "long".to_owned(),
                duration: TimeSpan::seconds(180),
                ..ScriptOutcome::default()
            }],
            ..device(0)
        }],
        ..Scenario::default()
    };
    let root = scratch();
    let playbook = "playbook: 1\nos: windows\noffline: { mode: queue, until: 5h }\nsteps:\n  \
                    - { run: work.ps1, args: long, timeout: 4m, on_fail: continue }\n  \
                    - run: work.ps1\ncleanup:\n  - run: work.ps1\n";
    let mut computer = run_of(root.path(), playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    let end = computer.fleet().devices().next().unwrap().end.unwrap();
    assert_eq!(end.state, EndState::Ok, "{:?}", end.why);
    assert!(!end.cleanup_owed);
    assert_eq!(times(&computer, "session_started").len(), 3);
}

/// When a device's script ran.
fn ran(computer: &Computer, device: usize) -> Option<Moment> {
    let id = format!("{device:040x}");
    let ledger = computer.network.ledger();
    let entry =
        (ledger.iter()).find(|entry| entry["kind"] == "script_run" && entry["device"] == *id);
    entry.map(|entry| Moment::parse(entry["at"].as_str().unwrap()).unwrap())
}

fn ended_ok(computer: &Computer) -> u32 {
    computer.fleet().tally().of(EndState::Ok)
}

#[test]
fn held_offline_devices_that_were_seen_lately_do_not_take_all_slots() {
    let root = scratch();
    let devices = (0..30).map(|device| off_for(device, 6 * HOUR));
    let scenario = Scenario {
        devices: devices.chain((30..60).map(device)).collect(),
        ..Scenario::default()
    };
    let mut computer = run_of(
        root.path(),
        &playbook("offline: { mode: hold, until: 10h }"),
        scenario,
    );
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(ended_ok(&computer), 60);
    let last = (30..60).filter_map(|device| ran(&computer, device)).max();
    // Twenty-five offline devices take all slots at first, and have them for five minutes and not two hours.
    let minutes = last.unwrap().since(beginning()).as_secs() / 60;
    assert!(minutes < 20, "{minutes} min");
    // Until they come back, at most five of them wait in the service's queue.
    let ledger = computer.network.ledger();
    let (since, until) = (HOUR, 6 * HOUR - 1);
    let at = |seconds: u64| beginning() + std::time::Duration::from_secs(seconds);
    assert_eq!(slots_held(&ledger, at(since), at(until)), 5);
    assert_eq!(computer.network.throttled(), []);
}

#[test]
fn no_session_begins_outside_the_window_though_its_device_comes_online_there() {
    let root = scratch();
    let scenario = Scenario {
        devices: vec![off_for(0, HOUR + 1_800), device(1)],
        ..Scenario::default()
    };
    let playbook = playbook("window: 09:00-10:00\noffline: { mode: queue, until: 2d }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(ended_ok(&computer), 2);
    let after = ran(&computer, 0).unwrap().since(beginning()).as_secs();
    assert!((24 * HOUR..25 * HOUR).contains(&after), "{after} s");
}

#[test]
fn a_pause_leaves_nothing_in_the_queue_that_could_begin_unwatched() {
    let root = scratch();
    let scenario = Scenario {
        devices: vec![off_for(0, HOUR), device(1)],
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: queue, until: 10h }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    let pause = beginning() + std::time::Duration::from_secs(60);
    computer.interrupts = vec![pause];
    assert_eq!(computer.drive(), Ok(Left::Interrupted));
    let took = computer.clock.now().since(pause).as_secs();
    assert!(took < 360, "{took} s");
    assert_eq!(ended_ok(&computer), 1);
    let pause = std::time::Duration::from_secs(2 * HOUR);
    computer.be_away(pause).unwrap();
    assert_eq!(ran(&computer, 0), None);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(ended_ok(&computer), 2);
}

#[test]
fn a_device_list_that_is_never_answered_ends_the_wait_after_half_an_hour() {
    let root = scratch();
    let fault = Fault {
        times: 20,
        ..Fault::once(Call::MachineList, FaultKind::ServerError)
    };
    let scenario = Scenario {
        devices: vec![device(0), device(1)],
        faults: vec![fault],
        ..Scenario::default()
    };
    let mut computer = run_of(root.path(), &playbook("risk: read"), scenario);
    let Ok(Left::TenantLost(why)) = computer.drive() else {
        panic!("it waits for ever");
    };
    assert!(
        why.starts_with("the machine list could not be read for 30 minutes: "),
        "{why}"
    );
    let took = computer.clock.now().since(beginning()).as_secs();
    assert!((1_800..2_100).contains(&took), "{took} s");
    assert_eq!(times(&computer, "session_started"), []);
    // Taken up when the service is well again, it goes on.
    let pause = std::time::Duration::from_secs(60);
    for _ in 0..2 {
        computer.be_away(pause).unwrap();
        if computer.drive() == Ok(Left::Finished) {
            assert_eq!(ended_ok(&computer), 2);
            return;
        }
    }
    panic!("it does not go on");
}

#[test]
fn every_page_of_the_device_list_counts_in_the_hour_s_calls() {
    let root = scratch();
    let mut devices: Vec<Device> = (0..100).map(|device| off_for(device, 30 * HOUR)).collect();
    for device in &mut devices {
        device.last_seen = TimeSpan::seconds(40 * HOUR);
    }
    // Twenty-six pages for all of them, every minute: 1,560 calls an hour.
    let scenario = Scenario {
        devices,
        settings: SettingOverrides {
            default_page_size: Some(4),
            ..SettingOverrides::default()
        },
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: hold, until: 3h }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(computer.network.throttled(), []);
    assert!(computer.network.calls() > 3_000, "it looked all the time");
    let end = computer.fleet().devices().next().unwrap().end.unwrap();
    assert_eq!(end.state, EndState::OfflineExpired);
    assert_eq!(
        end.why.unwrap(),
        "it did not come online before `offline.until`: it was last seen 2026-02-01T17:00:00.000Z"
    );
}

#[test]
fn an_offline_device_that_is_seen_again_does_not_wait_for_its_turn() {
    let root = scratch();
    let scenario = Scenario {
        devices: (0..12).map(|device| off_for(device, 3 * HOUR)).collect(),
        ..Scenario::default()
    };
    let playbook = playbook("offline: { mode: hold, max_slots: 1, until: 10h }");
    let mut computer = run_of(root.path(), &playbook, scenario);
    assert_eq!(computer.drive(), Ok(Left::Finished));
    assert_eq!(ended_ok(&computer), 12);
    // The list is read every minute; one after the other they would take a quarter of an hour.
    let took = computer.clock.now().since(beginning()).as_secs() - 3 * HOUR;
    assert!(took < 480, "{took} s after they came back");
}
