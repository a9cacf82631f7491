//! The plan as one JSON document: the same bytes for the same plan on every computer.

use std::time::Duration;

use serde_json::{Map, Value, json};
use svar_plan::{
    DevicePlan, Forecast, OfflineCost, OfflineDelay, Plan, Saving, Session, SessionKind, StepPlan,
    TimeLimit,
};

use super::plan_text::edit_text;

/// Version of the document's format.
const FORMAT: u32 = 1;

/// Returns the plan as JSON.
///
/// `request` is the body that will be sent, without the correlation tag and with secrets masked. It
/// is null in a session that waits for the results of the steps in `waits_for`. The document
/// contains no path of this computer.
pub fn plan_json(plan: &Plan) -> Value {
    let devices = plan.devices.iter().map(|device| device_json(plan, device));
    let steps = plan.steps.iter().map(step_json);
    json!({
        "version": FORMAT,
        "digest": plan.digest,
        "name": plan.name,
        "policy": plan.policy,
        "limits": plan.limits,
        "inputs": plan.inputs,
        "library": plan.library,
        "steps": steps.collect::<Vec<_>>(),
        "devices": devices.collect::<Vec<_>>(),
        "forecast": forecast_json(&Forecast::of(plan)),
    })
}

fn step_json(step: &StepPlan) -> Value {
    json!({
        "name": step.name,
        "title": step.title,
        "verb": step.verb,
        "cleanup": step.kind == SessionKind::Cleanup,
        "pointer": step.place.pointer,
        "line": step.place.line,
        "on_fail": step.on_fail,
        "retry": step.retry,
        "timeout_ms": step.timeout.map(millis),
        "results": step.results,
    })
}

fn device_json(plan: &Plan, device: &DevicePlan) -> Value {
    let sessions = device
        .sessions
        .iter()
        .map(|session| session_json(plan, session));
    json!({
        "id": device.target.id,
        "name": device.target.name,
        "sessions": sessions.collect::<Vec<_>>(),
    })
}

fn session_json(plan: &Plan, session: &Session) -> Value {
    let mut shown = Map::new();
    shown.insert("kind".to_owned(), json!(session.kind));
    let request = session.request.as_ref();
    let request = request.map(|request| plan.secrets.mask_request(request));
    shown.insert("request".to_owned(), json!(request));
    if !session.waits_for.is_empty() {
        shown.insert("waits_for".to_owned(), json!(session.waits_for));
    }
    let steps: Vec<&str> = session
        .commands
        .iter()
        .map(|command| command.step.of(&plan.steps).name.as_str())
        .collect();
    shown.insert("steps".to_owned(), json!(steps));
    Value::Object(shown)
}

fn forecast_json(forecast: &Forecast) -> Value {
    let calls = forecast.calls;
    let windows = forecast.windows.map(|windows| {
        json!({
            "min": windows.min,
            "max": windows.max,
            "length_ms": millis(windows.length),
            "closing_ms": millis(windows.closing),
        })
    });
    json!({
        "calls": {
            "starts": calls.starts,
            "result_links": calls.result_links,
            "status_requests": calls.status_requests,
            "device_lists": calls.device_lists,
            "library_lists": calls.library_lists,
            "cancels": calls.cancels,
        },
        "expected_ms": millis(forecast.expected),
        "at_least_ms": millis(forecast.at_least),
        "limited_by": forecast.limited_by.map(limit_name),
        "windows": windows,
        "offline": offline_json(&forecast.offline),
        "saving": forecast.saving.as_ref().map(saving_json),
    })
}

/// Returns the name of a limit. Its value is under `limits` or `policy`.
fn limit_name(limit: TimeLimit) -> &'static str {
    match limit {
        TimeLimit::StartsPerMinute(_) => "starts_per_minute",
        TimeLimit::ResultLinksPerMinute(_) => "result_links_per_minute",
        TimeLimit::ResultLinksPerHour(_) => "result_links_per_hour",
        TimeLimit::Sessions(_) => "sessions",
        TimeLimit::MaxActive(_) => "max_active",
        TimeLimit::Waves => "waves",
    }
}

fn offline_json(offline: &OfflineCost) -> Value {
    let seen = &offline.recently_seen;
    json!({
        "devices": offline.devices,
        "mode": offline.mode,
        "queued": offline.queued,
        "extra_starts": offline.extra_starts,
        "recently_seen": {
            "extra_starts": seen.extra_starts,
            // Null if the other devices wait until these are online.
            "delay_ms": match seen.delay {
                OfflineDelay::Time(delay) => Some(millis(delay)),
                OfflineDelay::UntilOnline => None,
            },
        },
        "device_lists_per_hour": offline.device_lists_per_hour,
        "device_lists_per_hour_alone": offline.device_lists_per_hour_alone,
        "status_requests_per_hour_alone": offline.status_requests_per_hour_alone,
        "ends_after_ms": offline.ends_after.map(millis),
    })
}

fn saving_json(saving: &Saving) -> Value {
    json!({
        "edit": edit_text(&saving.edit),
        "starts": saving.starts,
        "result_links": saving.result_links,
        "sessions_per_device": saving.sessions_per_device,
        "time_ms": millis(saving.time),
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or_else(|_| panic!("internal error: a time of {time:?} in a plan"))
}
