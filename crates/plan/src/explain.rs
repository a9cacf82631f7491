//! The plan for people, at 80 columns: what each device gets, by which rules, and what it costs.

use std::fmt::Write;
use std::time::Duration;

use svar_language::playbook::model::Period;
use svar_wire::Command;

use crate::document::masked;
use crate::forecast::{Forecast, grouped};
use crate::index::StepIndex;
use crate::model::{DevicePlan, Plan, Session, SessionKind, StepPlan};
use svar_language::playbook::model::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, ResultsWanted, StopBase, Verb,
};

const WIDTH: usize = 80;
/// Names of devices that a group lists before it counts the rest.
const NAMES_MAX: usize = 6;

/// The plan as text. Devices that get the same are shown once; where only values differ, those of
/// the first device stand for all.
pub fn explain(plan: &Plan) -> String {
    let mut text = String::new();
    let digest = plan.digest.get(..19).unwrap_or(&plan.digest);
    line(
        &mut text,
        0,
        &format!("{} ({})", plan.name, plan.policy.risk.as_str()),
    );
    line(&mut text, 0, &format!("plan {digest}"));
    text.push('\n');
    inputs(&mut text, plan);
    rules(&mut text, plan);
    for group in groups(plan) {
        text.push('\n');
        devices(&mut text, plan, &group);
    }
    text.push('\n');
    for note in &plan.notes {
        entry(&mut text, "note", note);
    }
    cost(&mut text, plan);
    text
}

fn inputs(text: &mut String, plan: &Plan) {
    for input in &plan.inputs {
        let value = match input.value.as_str() {
            "" => "(none)",
            value => value,
        };
        let words = format!("{} = {value} ({})", input.name, input.origin);
        entry(text, "input", &words);
    }
}

/// How the run behaves, defaults included: nothing that holds is left unsaid.
fn rules(text: &mut String, plan: &Plan) {
    let policy = &plan.policy;
    let waves = match policy.waves.as_slice() {
        [] => "all devices in one wave".to_owned(),
        waves => {
            let waves: Vec<String> = waves.iter().map(amount).collect();
            format!("waves up to {} of the devices", waves.join(", "))
        }
    };
    let soak = match policy.soak_ms {
        0 => String::new(),
        soak => format!(", {} between them", duration(soak)),
    };
    let active = policy.max_active.map_or(String::new(), |most| {
        format!(", at most {most} at one time")
    });
    entry(text, "rollout", &format!("{waves}{soak}{active}"));

    let stop = &policy.stop_when;
    let failed = match (stop.failed, stop.of) {
        (CountOrPercent::Count(1), _) => "1 device has failed".to_owned(),
        (CountOrPercent::Count(count), _) => format!("{count} devices have failed"),
        (CountOrPercent::Percent(share), StopBase::Finished) => {
            format!("{share}% of the finished devices or more have failed")
        }
        (CountOrPercent::Percent(share), StopBase::Targets) => {
            format!("{share}% of all devices or more have failed")
        }
    };
    let after = match (stop.failed, stop.after) {
        (CountOrPercent::Count(_), _) | (_, 0 | 1) => String::new(),
        (_, after) => format!(", once {after} have finished"),
    };
    let then = match policy.on_stop {
        OnStop::Drain => "running ones finish",
        OnStop::CancelQueued => "waiting ones are cancelled, running ones finish",
        OnStop::Abort => "all are cancelled",
    };
    entry(text, "stop", &format!("when {failed}{after}; {then}"));

    let until = format!("for {} from the start", duration(policy.offline.until_ms));
    let offline = match policy.offline.mode {
        OfflineMode::Hold => format!("sleeping devices are held back, {until}"),
        OfflineMode::Queue => format!(
            "up to {} sleeping devices wait in the service's queue, {until}",
            policy.offline.max_slots
        ),
        OfflineMode::Skip => "sleeping devices are left out".to_owned(),
    };
    entry(text, "offline", &offline);
    entry(
        text,
        "busy",
        &format!(
            "a device in somebody else's session is waited for, {}",
            duration(policy.busy_wait_ms)
        ),
    );
    if let Some(deadline) = policy.deadline_ms {
        entry(
            text,
            "deadline",
            &format!("{} after the start", duration(deadline)),
        );
    }
    if let Some(window) = &policy.window {
        entry(
            text,
            "window",
            &format!(
                "sessions are started only {window}; one that still waits for its device at the end is \
                 called back, one that runs goes on"
            ),
        );
    }
    if plan.steps.iter().any(|step| step.cleanup) {
        let when = match policy.cleanup_when {
            CleanupWhen::Always => "on every device that was sent something",
            CleanupWhen::Failed => "on devices that failed",
        };
        entry(text, "cleanup", when);
    }
}

/// Devices whose sessions have the same shape, with the place of the first.
struct Group<'p> {
    members: Vec<&'p DevicePlan>,
    /// Not even the values differ.
    same: bool,
}

fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mut groups: indexmap::IndexMap<Vec<Shape<'_>>, Group<'_>> = indexmap::IndexMap::new();
    for device in &plan.devices {
        let shape = device.sessions.iter().map(Shape::of).collect();
        let group = groups.entry(shape).or_insert_with(|| Group {
            members: Vec::new(),
            same: true,
        });
        if let Some(first) = group.members.first() {
            group.same &= std::sync::Arc::ptr_eq(&first.sessions, &device.sessions)
                || first.sessions == device.sessions;
        }
        group.members.push(device);
    }
    groups.into_values().collect()
}

#[derive(PartialEq, Eq, Hash)]
struct Shape<'p> {
    kind: SessionKind,
    steps: Vec<StepIndex>,
    waits_for: &'p [String],
}

impl<'p> Shape<'p> {
    fn of(session: &'p Session) -> Self {
        Shape {
            kind: session.kind,
            steps: session
                .commands
                .iter()
                .map(|command| command.step)
                .collect(),
            waits_for: &session.waits_for,
        }
    }
}

fn devices(text: &mut String, plan: &Plan, group: &Group<'_>) {
    let count = group.members.len();
    let names: Vec<&str> = group
        .members
        .iter()
        .take(NAMES_MAX)
        .map(|device| device.target.label())
        .collect();
    let more = match count.saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if count == 1 { "device" } else { "devices" };
    line(
        text,
        0,
        &format!("{count} {noun}: {}{more}", names.join(", ")),
    );
    let Some(first) = group.members.first() else {
        return;
    };
    if !group.same {
        let name = first.target.label();
        line(
            text,
            2,
            &format!("values differ between them; these are those of {name}"),
        );
    }
    if first.sessions.is_empty() {
        line(
            text,
            2,
            "nothing: the playbook is for another system, or no `when` holds here",
        );
    }
    for (index, session) in first.sessions.iter().enumerate() {
        one_session(text, plan, index, session);
    }
}

fn one_session(text: &mut String, plan: &Plan, index: usize, session: &Session) {
    let title = match session.kind {
        SessionKind::Main => format!("session {}", index + 1),
        SessionKind::Cleanup => "cleanup".to_owned(),
    };
    let title = if session.waits_for.is_empty() {
        title
    } else {
        let names: Vec<String> = session
            .waits_for
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        format!("{title}, waits for the result of {}", names.join(", "))
    };
    line(text, 2, &title);
    let request = session
        .request
        .as_ref()
        .map(|request| masked(request, &plan.secrets));
    for (place, command) in session.commands.iter().enumerate() {
        let step = command.step.of(&plan.steps);
        let sent = request
            .as_ref()
            .and_then(|request| request.commands.get(place));
        let what = match sent {
            Some(command) => sent_words(command),
            None => step.title.clone(),
        };
        line(text, 4, &format!("{} {what}", verb(command.verb)));
        if let Some(notes) = step_notes(step) {
            line(text, 9, &notes);
        }
    }
}

fn sent_words(command: &Command) -> String {
    let values: Vec<&str> = command
        .params
        .iter()
        .map(|param| param.value.as_str())
        .collect();
    values.join(" ")
}

/// What is not the default about a step.
fn step_notes(step: &StepPlan) -> Option<String> {
    let mut notes = Vec::new();
    if step.on_fail == OnFail::Continue {
        notes.push("goes on after a failure".to_owned());
    }
    if let Some(retry) = step.retry {
        let pause = duration(retry.delay_ms);
        notes.push(format!(
            "up to {} more tries, {pause} between them",
            retry.max
        ));
    }
    if let Some(timeout) = step.timeout {
        notes.push(format!(
            "its session is cancelled when it executes for more than {}",
            Period(timeout)
        ));
    }
    match step.results {
        ResultsWanted::All => {}
        ResultsWanted::Failed => notes.push("result only of failed sessions".to_owned()),
        ResultsWanted::None if step.judged => {}
        ResultsWanted::None if step.verb == Verb::Get => {
            notes.push("its file is not fetched".to_owned());
        }
        ResultsWanted::None => notes.push("its exit code is not looked at".to_owned()),
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn cost(text: &mut String, plan: &Plan) {
    let forecast = Forecast::of(plan);
    let calls = forecast.calls;
    if calls.starts == 0 {
        return entry(text, "cost", "nothing is sent");
    }
    let mut costs = vec![
        count(calls.starts, "start"),
        count(calls.links, "result link"),
        format!("about {}", count(calls.actions, "status list")),
        count(calls.devices, "device list"),
    ];
    if calls.library > 0 {
        costs.push(count(calls.library, "library list"));
    }
    entry(text, "cost", &costs.join(", "));
    let limit = match (forecast.binding.as_deref(), forecast.at_least.as_secs()) {
        (None, _) => "no limit binds".to_owned(),
        (Some(limit), least) => {
            // A key of the playbook is one, everything else is many.
            let bind = if limit.starts_with('`') {
                "binds"
            } else {
                "bind"
            };
            match least {
                0 => format!("{limit} {bind}"),
                _ => format!("{limit} {bind}, at least {}", Period(forecast.at_least)),
            }
        }
    };
    let expected = Period(forecast.expected);
    entry(
        text,
        "time",
        &format!("about {expected} with sessions of 2m42s, as one was measured; {limit}"),
    );
    if let Some(openings) = forecast.openings {
        entry(text, "hours", &openings.to_string());
    }
    entry(text, "asleep", &asleep(plan, &forecast));
    if let Some(gain) = &forecast.edit {
        let mut savings = Vec::new();
        if gain.sessions_less > 0 {
            let less = count(gain.sessions_less.into(), "session");
            let starts = grouped(gain.starts);
            savings.push(format!("{less} less a device, {starts} in all"));
        }
        if gain.links > 0 {
            savings.push(format!("{} less", count(gain.links, "result link")));
        }
        if !gain.time.is_zero() {
            savings.push(format!("{} less", Period(gain.time)));
        }
        entry(
            text,
            "cheaper",
            &format!("{}: {}", gain.what, savings.join(", ")),
        );
    }
}

/// What devices that sleep would cost.
fn asleep(plan: &Plan, forecast: &Forecast) -> String {
    let asleep = &forecast.asleep;
    let if_some = match asleep.devices {
        1 => "if 1 device sleeps".to_owned(),
        some => format!("if {} devices sleep", grouped(some)),
    };
    let until = Period(asleep.until);
    // The machine list shows them as ready, and nobody knows how many they are.
    let keep = match asleep.slots {
        0 => String::new(),
        some => format!(", which {some} of them keep"),
    };
    let lately = match (asleep.seen_lately, plan.policy.max_active) {
        (Some(Duration::ZERO), _) => format!("costs a start and 5 minutes of a slot{keep}"),
        (Some(longer), _) => format!(
            "costs a start and 5 minutes of a slot{keep}; all of them make it {} longer",
            Period(longer)
        ),
        (None, most) => format!(
            "costs a start and, until it wakes, one of the {} places of `max_active`",
            most.unwrap_or_default()
        ),
    };
    let lately = format!("one that was seen in the last 26 hours {lately}");
    let looks = match asleep.device_looks_an_hour {
        0 => String::new(),
        beside => format!(
            ", {} at the device list an hour, {} when nobody else is left to start",
            count(beside, "look"),
            asleep.device_looks_an_hour_alone
        ),
    };
    match asleep.mode {
        OfflineMode::Skip => format!("{if_some}: left out; {lately}"),
        OfflineMode::Hold => format!(
            "{if_some}: no slot and no start{looks}; {lately}; one that never wakes ends the run \
             after {until}"
        ),
        OfflineMode::Queue => format!(
            "{if_some}: {} at a time wait in slots that nobody else wants, up to {} more and {} an \
             hour{looks}; {lately}; one that never wakes ends the run after {until}",
            asleep.slots,
            count(asleep.starts, "start"),
            count(asleep.actions_an_hour_alone, "status list"),
        ),
    }
}

fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", grouped(number)),
    }
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Put => "put ",
        Verb::Run => "run ",
        Verb::Get => "get ",
    }
}

fn amount(amount: &CountOrPercent) -> String {
    match amount {
        CountOrPercent::Count(count) => count.to_string(),
        CountOrPercent::Percent(share) => format!("{share}%"),
    }
}

fn duration(millis: u64) -> String {
    Period(Duration::from_millis(millis)).to_string()
}

/// A word in the margin and what it is about.
fn entry(text: &mut String, word: &str, words: &str) {
    wrap(text, &format!("{word:<10}"), 10, words);
}

fn line(text: &mut String, indent: usize, words: &str) {
    wrap(text, &" ".repeat(indent), indent + 2, words);
}

/// Breaks at blanks. A word that is longer than a line stands whole: paths are copied from here.
fn wrap(text: &mut String, first: &str, indent: usize, words: &str) {
    let mut column = first.chars().count();
    let mut begun = false;
    text.push_str(first);
    for word in words.split(' ') {
        let word: String = word
            .chars()
            .map(|c| if c.is_control() { '�' } else { c })
            .collect();
        let length = word.chars().count();
        if begun && column + 1 + length > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        } else if begun {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += length;
        begun = true;
    }
    text.push('\n');
}
