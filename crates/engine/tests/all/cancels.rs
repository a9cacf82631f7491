//! Stories of sessions that are told to stop: how often they are told, and what is waited for when the
//! device does not hear it.

use svar_engine::{CancelWhy, EndState, FactBody, GiveUp, Interrupt, Waiting};
use svar_plan::OfflineMode;
use svar_wire::ActionId;
use svar_wire::{ActionStatus, CommandStatus};

use super::build::{plan, run};
use super::desk::{Desk, commands, completed, desk, refusal};
use super::stories::hours;

/// A device with a step that is overdue, cleanup after it, and a device that goes offline before its cancel reaches it.
fn unheard(mode: OfflineMode) -> (Desk, ActionId) {
    let draft = plan(2).session(&[run().timeout(60)]).cleanup(&[run()]);
    let draft = draft.slots(2).with(|policy| policy.offline.mode = mode);
    let mut desk = desk(draft.done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(80);
    for _ in 0..3 {
        assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Timeout));
        desk.pass(70);
    }
    desk.play(1, 1);
    desk.play(1, 1);
    desk.pass(600);
    (desk, action)
}

#[test]
fn a_device_that_does_not_hear_of_a_cancel_is_waited_for_like_an_offline_one() {
    let (mut desk, action) = unheard(OfflineMode::Hold);
    let gave_up = FactBody::GaveUp {
        on: GiveUp::CancelDelivery,
    };
    assert_eq!(desk.journal.last().unwrap().body, gave_up);
    assert!(matches!(
        desk.device(0).waiting,
        Some(Waiting::Offline { .. })
    ));
    desk.looks = 0;
    desk.pass(3_200);
    assert!((99..=101).contains(&desk.looks), "{}", desk.looks);
    desk.crash();
    // It wakes up hours later, hears of it, and is cleaned up.
    desk.pass(10_000);
    let cut = commands(&[CommandStatus::Executing]);
    desk.ended(0, &action, ActionStatus::Cancelled, cut);
    desk.play(0, 1);
    let end = desk.end(0);
    assert_eq!((end.state, end.cleanup_owed), (EndState::TimedOut, false));
}

#[test]
fn a_device_that_never_hears_of_a_cancel_is_given_up_aloud() {
    let words = "it took longer than its timeout of 1m; action action-1 was cancelled but the \
                 service did not confirm it; it may still be running";
    // A run that skips offline devices does not wait for this one either.
    let (mut late, _) = unheard(OfflineMode::Queue);
    late.pass(24 * 3_600);
    let (skipped, _) = {
        let (mut desk, action) = unheard(OfflineMode::Skip);
        desk.needs.clear();
        (desk, action)
    };
    assert_eq!(skipped.journal.last().unwrap().body, {
        FactBody::GaveUp {
            on: GiveUp::CancelConfirmation,
        }
    });
    let end = late.end(0);
    assert_eq!((end.state, end.cleanup_owed), (EndState::TimedOut, true));
    assert_eq!(end.why.as_deref(), Some(words));
}

#[test]
fn an_interrupt_does_not_wait_for_a_device_that_is_offline_at_its_cancel() {
    let (mut desk, action) = unheard(OfflineMode::Queue);
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    assert!(desk.fleet.is_done(), "nothing is in motion");
    // Whoever takes the run up goes on with it.
    desk.crash();
    let cut = commands(&[CommandStatus::Executing]);
    desk.ended(0, &action, ActionStatus::Cancelled, cut);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::TimedOut);
}

#[test]
fn a_cancel_that_is_refused_is_sent_again_soon() {
    let mut desk = desk(plan(1).session(&[run().timeout(60)]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(80);
    desk.cancel_answered(0, 429);
    desk.pass(20);
    desk.cancel_answered(0, 502);
    desk.pass(20);
    desk.cancelled(0);
    desk.pass(40);
    assert!(
        desk.needs.is_empty(),
        "this one was taken: {:?}",
        desk.needs
    );
    let cut = commands(&[CommandStatus::Executing]);
    desk.ended(0, &action, ActionStatus::Cancelled, cut);
    assert_eq!(desk.end(0).state, EndState::TimedOut);
}

#[test]
fn a_step_that_was_overdue_is_so_though_no_cancel_reached_it() {
    let mut desk = desk(plan(1).session(&[run().timeout(60)]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(80);
    desk.cancel_answered(0, 503);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    let end = desk.end(0);
    assert_eq!(end.state, EndState::TimedOut);
    let words = "it took longer than its timeout of 1m; it finished before the cancel took effect";
    assert_eq!(end.why.as_deref(), Some(words));
}

#[test]
fn after_an_interrupt_nobody_stays_for_cleanup_that_waits_for_the_hours() {
    let draft = plan(1).session(&[run()]).cleanup(&[run()]);
    // It is twenty to three on a Monday night.
    let draft = draft.with(|policy| policy.window = hours("Mon 02:00-02:50"));
    let mut desk = desk(draft.done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(1_200);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert!(matches!(
        desk.device(0).waiting,
        Some(Waiting::Hours { .. })
    ));
    assert!(!desk.fleet.is_done());
    desk.happens_to_run(FactBody::Interrupted {
        how: Interrupt::Pause,
    });
    assert!(desk.fleet.is_done(), "nothing is in motion");
    assert_eq!(desk.device(0).waiting, Some(Waiting::Resume));
    // Whoever takes the run up waits for the hours.
    desk.crash();
    desk.pass(7 * 24 * 3_600 - 2_400);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn a_start_that_is_refused_for_lack_of_a_permission_is_tried_once_more() {
    let draft = plan(2).session(&[run()]).slots(2).never_stop();
    let mut desk = desk(draft.done());
    desk.refuse(0, refusal(403, "Forbidden"));
    desk.refuse(1, refusal(403, "DisallowedOperation"));
    assert_eq!(desk.end(1).state, EndState::Failed);
    desk.pass(59);
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.pass(10);
    desk.refuse(0, refusal(403, "Forbidden"));
    assert_eq!(
        desk.end(0).state,
        EndState::Failed,
        "the second one is real"
    );
}

#[test]
fn refusals_of_one_kind_do_not_use_up_the_tries_of_another() {
    let mut desk = desk(plan(1).session(&[run()]).never_stop().done());
    for _ in 0..6 {
        desk.refuse(0, refusal(400, "ActiveRequestAlreadyExists"));
        desk.pass(60);
    }
    desk.refuse(0, refusal(403, "Forbidden"));
    desk.pass(60);
    desk.refuse(0, refusal(401, "Unauthorized"));
    desk.pass(60);
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
}
