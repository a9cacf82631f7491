//! Stories: given a plan, when this happens, then the engine wants that.

use std::time::Duration;

use svar_engine::{
    Attempt, Availability, CancelWhy, EndState, FactBody, Fleet, Interrupt, Need, NotFound, Phase,
    RequestIndex, SessionIndex, SessionPhase, StepIndex, Waiting,
};
use svar_plan::{CountOrPercent, Hours, OfflineMode, OnStop, ResultsWanted, StopBase, StopWhen};
use svar_wire::{ActionStatus, CommandStatus};

use super::build::{get, plan, put, run, run_id};
use super::desk::{Desk, START, commands, completed, desk, desk_with, ready, refusal};

#[test]
fn a_device_goes_through_its_sessions_in_order() {
    let mut desk = desk(
        plan(1)
            .session(&[put(), run(), get()])
            .session(&[run()])
            .done(),
    );
    let action = desk.start(0);
    assert_eq!(desk.device(0).waiting, Some(Waiting::Pickup));
    desk.began(0, &action);
    assert_eq!(desk.device(0).waiting, Some(Waiting::SessionEnd));
    desk.ended(0, &action, ActionStatus::Succeeded, completed(3));
    assert_eq!(desk.deliver(0), [1, 2], "a put has no result");
    assert_eq!(
        desk.device(0).phase,
        Phase::Session {
            session: SessionIndex(1),
            attempt: Attempt(0),
            action: None,
            at: SessionPhase::Starting,
        }
    );
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
    assert!(desk.fleet.is_done());
    assert_eq!(desk.fleet.wake_at(), None);
}

#[test]
fn the_first_failed_device_stops_new_starts_and_running_ones_finish() {
    let mut desk = desk(plan(4).session(&[run()]).slots(2).done());
    assert_eq!(desk.starts(), [0, 1]);
    let first = desk.start(0);
    let second = desk.start(1);
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &first, ActionStatus::Failed, failed);
    assert_eq!(
        desk.deliver(0),
        [0],
        "a failed script is asked for its output"
    );
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.ended(1, &second, ActionStatus::Succeeded, completed(1));
    desk.deliver(1);
    desk.ends(&[
        EndState::Failed,
        EndState::Ok,
        EndState::NotStarted,
        EndState::NotStarted,
    ]);
    assert!(desk.fleet.is_done());
}

#[test]
fn a_lost_answer_is_settled_by_the_tag_and_not_by_sending_again() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    let (session, attempt, _) = desk.announce(0);
    desk.happens(
        0,
        FactBody::StartUnknown {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
            why: "502".into(),
        },
    );
    let search = desk.take("a search", |need| matches!(need, Need::Search { .. }));
    assert!(matches!(
        search,
        Need::Search {
            not_found: NotFound::MayAppear,
            ..
        }
    ));
    desk.fleet.read_failed(desk.now, &search, None);
    desk.pass(120);
    desk.take("the search that settles it", |need| {
        matches!(
            need,
            Need::Search {
                not_found: NotFound::Final,
                ..
            }
        )
    });
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.happens(
        0,
        FactBody::StartNotFound {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
        },
    );
    assert_eq!(
        desk.announce(0).1,
        1,
        "a start of its own, with a tag of its own"
    );
}

#[test]
fn a_refusal_for_good_fails_the_device() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    desk.refuse(0, refusal(403, "DisallowedOperation"));
    let end = desk.end(0);
    assert_eq!(end.state, EndState::Failed);
    assert_eq!(
        end.why.unwrap(),
        "refused: 403 DisallowedOperation: in words"
    );
}

#[test]
fn only_results_that_are_wanted_and_exist_are_fetched() {
    let steps = [
        put(),
        run().results(ResultsWanted::None),
        run().results(ResultsWanted::None).judged(),
        get().results(ResultsWanted::Failed),
        get(),
    ];
    let mut desk = desk(plan(1).session(&steps).done());
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(5));
    assert_eq!(desk.deliver(0), [2, 4]);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

/// The device ends as unknown at the step, with this reason, and nothing is tried again.
#[track_caller]
fn is_unknown(desk: &mut Desk, step: u16, why: &str) {
    desk.deliver(0);
    let end = desk.end(0);
    assert_eq!(
        (end.state, end.step),
        (EndState::Unknown, Some(StepIndex(step)))
    );
    let mismatch = "the service's answer does not match what was sent";
    assert_eq!(end.why.unwrap(), format!("{mismatch}: {why}"));
}

#[test]
fn an_index_that_was_not_sent_makes_every_result_unknown() {
    let mut desk = desk(plan(1).session(&[run(), run().retry(3, 0)]).done());
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Failed, completed(3));
    is_unknown(
        &mut desk,
        0,
        "it reports command 2, but only 2 commands were sent",
    );
}

#[test]
fn an_index_that_comes_twice_makes_its_result_unknown() {
    let mut desk = desk(plan(1).session(&[run(), run()]).done());
    let action = desk.start(0);
    let mut ends = completed(3);
    ends[2].index = RequestIndex(1);
    desk.ended(0, &action, ActionStatus::Succeeded, ends);
    is_unknown(&mut desk, 1, "it has command 1 more than once");
}

#[test]
fn a_command_left_out_before_one_that_ran_is_unknown_and_not_tried_again() {
    let mut desk = desk(plan(1).session(&[run(), run().retry(3, 0)]).done());
    let action = desk.start(0);
    let mut ends = commands(&[CommandStatus::Completed, CommandStatus::Failed]);
    ends.remove(0);
    desk.ended(0, &action, ActionStatus::Failed, ends);
    is_unknown(&mut desk, 0, "it leaves out command 0");
}

#[test]
fn a_command_left_out_of_a_success_is_unknown() {
    let mut desk = desk(plan(1).session(&[run(), run()]).done());
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    is_unknown(&mut desk, 1, "it leaves out command 1");
}

#[test]
fn another_commands_name_makes_the_result_unknown() {
    let mut desk = desk(plan(1).session(&[run(), run().may_fail()]).done());
    let action = desk.start(0);
    let mut ends = completed(2);
    ends[1].named = Some("RunScript other.sh".to_owned());
    desk.ended(0, &action, ActionStatus::Succeeded, ends);
    is_unknown(&mut desk, 1, "its command 1 is RunScript other.sh");
}

#[test]
fn what_a_failed_session_never_came_to_may_be_left_out() {
    let mut desk = desk(plan(1).session(&[run(), run(), run()]).done());
    let action = desk.start(0);
    let ends = commands(&[CommandStatus::Failed]);
    desk.ended(0, &action, ActionStatus::Failed, ends);
    assert_eq!(desk.deliver(0), [0]);
    let end = desk.end(0);
    assert_eq!(
        (end.state, end.step),
        (EndState::Failed, Some(StepIndex(0)))
    );
}

#[test]
fn a_failed_session_gives_what_was_wanted_only_of_failures() {
    let steps = [run().results(ResultsWanted::Failed), run(), get()];
    let mut desk = desk(plan(1).session(&steps).done());
    let action = desk.start(0);
    let statuses = [
        CommandStatus::Completed,
        CommandStatus::Failed,
        CommandStatus::Created,
    ];
    desk.ended(0, &action, ActionStatus::Failed, commands(&statuses));
    assert_eq!(
        desk.deliver(0),
        [0, 1],
        "and not the one that was never run"
    );
    let end = desk.end(0);
    assert_eq!(
        (end.state, end.step),
        (EndState::Failed, Some(StepIndex(1)))
    );
    assert_eq!(end.why.unwrap(), "no such file");
}

#[test]
fn a_disappointing_result_brings_in_what_was_wanted_only_of_failures() {
    let steps = [run().results(ResultsWanted::Failed), run().judged()];
    let mut desk = desk(plan(1).session(&steps).done());
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(2));
    desk.disappoint(0, "exit is 1, 0 was expected");
    assert_eq!(desk.deliver(0), [0]);
    let end = desk.end(0);
    assert_eq!(
        (end.state, end.step),
        (EndState::ExpectFailed, Some(StepIndex(1)))
    );
    assert_eq!(end.why.unwrap(), "exit is 1, 0 was expected");
}

#[test]
fn a_result_may_be_late_for_half_a_minute() {
    let mut desk = desk(plan(1).session(&[get()]).done());
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    let mut tries = 0;
    loop {
        let need = desk.take("a result", |need| matches!(need, Need::Fetch { .. }));
        if matches!(
            need,
            Need::Fetch {
                not_found: NotFound::Final,
                ..
            }
        ) {
            break;
        }
        tries += 1;
        desk.fleet.read_failed(desk.now, &need, None);
        let before = desk.now;
        desk.pass_until_need();
        assert!(desk.now > before, "not asked again at once");
    }
    assert!((3..=6).contains(&tries), "{tries}");
    assert!(desk.now.since(START).as_secs() >= 30);
    let why = "404".to_owned();
    desk.happens(
        0,
        FactBody::ResultMissing {
            action,
            index: RequestIndex(0),
            why,
        },
    );
    assert_eq!(desk.end(0).state, EndState::Failed, "a file was lost");
}

#[test]
fn a_step_that_may_fail_lets_the_device_go_on() {
    let mut desk = desk(
        plan(1)
            .session(&[run().may_fail()])
            .session(&[run()])
            .done(),
    );
    let action = desk.start(0);
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &action, ActionStatus::Failed, failed);
    desk.deliver(0);
    desk.play(0, 1);
    let end = desk.end(0);
    assert_eq!((end.state, end.tolerated), (EndState::Ok, 1));
}

#[test]
fn a_retry_sends_the_one_command_alone_after_its_pause() {
    let mut desk = desk(plan(1).session(&[put(), run().retry(1, 30)]).done());
    let action = desk.start(0);
    let statuses = [CommandStatus::Completed, CommandStatus::Failed];
    desk.ended(0, &action, ActionStatus::Failed, commands(&statuses));
    desk.deliver(0);
    desk.pass(29);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(1);
    assert_eq!(desk.announce(0), (0, 1, vec![1]));
    let action = desk.accept(0, 0, 1);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    let (_, index, step, _) = desk.peek_fetch(0);
    assert_eq!((index, step), (0, 1), "the service counts anew");
    desk.deliver(0);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_step_out_of_time_is_cancelled_and_the_cancel_is_verified() {
    let mut desk = desk(
        plan(1)
            .session(&[run().timeout(60)])
            .cleanup(&[run()])
            .done(),
    );
    let action = desk.start(0);
    desk.pass(600);
    assert!(
        desk.needs.is_empty(),
        "waiting for the device is not running"
    );
    desk.began(0, &action);
    desk.pass(80);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Timeout));
    let statuses = [CommandStatus::Executing];
    desk.ended(0, &action, ActionStatus::Cancelled, commands(&statuses));
    desk.play(0, 1);
    let end = desk.end(0);
    assert_eq!((end.state, end.cleanup_owed), (EndState::TimedOut, false));
}

#[test]
fn a_session_that_ran_to_its_end_counts_although_it_was_cancelled() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Cancel,
    });
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Operator));
    desk.ended(0, &action, ActionStatus::Cancelled, completed(1));
    assert_eq!(
        desk.deliver(0),
        [0],
        "ran, cancel too late: its result exists"
    );
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_busy_device_is_waited_for() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    desk.refuse(0, refusal(400, "ActiveRequestAlreadyExists"));
    assert!(matches!(desk.device(0).waiting, Some(Waiting::Busy { .. })));
    desk.pass(15);
    desk.refuse(0, refusal(400, "ActiveRequestAlreadyExists"));
    desk.pass(30);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_device_that_stays_busy_is_given_up() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    while desk.device(0).end.is_none() {
        desk.refuse(0, refusal(400, "ActiveRequestAlreadyExists"));
        desk.pass(60);
    }
    assert_eq!(desk.end(0).state, EndState::Busy);
    assert!(desk.now.since(START).as_secs() <= 16 * 60);
    assert!(desk.journal.len() < 40, "sensible tries");
}

#[test]
fn a_refusal_for_lack_of_slots_waits_for_a_session_to_end() {
    let mut desk = desk(plan(3).session(&[run()]).done());
    assert_eq!(desk.starts(), [0, 1, 2]);
    let first = desk.start(0);
    desk.refuse(1, refusal(429, "TooManyRequests"));
    desk.refuse(2, refusal(429, "TooManyRequests"));
    desk.pass(30);
    assert_eq!(desk.starts(), [] as [u32; 0], "no further try meanwhile");
    assert_eq!(
        desk.device(1).waiting,
        Some(Waiting::Slot { used: 1, of: 1 })
    );
    desk.ended(0, &first, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert_eq!(desk.starts().len(), 1);
}

#[test]
fn a_refusal_that_names_a_pause_is_the_rate() {
    let mut desk = desk(plan(2).session(&[run()]).slots(1).done());
    let mut refusal = refusal(429, "TooManyRequests");
    refusal.retry_after_ms = Some(40_000);
    desk.refuse(0, refusal);
    desk.pass(39);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(2);
    assert_eq!(desk.starts().len(), 1);
}

#[test]
fn no_more_starts_a_minute_than_allowed() {
    let mut desk = desk(plan(25).session(&[run()]).done());
    assert_eq!(desk.starts().len(), 10);
    for device in 0..10 {
        desk.start(device);
    }
    desk.pass(60);
    assert_eq!(desk.starts().len(), 0);
    desk.pass(1);
    assert_eq!(desk.starts().len(), 10);
}

#[test]
fn another_client_that_starts_sessions_gets_half_of_the_rate_and_ours_grows_back() {
    let mut desk = desk(plan(60).session(&[run()]).slots(60).done());
    let refused = svar_engine::Refusal {
        retry_after_ms: Some(30_000),
        ..refusal(429, "TooManyRequests")
    };
    assert_eq!(desk.starts().len(), 10);
    for device in 0..10 {
        match device {
            0..6 => drop(desk.start(device)),
            // Refusals of one burst lower the rate once.
            _ => desk.refuse(device, refused.clone()),
        }
    }
    desk.pass(29);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(32);
    assert_eq!(desk.starts().len(), 5, "half of ten");
    for device in desk.starts() {
        desk.start(device);
    }
    desk.pass(90);
    assert_eq!(desk.starts().len(), 7, "two minutes later two more");
    for device in desk.starts() {
        desk.start(device);
    }
    desk.pass(600);
    assert_eq!(desk.starts().len(), 10, "all of it again");
}

#[test]
fn what_others_on_this_computer_take_is_left_to_them() {
    let mut desk = desk(plan(20).session(&[run()]).slots(25).done());
    let mut desk = {
        desk.fleet = Fleet::new(&run_id(), desk.plan.clone(), START);
        desk.needs.clear();
        let taken = [(svar_engine::Endpoint::Starts, START); 8];
        desk.fleet.others_took(START, &taken, 22);
        desk.poll();
        desk
    };
    assert_eq!(desk.starts(), [0, 1], "eight of the ten starts are taken");
    desk.start(0);
    desk.start(1);
    desk.pass(70);
    assert_eq!(desk.starts(), [2], "of 25 slots they hold 22, and we two");
    desk.start(2);
    desk.pass(20);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    assert_eq!(
        desk.device(3).waiting,
        Some(Waiting::Slot { used: 3, of: 3 })
    );
    assert!(desk.fleet.wake_at().is_some(), "it looks again by itself");
    desk.fleet.others_took(desk.now, &[], 0);
    desk.poll();
    assert_eq!(desk.starts(), [3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn lists_are_read_less_often_where_somebody_else_needs_the_calls() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    let looks = |desk: &mut super::desk::Desk| {
        desk.looks = 0;
        desk.pass(300);
        desk.looks
    };
    assert_eq!(looks(&mut desk), 37);
    let until = desk.now;
    desk.happens_to_run(FactBody::RateLimited {
        endpoint: svar_engine::Endpoint::Actions,
        until,
    });
    let yielding = looks(&mut desk);
    assert!((18..=19).contains(&yielding), "{yielding}");
    desk.pass(400);
    assert_eq!(looks(&mut desk), 37, "a while later it reads as before");
}

#[test]
fn one_call_a_tick_watches_every_open_action() {
    let draft = plan(8).session(&[run()]);
    let mut desk = desk(draft.with(|policy| policy.offline.max_slots = 8).done());
    for device in 0..8 {
        let action = desk.start(device);
        desk.began(device, &action);
    }
    let mut looks = 0;
    let end = desk.now + Duration::from_secs(600);
    while let Some(at) = desk.fleet.wake_at().filter(|at| *at < end) {
        desk.now = at;
        for need in desk.fleet.poll(at) {
            match need {
                Need::Watch { actions } => {
                    assert_eq!(actions.len(), 8);
                    looks += 1;
                    desk.fleet.watched(at);
                }
                Need::Record { device, body } => desk.tell(device, body),
                need => panic!("{need:?}"),
            }
        }
    }
    assert!((60..=75).contains(&looks), "{looks} looks in ten minutes");
}

#[test]
fn offline_devices_take_few_slots_and_the_rest_are_held_back() {
    let draft = plan(9).session(&[run()]);
    let mut desk = desk_with(
        draft.with(|policy| policy.offline.max_slots = 2).done(),
        |desk| {
            desk.all_ready = false;
        },
    );
    let devices = desk.devices();
    for device in &devices {
        desk.tell(Some(*device), ready(device.0 % 3 == 0));
    }
    desk.fleet.devices_read(desk.now);
    desk.poll();
    assert_eq!(
        desk.starts(),
        [0, 3, 6, 1, 2],
        "the ready ones first, then two offline ones"
    );
    for device in [0, 3, 6, 1, 2] {
        desk.start(device);
    }
    assert!(matches!(
        desk.device(4).waiting,
        Some(Waiting::Offline { .. })
    ));
    desk.happens(4, ready(true));
    assert_eq!(
        desk.starts(),
        [4],
        "online, it needs no slot of an offline device"
    );
}

#[test]
fn hold_starts_a_device_only_when_it_was_seen() {
    let draft = plan(1).session(&[run()]);
    let mut desk = desk_with(
        draft
            .with(|policy| policy.offline.mode = OfflineMode::Hold)
            .done(),
        |desk| desk.all_ready = false,
    );
    let devices = desk.devices();
    desk.tell(Some(devices[0]), ready(false));
    desk.fleet.devices_read(desk.now);
    desk.pass(59);
    assert!(desk.needs.is_empty());
    desk.pass(1);
    assert_eq!(desk.devices(), devices, "asked again every minute");
    desk.tell(Some(devices[0]), ready(true));
    desk.fleet.devices_read(desk.now);
    desk.poll();
    assert_eq!(desk.starts(), [0]);
}

#[test]
fn while_others_can_start_offline_devices_are_looked_up_every_five_minutes() {
    let draft = plan(60).slots(1).session(&[run()]);
    let mut desk = desk_with(
        draft
            .with(|policy| policy.offline.mode = OfflineMode::Hold)
            .done(),
        |desk| desk.all_ready = false,
    );
    let devices = desk.devices();
    desk.tell(Some(devices[0]), ready(false));
    for device in &devices[1..] {
        desk.tell(Some(*device), ready(true));
    }
    desk.fleet.devices_read(desk.now);
    let asked = desk.now;
    desk.poll();
    assert_eq!(desk.starts(), [1]);
    while let Some(at) = desk.fleet.wake_at() {
        let needs = desk.fleet.poll(at);
        let read = needs.iter().find_map(|need| match need {
            Need::Devices { devices } => Some(devices.clone()),
            _ => None,
        });
        if let Some(read) = read {
            assert_eq!(read, [devices[0]]);
            assert_eq!(at.since(asked), Duration::from_secs(300));
            return;
        }
    }
    panic!("never asked again");
}

#[test]
fn skip_leaves_offline_devices_out() {
    let draft = plan(1).session(&[run()]);
    let mut desk = desk_with(
        draft
            .with(|policy| policy.offline.mode = OfflineMode::Skip)
            .done(),
        |desk| desk.all_ready = false,
    );
    let devices = desk.devices();
    desk.tell(Some(devices[0]), ready(false));
    assert_eq!(desk.end(0).state, EndState::Skipped);
}

#[test]
fn an_action_that_expired_in_the_queue_is_started_again_until_the_limit() {
    let draft = plan(1).session(&[run()]).cleanup(&[run()]);
    let mut desk = desk(
        draft
            .with(|policy| policy.offline.until_ms = 3 * 3_600_000)
            .done(),
    );
    let action = desk.start(0);
    desk.all_ready = false;
    desk.pass(7_200);
    let waiting = commands(&[CommandStatus::Created]);
    desk.ended(0, &action, ActionStatus::TimeOut, waiting.clone());
    let action = desk.start(0);
    assert_eq!(desk.device(0).standing, EndState::Unknown);
    desk.pass(3_620);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Offline));
    desk.ended(0, &action, ActionStatus::Cancelled, waiting);
    let end = desk.end(0);
    assert_eq!(end.state, EndState::OfflineExpired);
    assert!(!end.cleanup_owed, "nothing was ever run");
}

#[test]
fn a_wave_waits_for_the_one_before_and_its_soak() {
    let draft = plan(10).session(&[run()]).with(|policy| {
        policy.waves = vec![
            CountOrPercent::Count(1),
            CountOrPercent::Percent(30.0),
            CountOrPercent::Percent(100.0),
        ];
        policy.soak_ms = 120_000;
    });
    let mut desk = desk(draft.done());
    assert_eq!(desk.starts(), [0]);
    let action = desk.start(0);
    assert_eq!(desk.device(1).waiting, Some(Waiting::Wave { wave: 0 }));
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    desk.pass(119);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    let until = desk.now + Duration::from_secs(1);
    let soak = Waiting::Soak { wave: 1, until };
    assert_eq!(desk.device(1).waiting, Some(soak));
    desk.pass(1);
    assert_eq!(desk.starts(), [1]);
    desk.play(1, 1);
    assert_eq!(desk.starts(), [2]);
    desk.play(2, 1);
    desk.pass(121);
    assert_eq!(desk.starts(), [3]);
    desk.start(3);
    assert_eq!(desk.starts(), [4, 5, 6, 7, 8, 9]);
}

#[test]
fn the_stop_rule_is_met_at_its_threshold_and_shows_how_far_it_is() {
    let draft = plan(40).session(&[run()]).slots(4).with(|policy| {
        policy.stop_when = StopWhen {
            failed: CountOrPercent::Percent(10.0),
            of: StopBase::Finished,
            after: 20,
        };
    });
    let mut desk = desk(draft.done());
    for device in 0..20 {
        desk.pass(30);
        if device < 2 {
            desk.fail(device);
        } else {
            desk.play(device, 1);
        }
        if device == 18 {
            let standing = desk.fleet.stop_rule_status();
            assert_eq!(
                standing.to_string(),
                "2 of 19 finished have failed, 10.5%; stops at 10%, counted from 20 on: one more \
                 failure stops the run"
            );
            assert!(!standing.stops);
        }
    }
    let standing = desk.fleet.stop_rule_status();
    assert_eq!(
        standing.to_string(),
        "2 of 20 finished have failed, 10.0%; stops at 10%, counted from 20 on: the run stops"
    );
    assert_eq!(standing.failures_left, Some(0));
    assert!(desk.fleet.stopped_at().is_some());
}

#[test]
fn the_failures_that_are_left_are_shown_for_every_kind_of_rule() {
    let said = |failed, of, after, failures: u32| {
        let draft = plan(61).session(&[run()]).slots(4).with(|policy| {
            policy.stop_when = StopWhen { failed, of, after };
        });
        let mut desk = desk(draft.done());
        for device in 0..61 {
            desk.pass(30);
            match device {
                60 => {}
                late if late >= 60 - failures => desk.fail(device),
                _ => desk.play(device, 1),
            }
        }
        desk.fleet.stop_rule_status().to_string()
    };
    assert_eq!(
        said(CountOrPercent::Percent(5.5), StopBase::Finished, 20, 3),
        "3 of 60 finished have failed, 5.0%; stops at 5.5%, counted from 20 on: one more failure \
         stops the run"
    );
    assert_eq!(
        said(CountOrPercent::Count(5), StopBase::Finished, 1, 1),
        "1 of 60 finished has failed; stops at 5: the stop rule can no longer be met"
    );
    assert_eq!(
        said(CountOrPercent::Percent(4.0), StopBase::Targets, 1, 2),
        "2 of 61 targets have failed, 3.3%; stops at 4%: one more failure stops the run"
    );
}

#[test]
fn at_its_beginning_and_its_end_a_run_says_what_may_still_stop_it() {
    let draft = plan(3).session(&[run()]).slots(3).with(|policy| {
        policy.stop_when = StopWhen {
            failed: CountOrPercent::Count(2),
            of: StopBase::Finished,
            after: 1,
        };
    });
    let mut desk = desk_with(draft.done(), |desk| desk.all_ready = false);
    let said = |desk: &super::desk::Desk| desk.fleet.stop_rule_status().to_string();
    assert_eq!(
        said(&desk),
        "no device has finished yet; stops at 2: 2 more failures stop the run"
    );
    // A device that is left out can't fail any more.
    let never = FactBody::Readiness(Availability::Unsupported {
        why: "it runs another system".to_owned(),
    });
    desk.happens(2, never);
    desk.happens(0, ready(true));
    desk.happens(1, ready(true));
    desk.fail(0);
    desk.play(1, 1);
    assert_eq!(
        said(&desk),
        "1 of 2 finished has failed; stops at 2: no device is left that could stop the run"
    );
}

#[test]
fn drain_lets_everything_that_was_begun_go_its_way() {
    let draft = plan(4).session(&[run()]).session(&[run()]).slots(3);
    let mut desk = desk(draft.with(|policy| policy.on_stop = OnStop::Drain).done());
    let first = desk.start(0);
    let second = desk.start(1);
    let third = desk.start(2);
    desk.began(1, &second);
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &first, ActionStatus::Failed, failed);
    desk.deliver(0);
    desk.pass(60);
    assert!(
        !desk
            .needs
            .iter()
            .any(|need| matches!(need, Need::Cancel { .. })),
        "neither the running nor the waiting session is cancelled"
    );
    for (device, action) in [(1, second), (2, third)] {
        desk.ended(device, &action, ActionStatus::Succeeded, completed(1));
        desk.deliver(device);
        desk.play(device, 1);
    }
    desk.ends(&[
        EndState::Failed,
        EndState::Ok,
        EndState::Ok,
        EndState::NotStarted,
    ]);
    assert!(desk.fleet.is_done());
}

#[test]
fn abort_cancels_what_runs_and_still_cleans_up() {
    let draft = plan(3)
        .session(&[run()])
        .session(&[run()])
        .cleanup(&[run()]);
    let mut desk = desk(draft.with(|policy| policy.on_stop = OnStop::Abort).done());
    let first = desk.start(0);
    let second = desk.start(1);
    let third = desk.start(2);
    desk.began(1, &second);
    desk.began(2, &third);
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &first, ActionStatus::Failed, failed);
    desk.deliver(0);
    let cut = commands(&[CommandStatus::Executing]);
    for (device, action) in [(1, second), (2, third)] {
        assert_eq!(desk.cancelled(device), (action.clone(), CancelWhy::Stop));
        desk.ended(device, &action, ActionStatus::Cancelled, cut.clone());
    }
    for device in 0..3 {
        let action = desk.start(device);
        desk.ended(device, &action, ActionStatus::Succeeded, completed(1));
        desk.deliver(device);
        assert!(!desk.end(device).cleanup_owed);
    }
    desk.ends(&[EndState::Failed, EndState::Cancelled, EndState::Cancelled]);
}

/// Mon 2 Feb 2026, 02:40 UTC, which is where these stories begin, is 03:40 in Stockholm.
pub(super) fn hours(text: &str) -> Option<Hours> {
    Some(Hours::of(text.parse().unwrap()).unwrap())
}

#[test]
fn outside_its_hours_a_run_starts_nothing_and_running_sessions_finish() {
    let draft = plan(4).session(&[run()]).session(&[run()]).slots(2);
    let mut desk = desk(
        draft
            .with(|policy| policy.window = hours("22:00-03:46 Europe/Stockholm"))
            .done(),
    );
    let opens = START + Duration::from_secs(18 * 3_600 + 20 * 60);
    assert_eq!(desk.fleet.opens_at(), None);
    let first = desk.start(0);
    desk.pass(60);
    assert_eq!(
        desk.fleet.opens_at(),
        Some(opens),
        "the last starts come five minutes before the end"
    );
    desk.ended(0, &first, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    desk.pass(60);
    assert_eq!(desk.starts(), [1], "granted before the end of the hours");
    desk.needs
        .retain(|need| !matches!(need, Need::Start { .. }));
    assert_eq!(
        desk.device(0).waiting,
        Some(Waiting::Hours { until: opens })
    );
    assert_eq!(
        desk.device(3).waiting,
        Some(Waiting::Hours { until: opens })
    );
    assert_eq!(
        desk.fleet.wake_at(),
        Some(opens),
        "nothing to do until then"
    );
    desk.pass(18 * 3_600 + 18 * 60 - 1);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(1);
    assert_eq!(
        desk.starts(),
        [0],
        "the next session of the device that was begun"
    );
}

#[test]
fn the_device_list_is_not_read_long_before_anything_may_be_started() {
    let draft = plan(4).session(&[run()]);
    let draft = draft.with(|policy| policy.window = hours("Tue 22:00-23:00"));
    let mut desk = desk_with(draft.done(), |desk| desk.all_ready = false);
    assert!(desk.needs.is_empty(), "{:?}", desk.needs);
    let opens = START + Duration::from_secs(43 * 3_600 + 20 * 60);
    assert_eq!(desk.fleet.wake_at(), Some(opens));
    desk.pass_until_need();
    assert_eq!(desk.devices().len(), 4);
    assert_eq!(desk.now, opens);
}

#[test]
fn cancel_queued_cancels_queued_sessions_and_running_ones_finish() {
    let draft = plan(4).session(&[run()]);
    let mut desk = desk(
        draft
            .with(|policy| policy.on_stop = OnStop::CancelQueued)
            .done(),
    );
    let actions: Vec<_> = (0..4).map(|device| desk.start(device)).collect();
    desk.began(1, &actions[1]);
    desk.pass(20);
    let failed = commands(&[CommandStatus::Failed]);
    desk.ended(0, &actions[0], ActionStatus::Failed, failed);
    desk.pass(20);
    assert_eq!(desk.cancelled(2), (actions[2].clone(), CancelWhy::Stop));
    assert_eq!(desk.cancelled(3), (actions[3].clone(), CancelWhy::Stop));
    let never_run = commands(&[CommandStatus::Created]);
    for device in [2, 3] {
        let action = actions[device as usize].clone();
        desk.ended(device, &action, ActionStatus::Cancelled, never_run.clone());
    }
    desk.ended(1, &actions[1], ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    desk.deliver(1);
    desk.ends(&[
        EndState::Failed,
        EndState::Ok,
        EndState::Cancelled,
        EndState::Cancelled,
    ]);
}

#[test]
fn the_deadline_ends_everything_and_says_what_is_owed() {
    let draft = plan(3).session(&[run()]).cleanup(&[run()]).slots(1);
    let mut desk = desk(
        draft
            .with(|policy| policy.deadline_ms = Some(600_000))
            .done(),
    );
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(600);
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Deadline));
    let running = commands(&[CommandStatus::Executing]);
    desk.ended(0, &action, ActionStatus::Cancelled, running);
    desk.ends(&[
        EndState::TimedOut,
        EndState::NotStarted,
        EndState::NotStarted,
    ]);
    assert!(desk.end(0).cleanup_owed);
    assert_eq!(desk.fleet.tally().cleanup_owed, 1);
    assert!(desk.fleet.is_done());
}

#[test]
fn at_the_deadline_an_allowed_failure_stays_allowed_and_what_was_cut_is_timed_out() {
    let draft = plan(4).session(&[run().judged().may_fail()]).never_stop();
    let mut desk = desk(
        draft
            .with(|policy| policy.deadline_ms = Some(600_000))
            .done(),
    );
    let actions: Vec<_> = (0..4).map(|device| desk.start(device)).collect();
    for (device, action) in (0..).zip(&actions) {
        desk.began(device, action);
    }
    desk.pass(600);
    for device in 0..4 {
        assert_eq!(desk.cancelled(device).1, CancelWhy::Deadline);
    }
    let ends = [
        (ActionStatus::Cancelled, CommandStatus::Completed),
        (ActionStatus::Cancelled, CommandStatus::Failed),
        (ActionStatus::Failed, CommandStatus::Failed),
        (ActionStatus::Cancelled, CommandStatus::Executing),
    ];
    for ((device, action), (status, command)) in (0..).zip(&actions).zip(ends) {
        desk.ended(device, action, status, commands(&[command]));
    }
    desk.disappoint(0, "exit is 1, 0 was expected");
    desk.deliver(1);
    desk.deliver(2);
    desk.ends(&[EndState::Ok, EndState::Ok, EndState::Ok, EndState::TimedOut]);
    for device in 0..3 {
        assert_eq!(desk.end(device).tolerated, 1);
    }
}

#[test]
fn at_the_deadline_an_allowed_failure_with_work_or_tries_left_is_timed_out() {
    let more = plan(1)
        .session(&[run().judged().may_fail()])
        .session(&[run()]);
    let tries = plan(1).session(&[run().judged().may_fail().retry(2, 0)]);
    for draft in [more, tries] {
        let draft = draft.with(|policy| policy.deadline_ms = Some(600_000));
        let mut desk = desk(draft.done());
        let action = desk.start(0);
        desk.began(0, &action);
        desk.pass(600);
        desk.cancelled(0);
        desk.ended(0, &action, ActionStatus::Cancelled, completed(1));
        desk.disappoint(0, "exit is 1, 0 was expected");
        let end = desk.end(0);
        assert_eq!(end.state, EndState::TimedOut);
        assert!(end.why.unwrap().starts_with("the run's deadline passed"));
    }
}

#[test]
fn no_more_devices_are_active_at_one_time_than_wanted() {
    let draft = plan(4).session(&[run()]).session(&[run()]);
    let mut desk = desk(draft.with(|policy| policy.max_active = Some(2)).done());
    assert_eq!(desk.starts(), [0, 1]);
    let first = desk.start(0);
    desk.start(1);
    desk.ended(0, &first, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert_eq!(desk.starts(), [0], "its second session, and nobody new");
    assert_eq!(desk.device(2).waiting, Some(Waiting::Turn));
    desk.play(0, 1);
    assert_eq!(desk.starts(), [2]);
}

#[test]
fn a_start_is_not_granted_beside_a_record_that_forbids_it() {
    let draft = plan(2).session(&[run()]).slots(1).never_stop();
    let draft = draft.with(|policy| policy.deadline_ms = Some(600_000));
    let mut desk = desk(draft.done());
    let action = desk.start(0);
    desk.now = START + Duration::from_secs(600);
    let ended = FactBody::ActionEnded {
        action,
        status: ActionStatus::Succeeded,
        commands: completed(1),
        expired: false,
    };
    desk.tell(Some(svar_engine::DeviceIndex(0)), ended);
    let needs = desk.fleet.poll(desk.now);
    let passed = |need: &Need| matches!(need, Need::Record { device: None, .. });
    assert!(needs.iter().any(passed), "{needs:?}");
    let starts = |need: &Need| matches!(need, Need::Start { .. });
    assert!(
        !needs.iter().any(starts),
        "the slot is free, and too late: {needs:?}"
    );
}

/// The operator ends the run from another terminal.
fn stopped(how: OnStop) -> FactBody {
    FactBody::Stopped {
        how,
        by: "alva".into(),
    }
}

#[test]
fn an_operator_s_stop_ends_the_run_and_may_become_more_severe_but_not_less() {
    let draft = plan(3).session(&[run()]).cleanup(&[run()]).slots(2);
    let mut desk = desk(draft.never_stop().done());
    let first = desk.start(0);
    let second = desk.start(1);
    desk.began(0, &first);
    desk.pass(20);
    desk.happens_to_run(stopped(OnStop::CancelQueued));
    assert_eq!(desk.end(2).state, EndState::NotStarted);
    assert_eq!(
        desk.end(2).why.as_deref(),
        Some("the operator ended the run before it was started")
    );
    assert_eq!(desk.cancelled(1), (second.clone(), CancelWhy::Operator));
    let none = |need: &Need| matches!(need, Need::Cancel { .. });
    assert!(!desk.needs.iter().any(none), "what runs finishes");
    desk.happens_to_run(stopped(OnStop::Drain));
    desk.happens_to_run(stopped(OnStop::Abort));
    assert_eq!(desk.cancelled(0), (first.clone(), CancelWhy::Operator));
    let cut = commands(&[CommandStatus::Executing]);
    desk.ended(0, &first, ActionStatus::Cancelled, cut);
    let never = commands(&[CommandStatus::Created]);
    desk.ended(1, &second, ActionStatus::Cancelled, never);
    desk.crash();
    desk.play(0, 1);
    assert!(!desk.end(0).cleanup_owed, "the cleanup still ran");
    desk.ends(&[
        EndState::Cancelled,
        EndState::Cancelled,
        EndState::NotStarted,
    ]);
    assert!(desk.fleet.is_done());
}

#[test]
fn an_owed_cleanup_is_waived_after_the_run_or_while_it_waits_to_be_started() {
    let draft = plan(2).session(&[run()]).cleanup(&[run()]);
    let mut desk = desk(draft.never_stop().done());
    for device in 0..2 {
        desk.play(device, 1);
    }
    desk.fail(0);
    assert_eq!(desk.fleet.tally().cleanup_owed, 1);
    let waived = FactBody::CleanupWaived {
        by: "alva".into(),
        why: "reimaged".into(),
    };
    desk.happens(0, waived.clone());
    assert_eq!(desk.fleet.tally().cleanup_owed, 0);
    assert!(!desk.end(0).cleanup_owed);
    assert!(
        desk.fleet
            .device(svar_engine::DeviceIndex(1))
            .unwrap()
            .end
            .is_none()
    );
    // As `svar resume --waive-cleanup` does it, before anything is wanted.
    let mut fleet = Fleet::replay(&run_id(), desk.plan.clone(), START, &desk.journal).unwrap();
    let fact = svar_engine::Fact {
        at: desk.now,
        device: Some(svar_engine::DeviceIndex(1)),
        body: waived,
    };
    fleet.handle(&fact).unwrap();
    let end = fleet
        .device(svar_engine::DeviceIndex(1))
        .unwrap()
        .end
        .unwrap();
    assert_eq!(end.state, EndState::Ok);
    assert!(!end.cleanup_owed);
    let refused = fleet.handle(&fact).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cleanup_waived of device 1 does not fit: the device owes no cleanup"
    );
}

#[test]
fn a_cleanup_that_is_waived_while_its_start_has_no_answer_is_not_started_again() {
    let mut desk = desk(plan(1).session(&[run()]).cleanup(&[run()]).done());
    desk.play(0, 1);
    let (session, attempt, _) = desk.announce(0);
    desk.crash();
    let (by, why) = ("alva".into(), "reimaged".into());
    desk.happens(0, FactBody::CleanupWaived { by, why });
    desk.happens_to_run(FactBody::Resumed);
    assert!(!desk.fleet.is_done(), "it may have been sent");
    desk.pass(600);
    desk.happens(
        0,
        FactBody::StartNotFound {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
        },
    );
    assert_eq!(desk.starts(), [] as [u32; 0]);
    assert!(!desk.end(0).cleanup_owed);
    assert!(desk.fleet.is_done());
}

#[test]
fn what_the_second_interrupt_took_back_before_it_began_is_done_when_the_run_goes_on() {
    let mut desk = desk(plan(2).session(&[run()]).slots(2).done());
    let actions = [desk.start(0), desk.start(1)];
    desk.began(1, &actions[1]);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Cancel,
    });
    assert_eq!(desk.cancelled(0), (actions[0].clone(), CancelWhy::Pause));
    assert_eq!(desk.cancelled(1), (actions[1].clone(), CancelWhy::Operator));
    let nothing_ran = commands(&[CommandStatus::Created]);
    desk.ended(0, &actions[0], ActionStatus::Cancelled, nothing_ran);
    let cut = commands(&[CommandStatus::Executing]);
    desk.ended(1, &actions[1], ActionStatus::Cancelled, cut);
    assert!(desk.fleet.is_done(), "nothing is in motion");
    assert!(desk.device(0).end.is_none(), "and it is not over");
    desk.happens_to_run(FactBody::Resumed);
    desk.play(0, 1);
    desk.ends(&[EndState::Ok, EndState::Cancelled]);
}

#[test]
fn a_cleanup_that_the_second_interrupt_took_back_is_done_when_the_run_goes_on() {
    let mut desk = desk(plan(1).session(&[run()]).cleanup(&[run()]).done());
    desk.play(0, 1);
    let action = desk.start(0);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Cancel,
    });
    desk.cancelled(0);
    let nothing_ran = commands(&[CommandStatus::Created]);
    desk.ended(0, &action, ActionStatus::Cancelled, nothing_ran);
    assert!(desk.fleet.is_done(), "nothing is in motion");
    assert!(desk.device(0).end.is_none(), "and it is not over");
    desk.happens_to_run(FactBody::Resumed);
    desk.play(0, 1);
    assert!(!desk.end(0).cleanup_owed);
    desk.ends(&[EndState::Ok]);
}

#[test]
fn the_first_interrupt_lets_sessions_finish_and_the_run_can_be_resumed() {
    let mut desk = desk(plan(3).session(&[run()]).session(&[run()]).slots(1).done());
    let action = desk.start(0);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    assert!(!desk.fleet.is_done());
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert!(desk.fleet.is_done(), "nothing is in motion any more");
    assert_eq!(desk.fleet.wake_at(), None);
    desk.ends(&[
        EndState::Cancelled,
        EndState::NotStarted,
        EndState::NotStarted,
    ]);
    desk.crash();
    assert!(!desk.fleet.is_done());
    desk.play(0, 1);
    while let Some(device) = desk.starts().first() {
        desk.play(*device, 1);
        desk.pass(7);
    }
    desk.ends(&[EndState::Ok; 3]);
}

#[test]
fn cleanup_still_runs_after_the_first_interrupt() {
    let mut desk = desk(plan(1).session(&[run()]).cleanup(&[run()]).done());
    let action = desk.start(0);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn cleanup_runs_after_a_failure_and_stays_owed_if_it_fails() {
    let mut desk = desk(
        plan(2)
            .session(&[run()])
            .cleanup(&[run()])
            .never_stop()
            .done(),
    );
    desk.fail(0);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Failed);
    assert!(!desk.end(0).cleanup_owed);
    desk.play(1, 1);
    desk.fail(1);
    let end = desk.end(1);
    assert_eq!(
        (end.state, end.step),
        (EndState::Failed, Some(StepIndex(1)))
    );
    assert!(end.cleanup_owed);
}

#[test]
fn a_device_that_was_only_read_owes_no_cleanup() {
    let mut desk = desk(plan(1).session(&[get()]).cleanup(&[run()]).done());
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn an_answer_with_an_action_that_we_own_already_is_no_start() {
    let mut desk = desk(plan(1).session(&[run()]).session(&[run()]).done());
    let first = desk.start(0);
    desk.ended(0, &first, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    let (session, attempt, _) = desk.announce(0);
    desk.happens(
        0,
        FactBody::StartAccepted {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
            action: first,
            adopted: false,
        },
    );
    desk.take("a search", |need| matches!(need, Need::Search { .. }));
    assert_eq!(desk.starts(), [] as [u32; 0]);
}

#[test]
fn a_start_announced_before_a_crash_is_looked_for_and_adopted() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    let (session, attempt, _) = desk.announce(0);
    desk.now = desk.now + Duration::from_secs(3_600);
    desk.crash();
    assert_eq!(desk.starts(), [] as [u32; 0]);
    let search = desk.take("a search", |need| matches!(need, Need::Search { .. }));
    assert!(
        matches!(
            search,
            Need::Search {
                not_found: NotFound::MayAppear,
                ..
            }
        ),
        "it may have been sent just before the resume"
    );
    let action = desk.new_action();
    desk.happens(
        0,
        FactBody::StartAccepted {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
            action: action.clone(),
            adopted: true,
        },
    );
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_replayed_run_asks_to_be_taken_up_before_anything_else() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    desk.announce(0);
    let journal = desk.journal.clone();
    let mut fleet = Fleet::replay(&run_id(), desk.plan.clone(), START, &journal).unwrap();
    let resumed = Need::Record {
        device: None,
        body: FactBody::Resumed,
    };
    assert_eq!(fleet.poll(desk.now), [resumed]);
    assert_eq!(fleet.poll(desk.now), []);
    assert_eq!(fleet.journaled_state(), desk.fleet.journaled_state());
}

#[test]
fn a_session_that_waits_is_worked_out_from_results() {
    let mut desk = desk(
        plan(2)
            .session(&[run()])
            .waiting_session(&[run(), get()])
            .never_stop()
            .done(),
    );
    desk.play(0, 1);
    desk.resolve(0, 1, &[1]);
    let action = desk.start(0);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    let (_, index, step, _) = desk.peek_fetch(0);
    assert_eq!(
        (index, step),
        (0, 2),
        "the one command that was sent is the get"
    );
    desk.deliver(0);
    assert_eq!(desk.end(0).state, EndState::Ok);
    desk.play(1, 1);
    desk.resolve(1, 1, &[]);
    assert_eq!(desk.end(1).state, EndState::Ok, "every condition said no");
}

#[test]
fn a_session_that_does_not_fit_its_data_fails_the_device() {
    let mut desk = desk(
        plan(1)
            .session(&[run()])
            .waiting_session(&[run()])
            .cleanup(&[run()])
            .done(),
    );
    desk.play(0, 1);
    desk.take("a resolve", |need| matches!(need, Need::Resolve { .. }));
    let why = "`stdout` has no line 3".to_owned();
    desk.happens(
        0,
        FactBody::SessionUnresolvable {
            session: SessionIndex(1),
            step: None,
            why,
        },
    );
    desk.play(0, 1);
    assert_eq!(desk.end(0).why.unwrap(), "`stdout` has no line 3");
}

#[test]
fn a_lost_tenant_parks_the_run() {
    let mut desk = desk(plan(3).session(&[run()]).slots(2).done());
    let action = desk.start(0);
    desk.refuse(1, refusal(400, "ActiveRequestAlreadyExists"));
    let why = "the app may not sign in".to_owned();
    desk.happens_to_run(FactBody::TenantLost { why });
    assert!(desk.fleet.is_done());
    desk.pass(3_600);
    assert_eq!(desk.device(0).waiting, Some(Waiting::Resume));
    desk.crash();
    desk.needs.clear();
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn an_action_whose_end_nobody_tells_is_unknown_in_the_end() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(27 * 3_600);
    let end = desk.end(0);
    assert_eq!(end.state, EndState::Unknown);
    assert_eq!(
        end.why.unwrap(),
        "the service never reported how action action-1 ended"
    );
}

#[test]
fn a_device_for_which_there_is_nothing_is_skipped() {
    let desk = desk(plan(2).cleanup(&[run()]).done());
    desk.ends(&[EndState::Skipped; 2]);
    assert!(desk.fleet.is_done());
}

#[test]
fn a_connection_that_is_down_does_not_end_a_device() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    for _ in 0..30 {
        desk.refuse(0, refusal(0, ""));
        desk.pass(80);
    }
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_large_fleet_costs_the_same_for_each_event() {
    let devices = 20_000;
    let draft = plan(devices).session(&[run()]).never_stop();
    let mut desk = desk(draft.done());
    for _ in 0..200 {
        desk.pass(7);
        let device = desk.starts()[0];
        desk.play(device, 1);
    }
    assert_eq!(desk.fleet.tally().of(EndState::Ok), 200);
    assert!(desk.fleet.active().count() <= 25);
    // The list was asked about those that come next, not about all.
    let asked = desk
        .journal
        .iter()
        .filter(|fact| matches!(fact.body, FactBody::Readiness { .. }));
    assert!(asked.count() < 800);
}
