//! What must hold when a run is over, read off the emulator's ledger: what was really started, what
//! really ran, and how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use svar_emulator::{Device, RateScope, TimeWindow};
use svar_engine::{DeviceView, EndState, Fleet};
use svar_plan::StepResult;
use svar_wire::Moment;

use super::computer::Computer;
use super::draw::{Case, DrawnDevice, Fate, Kind, beginning, path_of};

/// A command that really ran, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    step: usize,
    completed: bool,
}

/// A session that really was.
#[derive(Debug)]
struct Session {
    action: String,
    device: String,
    comment: String,
    deeds: Vec<Deed>,
    /// Its final status; none while it is open.
    status: Option<String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Which step of the playbook a command is.
fn step_of(command: &Value, steps: usize) -> usize {
    let param = |key: &str| {
        let params = command["params"].as_array().into_iter().flatten();
        let found = params.clone().find(|param| param["key"] == key);
        found.map(|param| text(&param["value"])).unwrap_or_default()
    };
    (0..steps)
        .find(|step| {
            param("Args") == format!("s{step}")
                || param("FileName") == format!("t{step}.exe")
                || param("Path") == path_of(*step)
        })
        .unwrap()
}

fn sessions(case: &Case, ledger: &[Value]) -> Vec<Session> {
    let mut order = Vec::new();
    let mut sessions: BTreeMap<String, (Session, Vec<usize>)> = BTreeMap::new();
    for entry in ledger {
        let action = text(&entry["action"]);
        match entry["kind"].as_str().unwrap_or_default() {
            "session_started" => {
                let id = text(&entry["device"]);
                if !case.devices.iter().any(|device| device.id == id) {
                    continue;
                }
                let commands = entry["commands"].as_array().unwrap();
                let steps = commands.iter();
                let steps = steps.map(|command| step_of(command, case.steps.len()));
                order.push(action.clone());
                let session = Session {
                    action: action.clone(),
                    device: id,
                    comment: text(&entry["comment"]),
                    deeds: Vec::new(),
                    status: None,
                };
                sessions.insert(action, (session, steps.collect()));
            }
            "session_ended" => {
                if let Some((session, _)) = sessions.get_mut(&action) {
                    session.status = Some(text(&entry["status"]));
                }
            }
            "script_run" | "file_put" | "file_read" => {
                if let Some((session, steps)) = sessions.get_mut(&action) {
                    let index = entry["index"].as_u64().unwrap() as usize;
                    session.deeds.push(Deed {
                        step: steps[index],
                        completed: entry["status"] == "Completed",
                    });
                }
            }
            _ => {}
        }
    }
    let found = order
        .iter()
        .map(|action| sessions.remove(action).unwrap().0);
    found.collect()
}

/// Everything that must hold; `Err` says what does not.
pub(super) fn judge(case: &Case, computer: &Computer) -> Result<(), String> {
    let fleet = computer.fleet();
    let ledger = computer.network.ledger();
    let sessions = sessions(case, &ledger);
    budgets(case, computer)?;
    sums(case, fleet)?;
    let mut tags = BTreeSet::new();
    for session in &sessions {
        if !tags.insert(&session.comment) {
            return Err(format!(
                "started twice: {} {}",
                session.device, session.comment
            ));
        }
    }
    for view in fleet.devices() {
        let device = case.device(view.device.place());
        let own: Vec<&Session> = sessions
            .iter()
            .filter(|session| session.device == device.id)
            .collect();
        judge_device(case, computer, &view, &own)
            .map_err(|why| format!("device {} ({}): {why}", view.device, view.standing))?;
    }
    Ok(())
}

/// No call was refused for its rate, or for want of a slot, but by a fault or because of others.
fn budgets(case: &Case, computer: &Computer) -> Result<(), String> {
    let throttled = computer.network.throttled();
    // Another client may hold the slots, or an own action that is given up and said to be; a fault may
    // take the words of that refusal, its rate's not. Another client's starts count where the tenant's
    // applications share the rate.
    let alone = case.other_client.is_empty();
    let slots_alone = alone && !computer.gave_up;
    let rate_alone = alone || case.scenario.settings.rate_scope == Some(RateScope::Application);
    let ours = throttled
        .iter()
        .find(|(_, words)| slots_alone || (rate_alone && words.contains("The number of calls")));
    match ours {
        Some((at, words)) => Err(format!("over the budget at {at}: {words}")),
        None => Ok(()),
    }
}

fn sums(case: &Case, fleet: &Fleet) -> Result<(), String> {
    let tally = fleet.tally();
    if tally.finished() as usize != case.devices.len() {
        return Err(format!("the end states do not add up: {tally:?}"));
    }
    let mut counted = [0; 10];
    for view in fleet.devices() {
        counted[view.standing.index()] += 1;
    }
    if counted == tally.ended {
        Ok(())
    } else {
        Err(format!(
            "the sums are {tally:?}, the devices say {counted:?}"
        ))
    }
}

fn judge_device(
    case: &Case,
    computer: &Computer,
    view: &DeviceView,
    sessions: &[&Session],
) -> Result<(), String> {
    let device = case.device(view.device.place());
    let end = view.end.as_ref().ok_or("it has no end")?;
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    let mut completed: BTreeSet<usize> = BTreeSet::new();
    let mut furthest = 0;
    let mut cleaned = true;
    let mut traces = false;
    for deed in sessions.iter().flat_map(|session| &session.deeds) {
        let step = &case.steps[deed.step];
        *counts.entry(deed.step).or_default() += 1;
        if deed.step < furthest {
            return Err(format!("step {} ran after step {furthest}", deed.step));
        }
        furthest = deed.step;
        if deed.completed {
            completed.insert(deed.step);
        }
        if step.cleanup {
            cleaned = deed.completed && device.fates[deed.step] == Fate::Works;
        } else if step.kind != Kind::Get {
            traces = true;
            cleaned = false;
        }
    }
    for (step, count) in &counts {
        if *count > 1 + case.steps[*step].retries {
            return Err(format!("step {step} ran {count} times"));
        }
        if case.steps[*step].never {
            return Err(format!("step {step} ran against its condition"));
        }
    }
    // What is left behind is said.
    let why = end.why.as_deref().unwrap_or_default();
    let mut open = sessions.iter().filter(|session| session.status.is_none());
    if end.state != EndState::Unknown
        && let Some(silent) = open.find(|session| !why.contains(&session.action))
    {
        let action = &silent.action;
        return Err(format!(
            "action {action} is open, and the run does not report it: {why}"
        ));
    }
    match end.state {
        EndState::Ok => ended_well(case, computer, view, &completed)?,
        EndState::NotStarted | EndState::Skipped if !counts.is_empty() => {
            return Err("something ran on it".into());
        }
        _ => {}
    }
    let works = device.fates.iter().all(|fate| *fate == Fate::Works);
    if case.benign && works && !device.difficult && end.state != EndState::Ok {
        return Err(format!(
            "nothing is wrong with it, and it is given up: {:?}",
            end.why
        ));
    }
    if end.state == EndState::OfflineExpired && was_there(case, computer, device) {
        return Err("it was online in time, and a slot was free".into());
    }
    if computer.waived.contains(&view.device) {
        return match end.cleanup_owed {
            true => Err("its cleanup was given up, and is called owed".into()),
            false => Ok(()),
        };
    }
    debt(case, end.state, end.cleanup_owed, traces, cleaned)
}

/// For so long before `offline.until` a device is online that must be found in time: the list is read
/// again every five minutes, and it takes its session within two.
const FOUND_WITHIN: Duration = Duration::from_secs(900);

/// The device came back well before `offline.until` and stayed, the tenant had a slot free all the
/// while, and nothing prevented it but being offline.
fn was_there(case: &Case, computer: &Computer, device: &DrawnDevice) -> bool {
    let policy = &case.compiled.plan().policy;
    let waits = policy.waves.len() > 1 || policy.max_active.is_some() || policy.window.is_some();
    let apart = computer.died > 0 || !case.scenario.faults.is_empty();
    if waits || apart || !case.other_client.is_empty() || case.weather.unreachable > 0 {
        return false;
    }
    let of_it = |known: &&Device| known.id.as_deref() == Some(device.id.as_str());
    let Some(drawn) = case.scenario.devices.iter().find(of_it) else {
        return false;
    };
    let until = beginning() + Duration::from_millis(policy.offline.until_ms);
    let since = until - FOUND_WITHIN;
    let stays =
        |window: &TimeWindow| beginning() + window.from.0 <= since && window.until.is_none();
    let is_well = drawn.health == "Active"
        && drawn.portal_sessions.is_empty()
        && drawn.stuck_in.is_none()
        && drawn.restarts.is_empty();
    is_well
        && drawn.online.iter().any(stays)
        && slots_held(&computer.network.ledger(), since, until) < case.compiled.plan().limits.slots
}

/// The most sessions that were open at one moment of this time.
pub(super) fn slots_held(ledger: &[Value], since: Moment, until: Moment) -> u32 {
    let (mut held, mut most) = (0_u32, 0);
    for entry in ledger {
        let at = Moment::parse(entry["at"].as_str().unwrap()).unwrap();
        if at >= since {
            most = most.max(held);
        }
        if at > until {
            break;
        }
        match entry["kind"].as_str() {
            Some("session_started") => held += 1,
            Some("session_ended") => held -= 1,
            _ => {}
        }
    }
    most.max(held)
}

fn ended_well(
    case: &Case,
    computer: &Computer,
    view: &DeviceView,
    completed: &BTreeSet<usize>,
) -> Result<(), String> {
    let device = case.device(view.device.place());
    for (place, step) in case.steps.iter().enumerate() {
        if step.cleanup || step.never {
            continue;
        }
        if !completed.contains(&place) && !step.may_fail {
            return Err(format!("step {place} never ran"));
        }
        let works = device.fates[place] == Fate::Works;
        if !works && !step.may_fail {
            return Err(format!(
                "step {place} failed, and the run does not report it"
            ));
        }
        if !step.wanted || !works || !completed.contains(&place) || step.kind == Kind::Put {
            continue;
        }
        // A final fault may take the result of a step that is allowed to fail.
        if step.may_fail && !case.benign {
            continue;
        }
        let shelf = computer.process().records();
        let result = shelf.result(view.device, &format!("s{place}"));
        match (step.kind, result) {
            (Kind::Run, Some(StepResult::Script { exit: Some(0), .. })) => {}
            (Kind::Get, Some(StepResult::File { size: 9, .. })) => {}
            (_, found) => {
                return Err(format!(
                    "the result of step {place} is not there: {found:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Every debt is paid or said, and none is said that is paid.
fn debt(
    case: &Case,
    state: EndState,
    owed: bool,
    traces: bool,
    cleaned: bool,
) -> Result<(), String> {
    let has_cleanup = case.steps.iter().any(|step| step.cleanup);
    let due = case.cleanup_always || state != EndState::Ok;
    if has_cleanup && due && traces && !cleaned && !owed {
        return Err("its cleanup was not done, and the run does not report it".into());
    }
    // That it was done shows in its result, which others than benign cases may lose.
    if case.benign && owed && traces && cleaned {
        return Err("its cleanup was done, and is called owed".into());
    }
    Ok(())
}
