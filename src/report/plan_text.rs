//! The plan for people, in 80 columns: the sessions of each device, the policy, and the cost.

use std::time::Duration;

use indexmap::IndexMap;
use svar_language::playbook::model::Period;
use svar_plan::{
    CleanupWhen, CountOrPercent, DevicePlan, Forecast, OfflineCost, OfflineDelay, OfflineMode,
    OnFail, OnStop, PICKUP, Plan, PlaybookEdit, ResultsWanted, SESSION_ESTIMATE, Saving, Session,
    SessionKind, StepIndex, StepPlan, StopBase, TimeLimit, Verb, WindowCount,
};
use svar_wire::text::{columns, count, duration, grouped, list, visible, wrap};

/// Width of a line in columns.
const WIDTH: usize = 80;
/// Width of the labels in the margin in columns.
const MARGIN: usize = 10;
/// Maximum number of device names of a group; the rest is counted.
const NAMES_MAX: usize = 6;
/// Number of hours in which a device must have been seen to count as online.
const SEEN_HOURS: u32 = 26;

/// Returns the plan as text. Devices with the same sessions are shown once. If only values differ,
/// those of the first device are shown.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    let digest = plan.digest.get(..19).unwrap_or(&plan.digest);
    let risk = plan.policy.risk.as_str();
    line(&mut text, 0, &format!("{} ({risk})", plan.name));
    line(&mut text, 0, &format!("plan {digest}"));
    text.push('\n');
    inputs(&mut text, plan);
    policy(&mut text, plan);
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
        let value = format!("{} = {value} ({})", input.name, input.origin);
        entry(text, "input", &value);
    }
}

/// Writes the policy of the run, including defaults.
fn policy(text: &mut String, plan: &Plan) {
    let policy = &plan.policy;
    let mut rollout = match policy.waves.as_slice() {
        [] => "all devices in one wave".to_owned(),
        waves => {
            let waves: Vec<String> = waves.iter().map(CountOrPercent::to_string).collect();
            format!("in waves: {} of the devices", waves.join(", then "))
        }
    };
    if policy.soak_ms > 0 {
        rollout += &format!(", {} between waves", setting(policy.soak_ms));
    }
    if let Some(max) = policy.max_active {
        rollout += &format!(", at most {} at a time", count(max, "device"));
    }
    entry(text, "rollout", &rollout);
    entry(text, "stop", &stop_text(plan));

    let until = format!("for {} from the start", setting(policy.offline.until_ms));
    let offline = match policy.offline.mode {
        OfflineMode::Hold => format!("offline devices are started when they come online, {until}"),
        OfflineMode::Queue => format!(
            "up to {} wait in the service's queue, {until}",
            count(policy.offline.max_slots, "offline device")
        ),
        OfflineMode::Skip => "offline devices are skipped".to_owned(),
    };
    entry(text, "offline", &offline);
    let busy = format!(
        "a device that is busy with another session is waited for, up to {}",
        setting(policy.busy_wait_ms)
    );
    entry(text, "busy", &busy);
    if let Some(deadline) = policy.deadline_ms {
        let value = format!("{} after the start", setting(deadline));
        entry(text, "deadline", &value);
    }
    if let Some(window) = &policy.window {
        let value = format!(
            "sessions are started only {window}; at the end, sessions that no device has taken yet are \
             recalled, running ones finish"
        );
        entry(text, "window", &value);
    }
    if plan
        .steps
        .iter()
        .any(|step| step.kind == SessionKind::Cleanup)
    {
        let when = match policy.cleanup_when {
            CleanupWhen::Always => "on every device that was sent something",
            CleanupWhen::Failed => "on devices that failed",
        };
        entry(text, "cleanup", when);
    }
}

/// Returns the stop rule and its effect.
fn stop_text(plan: &Plan) -> String {
    let stop = &plan.policy.stop_when;
    let failed = match (stop.failed, stop.of) {
        (CountOrPercent::Count(1), _) => "1 device has failed".to_owned(),
        (CountOrPercent::Count(failed), _) => format!("{} have failed", count(failed, "device")),
        (CountOrPercent::Percent(share), StopBase::Finished) => {
            format!("{share}% or more of the finished devices have failed")
        }
        (CountOrPercent::Percent(share), StopBase::Targets) => {
            format!("{share}% or more of all devices have failed")
        }
    };
    let after = match (stop.failed, stop.after) {
        (CountOrPercent::Count(_), _) | (_, 0 | 1) => String::new(),
        (_, after) => format!(", once {after} have finished"),
    };
    let then = match plan.policy.on_stop {
        OnStop::Drain => "running sessions finish",
        OnStop::CancelQueued => "queued sessions are cancelled, running ones finish",
        OnStop::Abort => "all sessions are cancelled",
    };
    format!("when {failed}{after}; {then}")
}

/// Devices whose sessions have the same shape.
struct DeviceGroup<'p> {
    members: Vec<&'p DevicePlan>,
    /// Whether all values are the same too.
    values_equal: bool,
}

fn groups(plan: &Plan) -> Vec<DeviceGroup<'_>> {
    let mut groups: IndexMap<Vec<SessionShape<'_>>, DeviceGroup<'_>> = IndexMap::new();
    for device in &plan.devices {
        let shape = device.sessions.iter().map(SessionShape::of).collect();
        let group = groups.entry(shape).or_insert_with(|| DeviceGroup {
            members: Vec::new(),
            values_equal: true,
        });
        if let Some(first) = group.members.first() {
            group.values_equal &= std::sync::Arc::ptr_eq(&first.sessions, &device.sessions)
                || first.sessions == device.sessions;
        }
        group.members.push(device);
    }
    groups.into_values().collect()
}

/// The properties that are equal for sessions that differ only in values.
#[derive(PartialEq, Eq, Hash)]
struct SessionShape<'p> {
    kind: SessionKind,
    steps: Vec<StepIndex>,
    waits_for: &'p [String],
}

impl<'p> SessionShape<'p> {
    fn of(session: &'p Session) -> Self {
        let steps = session.commands.iter();
        SessionShape {
            kind: session.kind,
            steps: steps.map(|command| command.step).collect(),
            waits_for: &session.waits_for,
        }
    }
}

fn devices(text: &mut String, plan: &Plan, group: &DeviceGroup<'_>) {
    let [first, ..] = group.members.as_slice() else {
        panic!("internal error: a group without devices");
    };
    let number = group.members.len();
    let names = group.members.iter().take(NAMES_MAX);
    let names: Vec<&str> = names.map(|device| device.target.label()).collect();
    let more = match number.saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    let title = format!(
        "{}: {}{more}",
        count(number as u64, "device"),
        names.join(", ")
    );
    line(text, 0, &title);
    if !group.values_equal {
        let name = first.target.label();
        let note = format!("values differ between devices; these are the values of {name}");
        line(text, 2, &note);
    }
    if first.sessions.is_empty() {
        line(
            text,
            2,
            "nothing is sent: the playbook is for another system, or every `when` is false",
        );
    }
    for (index, session) in first.sessions.iter().enumerate() {
        self::session(text, plan, index, session);
    }
}

fn session(text: &mut String, plan: &Plan, index: usize, session: &Session) {
    let mut title = match session.kind {
        SessionKind::Main => format!("session {}", index + 1),
        SessionKind::Cleanup => "cleanup".to_owned(),
    };
    if !session.waits_for.is_empty() {
        title += &format!(
            ", waits for the result of {}",
            code_list(&session.waits_for)
        );
    }
    line(text, 2, &title);
    let request = session.request.as_ref();
    let request = request.map(|request| plan.secrets.mask_request(request));
    for (place, command) in session.commands.iter().enumerate() {
        let step = command.step.of(&plan.steps);
        let sent = request
            .as_ref()
            .and_then(|request| request.commands.get(place));
        let what = match sent {
            Some(command) => {
                let values = command.params.iter().map(|param| param.value.as_str());
                values.collect::<Vec<_>>().join(" ")
            }
            None => step.title.clone(),
        };
        command_line(text, 4, &format!("{}  {what}", command.verb.as_str()));
        if let Some(notes) = step_notes(step) {
            line(text, 9, &notes);
        }
    }
}

/// Returns the settings of a step that are not the default.
fn step_notes(step: &StepPlan) -> Option<String> {
    let mut notes = Vec::new();
    if step.on_fail == OnFail::Continue {
        notes.push("the device continues if it fails".to_owned());
    }
    if let Some(retry) = step.retry {
        let tries = match retry.max {
            1 => "1 retry".to_owned(),
            more => format!("up to {more} retries"),
        };
        notes.push(format!("{tries}, {} apart", setting(retry.delay_ms)));
    }
    if let Some(timeout) = step.timeout {
        let timeout = Period(timeout);
        notes.push(format!("cancelled if it runs longer than {timeout}"));
    }
    match step.results {
        ResultsWanted::All => {}
        ResultsWanted::Failed => notes.push("result fetched only if the session fails".to_owned()),
        ResultsWanted::None if step.judged => {}
        ResultsWanted::None if step.verb == Verb::Get => notes.push("file not fetched".to_owned()),
        ResultsWanted::None => notes.push("exit code ignored".to_owned()),
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
        count(calls.result_links, "result link"),
        format!("about {}", count(calls.status_requests, "status request")),
        count(calls.device_lists, "device list"),
    ];
    if calls.library_lists > 0 {
        costs.push(count(calls.library_lists, "library list"));
    }
    entry(text, "cost", &costs.join(", "));

    let mut time = format!(
        "about {} (assuming {} per session); {}",
        duration(forecast.expected),
        duration(SESSION_ESTIMATE),
        limit_text(forecast.limited_by)
    );
    if forecast.limited_by.is_some() && forecast.at_least.as_secs() > 0 {
        time += &format!(", at least {}", duration(forecast.at_least));
    }
    entry(text, "time", &time);
    if let Some(windows) = forecast.windows {
        entry(text, "windows", &windows_text(windows));
    }
    let mut label = "offline";
    for sentence in offline_texts(plan, &forecast.offline) {
        entry(text, label, &sentence);
        label = "";
    }
    if let Some(saving) = &forecast.saving {
        entry(text, "cheaper", &saving_text(saving));
    }
}

fn limit_text(limit: Option<TimeLimit>) -> String {
    match limit {
        None => "not rate-limited".to_owned(),
        Some(TimeLimit::StartsPerMinute(max)) => {
            format!("limited to {} per minute", count(max, "start"))
        }
        Some(TimeLimit::ResultLinksPerMinute(max)) => {
            format!("limited to {} per minute", count(max, "result link"))
        }
        Some(TimeLimit::ResultLinksPerHour(max)) => {
            format!("limited to {} per hour", count(max, "result link"))
        }
        Some(TimeLimit::Sessions(max)) => {
            format!("limited to {} at a time", count(max, "session"))
        }
        Some(TimeLimit::MaxActive(max)) => format!("limited by `max_active: {max}`"),
        Some(TimeLimit::Waves) => "limited by the waves".to_owned(),
    }
}

fn windows_text(windows: WindowCount) -> String {
    let length = duration(windows.length);
    let closing = duration(windows.closing);
    let needed = match (windows.min, windows.max) {
        (1, 1) => format!("needs 1 window of {length}"),
        (min, max) if min == max => format!("needs {} windows of {length}", grouped(min)),
        (min, max) => format!(
            "needs {} to {} windows of {length}, depending on when the run starts",
            grouped(min),
            grouped(max)
        ),
    };
    format!("{needed}; nothing is started in the last {closing} of a window")
}

/// Returns the cost of offline devices, as sentences.
fn offline_texts(plan: &Plan, offline: &OfflineCost) -> Vec<String> {
    let condition = match offline.devices {
        1 => "if 1 device is offline".to_owned(),
        some => format!("if {} are offline", count(some, "device")),
    };
    let mut sentences = vec![match offline.mode {
        OfflineMode::Skip if offline.devices == 1 => format!("{condition}: it is skipped"),
        OfflineMode::Skip => format!("{condition}: they are skipped"),
        OfflineMode::Hold => format!("{condition}: no starts and no session slots are used"),
        OfflineMode::Queue if offline.devices == 1 => format!(
            "{condition}: it waits in the service's queue, in a slot that is otherwise idle; up to {}",
            count(offline.extra_starts, "extra start"),
        ),
        OfflineMode::Queue => format!(
            "{condition}: up to {} at a time wait in the service's queue, in slots that are otherwise \
             idle; up to {}",
            grouped(offline.queued),
            count(offline.extra_starts, "extra start"),
        ),
    }];
    if offline.device_lists_per_hour > 0 {
        sentences.push(format!(
            "{} per hour while they wait, {} once all others have started",
            count(offline.device_lists_per_hour, "device list"),
            offline.device_lists_per_hour_alone
        ));
    }
    if offline.status_requests_per_hour_alone > 0 {
        sentences.push(format!(
            "{} per hour once all others have finished",
            count(offline.status_requests_per_hour_alone, "status request"),
        ));
    }
    sentences.push(recently_seen_text(plan, offline));
    if let Some(end) = offline.ends_after {
        let one = if offline.devices == 1 { "it" } else { "one" };
        sentences.push(format!(
            "if {one} never comes online, the run ends after {}",
            duration(end)
        ));
    }
    sentences
}

/// Returns the cost of offline devices that the device list still shows as ready.
fn recently_seen_text(plan: &Plan, offline: &OfflineCost) -> String {
    let (condition, each) = match offline.devices {
        1 => ("if it was seen", "it uses"),
        _ => ("if all were seen", "each uses"),
    };
    let condition = format!("{condition} in the last {SEEN_HOURS} hours, {each} 1 start and");
    let keep = match (offline.queued, offline.devices) {
        (0, _) => String::new(),
        (1, 1) => ", or longer".to_owned(),
        (some, _) => format!(" ({} of them longer)", grouped(some)),
    };
    let pickup = duration(PICKUP);
    match offline.recently_seen.delay {
        OfflineDelay::Time(Duration::ZERO) => format!("{condition} a slot for {pickup}{keep}"),
        OfflineDelay::Time(delay) => format!(
            "{condition} a slot for {pickup}{keep}; the run takes up to {} longer",
            duration(delay)
        ),
        OfflineDelay::UntilOnline => format!(
            "{condition}, until it comes online, one of the {} places of `max_active`",
            plan.policy.max_active.unwrap_or_default()
        ),
    }
}

fn saving_text(saving: &Saving) -> String {
    let mut savings = Vec::new();
    if saving.sessions_per_device > 0 {
        let less = count(saving.sessions_per_device, "session");
        let all = grouped(saving.starts);
        savings.push(format!("{less} less per device, {all} in all"));
    }
    if saving.result_links > 0 {
        savings.push(format!(
            "{} less",
            count(saving.result_links, "result link")
        ));
    }
    if !saving.time.is_zero() {
        savings.push(format!("saves {}", duration(saving.time)));
    }
    format!("{}: {}", edit_text(&saving.edit), savings.join(", "))
}

/// Returns an edit of the playbook as an instruction.
pub(super) fn edit_text(edit: &PlaybookEdit) -> String {
    match edit {
        PlaybookEdit::MoveAfter { steps, after } => {
            format!("move {} after `{after}`", code_list(steps))
        }
        PlaybookEdit::MoveBefore { steps, before } => {
            format!("move {} before `{before}`", code_list(steps))
        }
        PlaybookEdit::RemoveSessionEnd { step, keys } => {
            format!("remove {} from `{step}`", code_list(keys))
        }
        PlaybookEdit::FetchFailedOnly { steps } => match steps.as_slice() {
            [] | [_] => format!(
                "set `results: failed` on {}, its exit code is then not checked",
                code_list(steps)
            ),
            [first, others @ ..] => format!(
                "set `results: failed` on `{first}` and {} more, their exit codes are then not checked",
                others.len()
            ),
        },
    }
}

/// Returns names as a list of code: `` `a`, `b` and `c` ``.
fn code_list<T: std::fmt::Display>(names: &[T]) -> String {
    list(names.iter().map(|name| format!("`{name}`")), "and")
}

/// Returns a duration as it is written in a playbook, without rounding.
fn setting(millis: u64) -> Period {
    Period(Duration::from_millis(millis))
}

/// Writes a label in the margin with its text.
fn entry(text: &mut String, label: &str, value: &str) {
    text.push_str(&format!("{label:<MARGIN$}"));
    text.push_str(&wrap(&visible(value), WIDTH, MARGIN, MARGIN));
    text.push('\n');
}

/// Writes an indented line, wrapped with two more columns of indentation.
fn line(text: &mut String, indent: usize, value: &str) {
    text.push_str(&" ".repeat(indent));
    text.push_str(&wrap(&visible(value), WIDTH, indent, indent + 2));
    text.push('\n');
}

/// Writes a command, indented and wrapped like [`line()`]. All spaces and backticks are kept,
/// because people copy the text.
fn command_line(text: &mut String, indent: usize, value: &str) {
    text.push_str(&" ".repeat(indent));
    let mut column = indent;
    for (index, word) in visible(value).split(' ').enumerate() {
        let length = columns(word);
        if index > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = indent + 2;
            text.push_str(&" ".repeat(column));
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
