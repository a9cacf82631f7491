//! The defaults that the schema states are those that a plan uses.

use serde_json::Value;
use svar_plan::Plan;

use super::{compiled, linux};

fn plan(playbook: &str) -> Plan {
    let playbook = format!("playbook: 1\ntargets: {{ tag: web }}\n{playbook}");
    let plan = compiled(&playbook, vec![linux()]).plan().clone();
    std::sync::Arc::unwrap_or_clone(plan)
}

/// The default that the schema states at `path`: keys of `properties`, one below the other.
#[track_caller]
fn stated(path: &[&str]) -> Value {
    let schema: Value = serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    let mut at = &schema;
    for key in path {
        while let Some(name) = at.get("$ref") {
            let pointer = name.as_str().unwrap().strip_prefix('#').unwrap();
            at = schema.pointer(pointer).unwrap();
        }
        at = match at.get("items") {
            Some(items) if at["properties"].is_null() => items,
            _ => at,
        };
        while let Some(name) = at.get("$ref") {
            let pointer = name.as_str().unwrap().strip_prefix('#').unwrap();
            at = schema.pointer(pointer).unwrap();
        }
        at = &at["properties"][*key];
    }
    at["default"].clone()
}

#[test]
fn a_policy_without_keys_is_one_with_every_stated_default() {
    let on_stop = stated(&["rollout", "on_stop"]);
    let of = stated(&["rollout", "stop_when", "of"]);
    let after = stated(&["rollout", "stop_when", "after"]);
    let mode = stated(&["offline", "mode"]);
    let until = stated(&["offline", "until"]);
    let max_slots = stated(&["offline", "max_slots"]);
    let cleanup_when = stated(&["cleanup_when"]);
    let risk = stated(&["risk"]);
    let steps = "steps: [{ get: /etc/hosts }]";
    let explicit = plan(&format!(
        "risk: {risk}
rollout:
  on_stop: {on_stop}
  stop_when: {{ failed: 1, of: {of}, after: {after} }}
offline: {{ mode: {mode}, until: {until}, max_slots: {max_slots} }}
cleanup_when: {cleanup_when}
{steps}
"
    ));
    assert_eq!(plan(steps).policy, explicit.policy);
    // The numbers that the documentation names.
    assert_eq!(explicit.policy.offline.until_ms, 24 * 3_600_000);
    assert_eq!(explicit.policy.offline.max_slots, 5);
    assert_eq!(explicit.policy.stop_when.after, 1);
}

#[test]
fn a_step_without_keys_is_one_with_every_stated_default() {
    let stated = |key: &str| stated(&["steps", key]);
    let step = "steps: [{ run: look.sh, args: a";
    let explicit = plan(&format!(
        "{step}, pass: {}, gate: {}, on_fail: {}, results: {} }}]",
        stated("pass"),
        stated("gate"),
        stated("on_fail"),
        stated("results"),
    ));
    let short = plan(&format!("{step} }}]"));
    assert_eq!(short.steps, explicit.steps);
    assert_eq!(
        short.devices[0].sessions[0].request,
        explicit.devices[0].sessions[0].request
    );
}

#[test]
fn the_pause_before_a_further_try_is_the_stated_one() {
    let delay = stated(&["steps", "retry", "delay"]);
    let plan = |retry: &str| plan(&format!("steps: [{{ run: look.sh, retry: {retry} }}]"));
    let short = plan("2").steps[0].retry.unwrap();
    assert_eq!((short.max, short.delay_ms), (2, 30_000));
    assert_eq!(plan("{ max: 2 }").steps[0].retry, Some(short));
    let explicit = plan(&format!("{{ max: 2, delay: {delay} }}"));
    assert_eq!(explicit.steps[0].retry, Some(short));
}
