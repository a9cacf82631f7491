//! Stories: given a plan, when this happens, then the engine wants that.

use svar::engine::{EndState, FactBody, Need, Phase, Waiting};
use svar::wire::{ActionStatus, CommandStatus};

use super::build::{get, plan, put, run};
use super::desk::{commands, completed, desk, refusal};

#[test]
fn a_machine_goes_through_its_sessions_in_order() {
    let mut desk = desk(
        plan(1)
            .session(&[put(), run(), get()])
            .session(&[run()])
            .done(),
    );
    let action = desk.start(0);
    assert_eq!(desk.lane(0).waiting, Some(Waiting::Device));
    desk.began(0, &action);
    assert_eq!(desk.lane(0).waiting, Some(Waiting::Session));
    desk.ended(0, &action, ActionStatus::Succeeded, completed(3));
    assert_eq!(desk.deliver(0), [1, 2], "a put has no result");
    assert_eq!(
        desk.lane(0).phase,
        Phase::Session {
            session: 1,
            attempt: 0,
            action: None,
            at: svar::engine::Leg::Starting,
        }
    );
    desk.play(0, 1);
    assert_eq!(desk.end(0).state, EndState::Ok);
    assert!(desk.fleet.is_done());
    assert_eq!(desk.fleet.wake_at(), None);
}

#[test]
fn the_first_failed_machine_stops_new_starts_and_running_ones_finish() {
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
            session,
            attempt,
            why: "502".into(),
        },
    );
    let search = desk.take("a search", |need| matches!(need, Need::Search { .. }));
    assert!(matches!(
        search,
        Need::Search {
            conclusive: false,
            ..
        }
    ));
    desk.fleet.read_failed(desk.now, &search, None);
    desk.pass(120);
    desk.take("the search that settles it", |need| {
        matches!(
            need,
            Need::Search {
                conclusive: true,
                ..
            }
        )
    });
    assert_eq!(desk.starts(), [] as [u32; 0]);
    desk.happens(0, FactBody::StartAbsent { session, attempt });
    assert_eq!(
        desk.announce(0).1,
        1,
        "a start of its own, with a tag of its own"
    );
}

#[test]
fn a_refusal_for_good_fails_the_machine() {
    let mut desk = desk(plan(1).session(&[run()]).done());
    desk.refuse(0, refusal(403, "DisallowedOperation"));
    let end = desk.end(0);
    assert_eq!(end.state, EndState::Failed);
    assert_eq!(
        end.why.unwrap(),
        "refused: 403 DisallowedOperation: in words"
    );
}
