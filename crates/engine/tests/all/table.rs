//! Every state of a device with every fact: either the fact fits, or it is refused by name and
//! changes nothing. Never a panic.

use std::fmt::Write as _;

use svar_engine::{
    Attempt, Availability, CancelWhy, CommandIndex, CommandState, DeviceIndex, Endpoint, Fact,
    FactBody, Fleet, GiveUp, Interrupt, RequestIndex, RunLimit, SentCommand, SessionIndex,
    StepIndex, tag_of,
};
use svar_plan::{Verb, Verdict};
use svar_wire::ActionId;
use svar_wire::{ActionStatus, CommandStatus};

use super::build::{device_id, get, plan, put, run, run_id};
use super::desk::{Desk, START, commands, completed, desk, ready, refusal, script};

/// A device brought to one state; `action` is its own where it has one.
struct State {
    name: &'static str,
    desk: Desk,
}

fn fresh() -> Desk {
    let plan = plan(2)
        .session(&[put(), run().timeout(60), get()])
        .waiting_session(&[run()])
        .cleanup(&[run()])
        .never_stop();
    desk(plan.done())
}

fn open() -> (Desk, ActionId) {
    let mut desk = fresh();
    let action = desk.start(0);
    (desk, action)
}

fn collecting() -> Desk {
    let (mut desk, action) = open();
    desk.ended(0, &action, ActionStatus::Succeeded, completed(3));
    desk
}

fn states() -> Vec<State> {
    let state = |name, desk| State { name, desk };
    let mut announced = fresh();
    let (session, attempt, _) = announced.announce(0);
    let mut doubtful = fresh();
    doubtful.announce(0);
    doubtful.happens(
        0,
        FactBody::StartUnknown {
            session: SessionIndex(session),
            attempt: Attempt(attempt),
            why: "502".into(),
        },
    );
    let mut busy = fresh();
    busy.refuse(0, refusal(400, "ActiveRequestAlreadyExists"));
    let (mut running, action) = open();
    running.began(0, &action);
    let (mut cancelling, action) = open();
    cancelling.began(0, &action);
    cancelling.executes(0, &action, 1);
    cancelling.pass(900);
    cancelling.cancelled(0);
    let mut resolving = collecting();
    resolving.deliver(0);
    let mut over = fresh();
    over.refuse(0, refusal(403, "DisallowedOperation"));
    vec![
        state("fresh", fresh()),
        state("announced", announced),
        state("doubtful", doubtful),
        state("busy", busy),
        state("queued", open().0),
        state("running", running),
        state("cancelling", cancelling),
        state("collecting", collecting()),
        state("resolving", resolving),
        state("over", over),
    ]
}

fn facts() -> Vec<(&'static str, FactBody)> {
    let own = ActionId::parse("action-1").unwrap();
    let other = ActionId::parse("somebody-elses").unwrap();
    let sent = |verbs: &[Verb]| -> Vec<SentCommand> {
        let commands = CommandIndex::enumerate(verbs).map(|(command, verb)| SentCommand {
            step: StepIndex(command.0),
            command,
            retry: 0,
            verb: *verb,
            file: None,
        });
        commands.collect()
    };
    let all = [Verb::Put, Verb::Run, Verb::Get];
    let announce = |attempt| FactBody::StartAnnounced {
        session: SessionIndex(0),
        attempt,
        tag: tag_of(&run_id(), &device_id(0), SessionIndex(0), attempt),
        commands: sent(&all),
    };
    let accept = |action: &ActionId, adopted| FactBody::StartAccepted {
        session: SessionIndex(0),
        attempt: Attempt(0),
        action: action.clone(),
        adopted,
    };
    let refuse = |status, code| FactBody::StartRefused {
        session: SessionIndex(0),
        attempt: Attempt(0),
        refusal: refusal(status, code),
    };
    let ended = |action: &ActionId, status, commands| FactBody::ActionEnded {
        action: action.clone(),
        status,
        commands,
        expired: false,
    };
    let fetched = |index| FactBody::ResultFetched {
        action: own.clone(),
        index,
        result: script(),
        verdict: Verdict::Met,
    };
    let reached = |action: &ActionId, index, state| FactBody::CommandReached {
        action: action.clone(),
        index,
        state,
    };
    vec![
        ("start announced", announce(Attempt(0))),
        ("second start announced", announce(Attempt(1))),
        (
            "start announced, strange tag",
            FactBody::StartAnnounced {
                session: SessionIndex(0),
                attempt: Attempt(0),
                tag: tag_of(&run_id(), &device_id(1), SessionIndex(0), Attempt(0)),
                commands: sent(&all),
            },
        ),
        (
            "start announced, a command left out",
            FactBody::StartAnnounced {
                session: SessionIndex(0),
                attempt: Attempt(0),
                tag: tag_of(&run_id(), &device_id(0), SessionIndex(0), Attempt(0)),
                commands: sent(&all[..2]),
            },
        ),
        (
            "start announced, other commands",
            FactBody::StartAnnounced {
                session: SessionIndex(0),
                attempt: Attempt(0),
                tag: tag_of(&run_id(), &device_id(0), SessionIndex(0), Attempt(0)),
                commands: sent(&[Verb::Put, Verb::Run, Verb::Run]),
            },
        ),
        ("start accepted", accept(&other, false)),
        ("start accepted as one we own", accept(&own, false)),
        ("start adopted", accept(&other, true)),
        ("start adopted as one we own", accept(&own, true)),
        (
            "start refused as busy",
            refuse(400, "ActiveRequestAlreadyExists"),
        ),
        ("start refused for rate", refuse(429, "TooManyRequests")),
        ("start refused for good", refuse(404, "ResourceNotFound")),
        (
            "start refused with a 500",
            refuse(500, "InternalServerError"),
        ),
        (
            "start unknown",
            FactBody::StartUnknown {
                session: SessionIndex(0),
                attempt: Attempt(0),
                why: "502".into(),
            },
        ),
        (
            "start absent",
            FactBody::StartNotFound {
                session: SessionIndex(0),
                attempt: Attempt(0),
            },
        ),
        (
            "action began",
            FactBody::ActionBegan {
                action: own.clone(),
            },
        ),
        (
            "strange action began",
            FactBody::ActionBegan {
                action: other.clone(),
            },
        ),
        (
            "command taken to execute",
            reached(&own, RequestIndex(0), CommandState::Presumed),
        ),
        (
            "command executes",
            reached(&own, RequestIndex(1), CommandState::Executing),
        ),
        (
            "all commands done",
            reached(&own, RequestIndex(3), CommandState::Waiting),
        ),
        (
            "command beyond the last executes",
            reached(&own, RequestIndex(3), CommandState::Executing),
        ),
        (
            "strange action's command executes",
            reached(&other, RequestIndex(1), CommandState::Executing),
        ),
        (
            "action succeeded",
            ended(&own, ActionStatus::Succeeded, completed(3)),
        ),
        (
            "action ended without commands",
            ended(&own, ActionStatus::Succeeded, vec![]),
        ),
        (
            "action failed",
            ended(
                &own,
                ActionStatus::Failed,
                commands(&[CommandStatus::Completed, CommandStatus::Failed]),
            ),
        ),
        (
            "action expired in the queue",
            ended(
                &own,
                ActionStatus::TimeOut,
                commands(&[CommandStatus::Created, CommandStatus::Created]),
            ),
        ),
        (
            "action cancelled",
            ended(&own, ActionStatus::Cancelled, vec![]),
        ),
        (
            "action ended as running",
            ended(&own, ActionStatus::InProgress, vec![]),
        ),
        (
            "action ended as something new",
            ended(&own, ActionStatus::Other("Paused".into()), vec![]),
        ),
        (
            "strange action ended",
            ended(&other, ActionStatus::Succeeded, vec![]),
        ),
        ("result fetched", fetched(RequestIndex(1))),
        ("result of a put", fetched(RequestIndex(0))),
        ("result beyond the commands", fetched(RequestIndex(700))),
        (
            "result missing",
            FactBody::ResultMissing {
                action: own.clone(),
                index: RequestIndex(1),
                why: "404".into(),
            },
        ),
        (
            "session resolved",
            FactBody::SessionResolved {
                session: SessionIndex(1),
                commands: vec![CommandIndex(0)],
            },
        ),
        (
            "session resolved to nothing",
            FactBody::SessionResolved {
                session: SessionIndex(1),
                commands: vec![],
            },
        ),
        (
            "session resolved to strange commands",
            FactBody::SessionResolved {
                session: SessionIndex(1),
                commands: vec![CommandIndex(0), CommandIndex(7)],
            },
        ),
        (
            "session can't be resolved",
            FactBody::SessionUnresolvable {
                step: Some(StepIndex(0)),
                session: SessionIndex(1),
                why: "no such line".into(),
            },
        ),
        (
            "cancel announced",
            FactBody::CancelAnnounced {
                action: own.clone(),
                why: CancelWhy::Operator,
            },
        ),
        (
            "cancel answered",
            FactBody::CancelAnswered {
                action: own.clone(),
                status: 200,
            },
        ),
        (
            "strange cancel answered",
            FactBody::CancelAnswered {
                action: other,
                status: 200,
            },
        ),
        (
            "cancel unknown",
            FactBody::CancelUnknown {
                action: own,
                why: "502".into(),
            },
        ),
        ("ready", ready(true)),
        ("asleep", ready(false)),
        (
            "never ready",
            FactBody::Readiness(Availability::Unsupported {
                why: "merged".into(),
            }),
        ),
        (
            "gave up: busy",
            FactBody::GaveUp {
                on: GiveUp::OtherSession,
            },
        ),
        (
            "gave up: cancel",
            FactBody::GaveUp {
                on: GiveUp::CancelConfirmation,
            },
        ),
        (
            "gave up: action",
            FactBody::GaveUp {
                on: GiveUp::ActionEnd,
            },
        ),
        ("gave up: pickup", FactBody::GaveUp { on: GiveUp::Pickup }),
        (
            "gave up: device",
            FactBody::GaveUp {
                on: GiveUp::CancelDelivery,
            },
        ),
        (
            "rate blocked",
            FactBody::RateLimited {
                endpoint: Endpoint::Links,
                until: START,
            },
        ),
        (
            "deadline passed",
            FactBody::LimitPassed {
                limit: RunLimit::Deadline,
            },
        ),
        (
            "cleanup waived",
            FactBody::CleanupWaived {
                by: "alva".into(),
                why: "reimaged".into(),
            },
        ),
        (
            "stopped",
            FactBody::Stopped {
                how: svar_plan::OnStop::Abort,
                by: "alva".into(),
            },
        ),
        (
            "interrupted",
            FactBody::Interrupted {
                how: Interrupt::Pause,
            },
        ),
        ("resumed", FactBody::Resumed),
        ("tenant lost", FactBody::TenantLost { why: "403".into() }),
    ]
}

/// Returns the stage that the device is in, with its session.
fn stage(fleet: &Fleet) -> String {
    let memory = fleet.journaled_state();
    match &memory["devices"][0]["stage"] {
        serde_json::Value::Object(stage) => {
            let (name, state) = stage.iter().next().expect("a stage has a name");
            format!("{name}/{}", session(state).expect("a stage has a session"))
        }
        stage => stage.as_str().expect("a stage has a name").to_owned(),
    }
}

/// Finds the session in the state of a stage.
fn session(state: &serde_json::Value) -> Option<&serde_json::Value> {
    match state.get("current") {
        Some(current) => current.get("session"),
        None => state.as_object()?.values().find_map(session),
    }
}

#[test]
fn every_fact_fits_or_is_refused_and_changes_nothing() {
    let mut table = String::new();
    for (name, body) in facts() {
        let _ = writeln!(table, "{name}");
        for State { name, desk } in states() {
            let journal = &desk.journal;
            let replay = || Fleet::replay(&run_id(), desk.plan.clone(), START, journal).unwrap();
            for device in [Some(DeviceIndex(0)), None, Some(DeviceIndex(2))] {
                let mut fleet = replay();
                let before = fleet.journaled_state();
                let at = desk.now;
                let fact = Fact {
                    at,
                    device,
                    body: body.clone(),
                };
                match fleet.handle(&fact) {
                    Ok(()) if device == Some(DeviceIndex(2)) => panic!("there is no device 2"),
                    Ok(()) => {
                        fleet.poll(at);
                        let stage = stage(&fleet);
                        let _ = writeln!(table, "    {name:<10}  -> {stage}");
                    }
                    Err(error) => {
                        assert_eq!(fleet.journaled_state(), before, "{error} changed something");
                        assert!(error.to_string().contains(body.name()), "{error}");
                        if device == Some(DeviceIndex(0)) {
                            let _ = writeln!(table, "    {name:<10}  {}", error.why);
                        }
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn facts_read_back_as_they_were_written() {
    for (name, body) in facts() {
        let fact = Fact {
            at: START,
            device: Some(DeviceIndex(3)),
            body,
        };
        let text = serde_json::to_string(&fact).unwrap();
        let back: Fact = serde_json::from_str(&text).unwrap();
        assert_eq!(back, fact, "{name}: {text}");
        assert!(
            text.contains(&format!("\"fact\":\"{}\"", fact.body.name())),
            "{text}"
        );
    }
}
