//! Stories of devices that are offline: how that is noticed, what they may hold, when they are started again.

use std::time::Duration;

use svar_engine::{
    CancelWhy, DeviceIndex, EndState, FactBody, GiveUp, Interrupt, Readiness, Waiting,
};
use svar_plan::{OfflineMode, OnStop};
use svar_wire::ActionId;
use svar_wire::{ActionStatus, CommandStatus};

use super::build::{get, plan, put, run};
use super::desk::{Desk, START, commands, completed, desk, ready};
use super::stories::hours;

/// The last devices are asked about by hand from here on.
fn offline_from_now(mut desk: Desk) -> Desk {
    desk.all_ready = false;
    desk
}

/// The service gives a session back that no device took.
#[track_caller]
fn given_back(desk: &mut Desk, device: u32, action: &ActionId, status: ActionStatus) {
    desk.ended(device, action, status, commands(&[CommandStatus::Created]));
}

fn hold(devices: u32, slots: u32) -> super::build::Draft {
    plan(devices)
        .session(&[run()])
        .slots(slots)
        .with(|policy| policy.offline.mode = OfflineMode::Hold)
}

#[test]
fn a_device_that_does_not_take_its_session_for_five_minutes_is_offline_until_it_is_seen_later() {
    let mut desk = offline_from_now(desk(hold(1, 2).done()));
    let accepted = desk.now;
    let action = desk.start(0);
    let readiness = |desk: &Desk| desk.fleet.readiness(DeviceIndex(0)).cloned();
    desk.pass(299);
    assert_eq!(readiness(&desk), Some(Readiness::Ready));
    desk.pass(9);
    let gave_up = desk.journal.last().unwrap();
    assert_eq!(gave_up.body, FactBody::GaveUp { on: GiveUp::Pickup });
    let unresponsive = |since| Some(Readiness::Unresponsive { since });
    assert_eq!(readiness(&desk), unresponsive(accepted));
    desk.crash();
    assert_eq!(
        readiness(&desk),
        unresponsive(accepted),
        "the journal says it all"
    );
    desk.pass(7_000);
    given_back(&mut desk, 0, &action, ActionStatus::TimeOut);
    assert_eq!(readiness(&desk), unresponsive(accepted));
    // Nobody else wants the slot, so it may wait there again.
    let again = desk.now;
    let action = desk.start(0);
    desk.pass(7_000);
    given_back(&mut desk, 0, &action, ActionStatus::TimeOut);
    assert_eq!(readiness(&desk), unresponsive(again));
    let action = desk.start(0);
    desk.began(0, &action);
    assert_eq!(readiness(&desk), Some(Readiness::Ready));
}

#[test]
fn the_list_is_read_seldom_while_all_open_sessions_wait_for_offline_devices() {
    let mut draft = plan(3).session(&[run()]).slots(2);
    draft.policy.offline.mode = OfflineMode::Queue;
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.pass(310);
    assert_eq!(desk.looks, 310 / 8);
    desk.looks = 0;
    desk.pass(3_600);
    assert!((111..=113).contains(&desk.looks), "{}", desk.looks);
    // Sessions of online devices are looked at as often as ever.
    desk.looks = 0;
    let other = desk.start(1);
    desk.pass(80);
    assert_eq!(desk.looks, 10);
    desk.ended(1, &other, ActionStatus::Succeeded, completed(1));
    // A device that wakes up too, from when it is seen to execute.
    desk.pass(320);
    desk.began(0, &action);
    desk.looks = 0;
    desk.pass(80);
    assert_eq!(desk.looks, 10);
}

#[test]
fn a_device_whose_session_expired_while_no_process_ran_is_offline_too() {
    let mut desk = offline_from_now(desk(hold(1, 2).done()));
    let accepted = desk.now;
    let action = desk.start(0);
    desk.now = desk.now + Duration::from_secs(8_000);
    desk.crash();
    given_back(&mut desk, 0, &action, ActionStatus::TimeOut);
    assert_eq!(
        desk.fleet.readiness(DeviceIndex(0)),
        Some(&Readiness::Unresponsive { since: accepted })
    );
}

#[test]
fn with_hold_offline_devices_give_their_slots_to_online_ones() {
    let mut desk = offline_from_now(desk(hold(4, 2).done()));
    let actions = [desk.start(0), desk.start(1)];
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(310);
    for (device, action) in (0..).zip(actions) {
        assert_eq!(
            desk.cancelled(device),
            (action.clone(), CancelWhy::Unresponsive)
        );
        given_back(&mut desk, device, &action, ActionStatus::Cancelled);
    }
    assert_eq!(desk.starts(), [2, 3]);
    desk.play(2, 1);
    assert_eq!(
        desk.starts(),
        [3, 0],
        "no online device wants the other slot"
    );
    desk.needs
        .retain(|need| !matches!(need, svar_engine::Need::Start { device, .. } if device.0 == 0));
    assert!(matches!(
        desk.device(1).waiting,
        Some(Waiting::Offline { .. })
    ));
    desk.happens(1, ready(true));
    desk.play(3, 1);
    assert_eq!(desk.starts(), [1], "it was seen, so it is online");
}

#[test]
fn no_more_sessions_of_offline_devices_stay_in_the_queue_than_it_may_hold() {
    let mut draft = plan(5).session(&[run()]).slots(3);
    draft.policy.offline.max_slots = 1;
    let mut desk = offline_from_now(desk(draft.done()));
    let actions = [desk.start(0), desk.start(1), desk.start(2)];
    desk.pass(310);
    for device in [0, 1] {
        let recalled = desk.cancelled(device);
        let action = actions[device as usize].clone();
        assert_eq!(recalled, (action.clone(), CancelWhy::Unresponsive));
        given_back(&mut desk, device, &action, ActionStatus::Cancelled);
    }
    assert!(
        desk.needs
            .iter()
            .all(|need| !matches!(need, svar_engine::Need::Cancel { .. }))
    );
    assert_eq!(desk.starts(), [3, 4]);
}

#[test]
fn offline_devices_take_turns() {
    let mut draft = plan(3).session(&[run()]);
    draft.policy.offline.max_slots = 1;
    let mut desk = super::desk::desk_with(draft.done(), |desk| desk.all_ready = false);
    for device in desk.devices() {
        desk.tell(Some(device), ready(false));
    }
    desk.fleet.devices_read(desk.now);
    desk.poll();
    for device in [0, 1, 2, 0] {
        assert_eq!(desk.starts(), [device]);
        let action = desk.start(device);
        desk.pass(7_200);
        desk.needs.clear();
        given_back(&mut desk, device, &action, ActionStatus::TimeOut);
    }
}

#[test]
fn a_device_that_turns_out_to_be_offline_is_skipped() {
    let draft = plan(1).session(&[run()]);
    let draft = draft.with(|policy| policy.offline.mode = OfflineMode::Skip);
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.pass(310);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Unresponsive));
    given_back(&mut desk, 0, &action, ActionStatus::Cancelled);
    let end = desk.end(0);
    assert_eq!(end.state, EndState::Skipped);
    assert_eq!(
        end.why.unwrap(),
        "offline: the device did not pick up the session"
    );
}

#[test]
fn a_session_that_begins_while_it_is_recalled_is_reported_and_cleaned_up() {
    let draft = plan(2)
        .session(&[put(), run()])
        .cleanup(&[run()])
        .slots(1)
        .never_stop()
        .with(|policy| policy.offline.mode = OfflineMode::Hold);
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.pass(310);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Unresponsive));
    let cut = [CommandStatus::Completed, CommandStatus::Executing];
    desk.ended(0, &action, ActionStatus::Cancelled, commands(&cut));
    desk.play(0, 1);
    let end = desk.end(0);
    assert_eq!((end.state, end.cleanup_owed), (EndState::Cancelled, false));
    assert_eq!(
        end.why.unwrap(),
        "the device had started the session when it was recalled; it was aborted"
    );
}

#[test]
fn a_step_that_fails_while_its_session_is_recalled_is_tried_again() {
    let draft = plan(2)
        .session(&[run().retry(1, 0)])
        .slots(1)
        .with(|policy| policy.offline.mode = OfflineMode::Hold);
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.pass(310);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Unresponsive));
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &action, ActionStatus::Cancelled, failed);
    desk.deliver(0);
    desk.play(1, 1);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_session_that_ends_before_it_can_be_recalled_counts() {
    let draft = plan(2)
        .session(&[run()])
        .session(&[get()])
        .slots(1)
        .with(|policy| policy.offline.mode = OfflineMode::Hold);
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.pass(310);
    desk.cancelled(0);
    desk.ended(0, &action, ActionStatus::Cancelled, completed(1));
    desk.deliver(0);
    desk.play(1, 1);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn what_waits_for_its_device_is_recalled_when_the_hours_end() {
    let draft = plan(2).session(&[run()]).slots(2);
    let window = hours("22:00-03:46 Europe/Stockholm");
    let mut desk = offline_from_now(desk(draft.with(|policy| policy.window = window).done()));
    let ends = START + Duration::from_secs(360);
    let opens = START + Duration::from_secs(18 * 3_600 + 20 * 60);
    let (offline, runs) = (desk.start(0), desk.start(1));
    desk.began(1, &runs);
    desk.pass(359);
    assert!(desk.needs.is_empty());
    desk.pass(1);
    assert_eq!(desk.now, ends);
    assert_eq!(desk.cancelled(0), (offline.clone(), CancelWhy::Hours));
    assert!(desk.needs.is_empty(), "what runs, runs on");
    given_back(&mut desk, 0, &offline, ActionStatus::Cancelled);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(opens.since(desk.now).as_secs() - 1);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(1);
    assert_eq!(desk.starts(), [0]);
}

#[test]
fn a_start_that_is_accepted_after_the_hours_is_recalled_at_the_next_look() {
    let draft = plan(1).session(&[run()]);
    let window = hours("22:00-03:46 Europe/Stockholm");
    let mut desk = desk(draft.with(|policy| policy.window = window).done());
    let (session, attempt, _) = desk.announce(0);
    desk.pass(370);
    let action = desk.accept(0, session, attempt);
    assert!(desk.needs.is_empty(), "it may have begun, for all we know");
    desk.pass(8);
    assert_eq!(desk.cancelled(0), (action, CancelWhy::Hours));
}

#[test]
fn a_paused_run_recalls_sessions_of_offline_devices_and_lets_running_ones_finish() {
    let draft = plan(2).session(&[run()]).cleanup(&[run()]);
    let mut desk = offline_from_now(desk(draft.done()));
    let (offline, fresh) = (desk.start(0), desk.start(1));
    desk.pass(200);
    desk.began(1, &fresh);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    assert!(desk.needs.is_empty(), "it may be about to begin");
    desk.pass(110);
    assert_eq!(desk.cancelled(0), (offline.clone(), CancelWhy::Pause));
    given_back(&mut desk, 0, &offline, ActionStatus::Cancelled);
    assert!(!desk.fleet.is_done());
    desk.ended(1, &fresh, ActionStatus::Succeeded, completed(1));
    desk.deliver(1);
    let cleanup = desk.start(1);
    assert!(
        !desk.fleet.is_done(),
        "an online device is cleaned up first"
    );
    desk.pass(310);
    assert_eq!(desk.cancelled(1), (cleanup.clone(), CancelWhy::Pause));
    given_back(&mut desk, 1, &cleanup, ActionStatus::Cancelled);
    assert!(desk.fleet.is_done(), "it went off before its cleanup began");
    desk.ends(&[EndState::NotStarted, EndState::Cancelled]);
    desk.crash();
    let known = desk.fleet.readiness(DeviceIndex(0));
    assert!(
        known.is_some_and(Readiness::is_offline),
        "the process that goes on knows that it is offline"
    );
    desk.happens(0, ready(true));
    desk.happens(1, ready(true));
    desk.play(0, 1);
    desk.play(0, 1);
    desk.play(1, 1);
    desk.ends(&[EndState::Ok; 2]);
}

#[test]
fn a_session_recalled_in_a_run_that_is_to_end_is_not_started_again() {
    let draft = hold(3, 2).never_stop();
    let mut desk = offline_from_now(desk(draft.done()));
    let action = desk.start(0);
    desk.start(1);
    desk.pass(310);
    desk.cancelled(0);
    desk.happens_to_run(FactBody::Stopped {
        how: OnStop::Drain,
        by: "alva".into(),
    });
    given_back(&mut desk, 0, &action, ActionStatus::Cancelled);
    assert_eq!(desk.end(0).state, EndState::NotStarted);
}
