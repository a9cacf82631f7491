//! Stories of steps with a `timeout`: whose time it is, from when it counts, and what comes of it.

use svar_engine::{CancelWhy, CommandState, EndState, Need, StepIndex};
use svar_wire::ActionId;
use svar_wire::{ActionStatus, CommandStatus};

use super::build::{get, plan, put, run};
use super::desk::{Desk, commands, completed, desk};

/// The action is over the time of one of its steps, and is cancelled; that step is told.
#[track_caller]
fn is_overdue(desk: &mut Desk, action: &ActionId, executing: u16, step: u16, words: &str) {
    assert_eq!(desk.cancelled(0), (action.clone(), CancelWhy::Timeout));
    let statuses: Vec<CommandStatus> = (0..2)
        .map(|index| match index.cmp(&executing) {
            std::cmp::Ordering::Less => CommandStatus::Completed,
            std::cmp::Ordering::Equal => CommandStatus::Executing,
            std::cmp::Ordering::Greater => CommandStatus::Created,
        })
        .collect();
    desk.ended(0, action, ActionStatus::Cancelled, commands(&statuses));
    desk.deliver(0);
    let end = desk.end(0);
    assert_eq!(
        (end.state, end.step),
        (EndState::TimedOut, Some(StepIndex(step)))
    );
    assert_eq!(end.why.as_deref(), Some(words));
}

#[track_caller]
fn wants_no_cancel(desk: &Desk) {
    let is_cancel = |need: &Need| matches!(need, Need::Cancel { .. });
    assert!(!desk.needs.iter().any(is_cancel), "{:#?}", desk.needs);
}

#[test]
fn a_timeout_is_its_step_s_own_when_the_first_of_two_has_one() {
    for last in [get(), put(), run()] {
        let mut desk = desk(plan(1).session(&[run().timeout(240), last]).done());
        let action = desk.start(0);
        desk.pass(60);
        desk.began(0, &action);
        desk.executes(0, &action, 0);
        desk.pass(232);
        wants_no_cancel(&desk);
        desk.pass(24);
        let words = "it took longer than its timeout of 4m";
        is_overdue(&mut desk, &action, 0, 0, words);
    }
    let mut desk = desk(plan(1).session(&[run().timeout(240), get()]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(200);
    desk.executes(0, &action, 1);
    desk.pass(3_600);
    wants_no_cancel(&desk);
}

#[test]
fn a_timeout_is_its_step_s_own_when_the_second_of_two_has_one() {
    let mut desk = desk(plan(1).session(&[run(), run().timeout(60)]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.executes(0, &action, 0);
    desk.pass(590);
    wants_no_cancel(&desk);
    desk.executes(0, &action, 1);
    desk.pass(52);
    wants_no_cancel(&desk);
    desk.pass(24);
    let words = "it took longer than its timeout of 1m";
    is_overdue(&mut desk, &action, 1, 1, words);
}

#[test]
fn two_timeouts_of_a_session_are_not_added_up() {
    let mut desk = desk(
        plan(1)
            .session(&[run().timeout(240), run().timeout(60)])
            .done(),
    );
    let action = desk.start(0);
    desk.began(0, &action);
    desk.executes(0, &action, 0);
    desk.pass(30);
    desk.executes(0, &action, 1);
    desk.pass(52);
    wants_no_cancel(&desk);
    // Another process counts from the same moment.
    desk.crash();
    desk.pass(24);
    let words = "it took longer than its timeout of 1m";
    is_overdue(&mut desk, &action, 1, 1, words);
}

#[test]
fn a_step_that_has_ended_is_not_overdue_while_its_session_is_wrapped_up() {
    let mut desk = desk(plan(1).session(&[run().timeout(60)]).done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.executes(0, &action, 0);
    desk.pass(50);
    desk.reached(0, &action, 1, CommandState::Waiting);
    desk.pass(600);
    wants_no_cancel(&desk);
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    assert_eq!(desk.end(0).state, EndState::Ok);
}

#[test]
fn the_step_that_was_overdue_is_reported_although_it_completed_and_the_next_was_not_run() {
    let mut desk = desk(
        plan(1)
            .session(&[run().timeout(240), get().may_fail()])
            .done(),
    );
    let action = desk.start(0);
    desk.began(0, &action);
    desk.executes(0, &action, 0);
    desk.pass(256);
    let words = "it took longer than its timeout of 4m";
    is_overdue(&mut desk, &action, 1, 0, words);
}

#[test]
fn a_step_out_of_time_is_not_tried_again_and_goes_on_where_it_may_fail() {
    for status in [CommandStatus::Executing, CommandStatus::Completed] {
        for (step, state) in [
            (run().timeout(60).retry(2, 0), EndState::TimedOut),
            (run().timeout(60).retry(2, 0).may_fail(), EndState::Ok),
        ] {
            let mut desk = desk(plan(1).session(&[step]).done());
            let action = desk.start(0);
            desk.began(0, &action);
            desk.pass(80);
            desk.cancelled(0);
            let ends = commands(std::slice::from_ref(&status));
            desk.ended(0, &action, ActionStatus::Cancelled, ends);
            desk.deliver(0);
            assert_eq!(desk.end(0).state, state, "{status:?}");
        }
    }
}

#[test]
fn a_step_that_failed_before_its_cancel_took_effect_is_tried_again_in_its_whole_time() {
    let mut desk = desk(
        plan(1)
            .session(&[put(), run().timeout(60).retry(1, 0)])
            .done(),
    );
    let first = desk.start(0);
    desk.began(0, &first);
    desk.executes(0, &first, 1);
    desk.pass(80);
    desk.cancelled(0);
    let ends = commands(&[CommandStatus::Completed, CommandStatus::Failed]);
    desk.ended(0, &first, ActionStatus::Cancelled, ends);
    desk.deliver(0);
    let again = desk.start(0);
    desk.began(0, &again);
    desk.executes(0, &again, 0);
    desk.pass(50);
    wants_no_cancel(&desk);
    desk.pass(24);
    assert_eq!(desk.cancelled(0), (again, CancelWhy::Timeout));
}

#[test]
fn cleanup_is_cut_when_a_step_of_it_takes_longer_than_its_own_time() {
    let mut desk = desk(
        plan(1)
            .session(&[run()])
            .cleanup(&[run().timeout(60), run()])
            .done(),
    );
    desk.play(0, 1);
    let action = desk.start(0);
    desk.began(0, &action);
    desk.executes(0, &action, 0);
    desk.pass(76);
    assert_eq!(desk.cancelled(0), (action, CancelWhy::Timeout));
}
