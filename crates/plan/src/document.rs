//! The plan as one JSON document, the same bytes for the same plan on any computer.

use serde_json::{Map, Value, json};

use svar_wire::LiveResponseRequest;

use crate::forecast::Forecast;
use crate::model::{DevicePlan, Plan, Session, StepPlan};
use crate::secrets::{MASK, Secrets};

/// The document's format.
const FORMAT: u32 = 1;

/// The plan as JSON. `request` is the body that will be sent, the correlation tag aside, with
/// secrets masked; it is null in a session that waits for results, and `waits_for` says for which.
/// No path of this computer is in it.
pub fn document(plan: &Plan) -> Value {
    let devices = plan.devices.iter().map(|device| one_device(plan, device));
    let steps = plan.steps.iter().map(one_step);
    json!({
        "plan": FORMAT,
        "digest": plan.digest,
        "name": plan.name,
        "policy": plan.policy,
        "limits": plan.limits,
        "inputs": plan.inputs,
        "library": plan.library,
        "steps": steps.collect::<Vec<_>>(),
        "devices": devices.collect::<Vec<_>>(),
        "forecast": Forecast::of(plan),
    })
}

fn one_step(step: &StepPlan) -> Value {
    json!({
        "name": step.name,
        "title": step.title,
        "verb": step.verb,
        "cleanup": step.cleanup,
        "pointer": step.place.pointer,
        "line": step.place.line,
        "on_fail": step.on_fail,
        "retry": step.retry,
        "timeout_ms": step.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        "results": step.results,
    })
}

fn one_device(plan: &Plan, device: &DevicePlan) -> Value {
    let sessions = device
        .sessions
        .iter()
        .map(|session| one_session(plan, session));
    json!({
        "id": device.target.id,
        "name": device.target.name,
        "sessions": sessions.collect::<Vec<_>>(),
    })
}

fn one_session(plan: &Plan, session: &Session) -> Value {
    let mut shown = Map::new();
    shown.insert("kind".to_owned(), json!(session.kind));
    let request = session
        .request
        .as_ref()
        .map(|request| masked(request, &plan.secrets));
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

/// A body as it may be shown: secrets masked, also inside arguments that travel as one token.
pub fn masked(request: &LiveResponseRequest, secrets: &Secrets) -> LiveResponseRequest {
    let mut shown = request.clone();
    if secrets.is_empty() {
        return shown;
    }
    shown.comment = secrets.mask(&shown.comment).into_owned();
    for command in &mut shown.commands {
        for param in &mut command.params {
            param.value = match hides(&param.value, secrets) {
                true => MASK.to_owned(),
                false => secrets.mask(&param.value).into_owned(),
            };
        }
    }
    shown
}

/// Whether a text is the `base64url` of something with a secret in it.
fn hides(text: &str, secrets: &Secrets) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .is_some_and(|json| secrets.shows_in(&json))
}
