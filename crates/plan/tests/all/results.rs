//! What results mean: sessions that waited for them, and expectations.

use std::collections::HashMap;

use svar_plan::{
    CommandIndex, CompiledPlan, DeviceIndex, Results, SessionIndex, StepIndex, StepResult, Verdict,
};

use super::{compiled, linux};

#[derive(Default)]
struct StoredResults(HashMap<String, StepResult>);

impl Results for StoredResults {
    fn result(&self, _device: DeviceIndex, step: &str) -> Option<StepResult> {
        self.0.get(step).cloned()
    }
}

fn script(exit: i64, stdout: &str) -> StepResult {
    StepResult::Script {
        exit: Some(exit),
        stdout: stdout.to_owned(),
        stderr: String::new(),
    }
}

fn stored(results: &[(&str, StepResult)]) -> StoredResults {
    let results = results.iter().cloned();
    StoredResults(
        results
            .map(|(name, result)| (name.to_owned(), result))
            .collect(),
    )
}

const PLAYBOOK: &str = "playbook: 1
comment: Look at ${{ target.name }}
steps:
  - id: probe
    run: probe.sh
    save:
      version: { regex: 'v([0-9.]+)' }
  - id: act
    run: act.sh
    args: [\"${{ steps.probe.json.user }}\", \"${{ steps.probe.saved.version }}\"]
    when: steps.probe.json.count > 0
  - id: always
    run: always.sh
  - id: file
    get: ${{ steps.probe.json.path }}
    when: steps.probe.exit == 0
";

#[test]
fn a_waiting_session_is_compiled_from_the_results() {
    let plan = compiled(PLAYBOOK, vec![linux()]);
    let output = r#"found v1.50 here
{"user":"O'Neil","count":2,"path":"/tmp/a b"}"#;
    let results = stored(&[("probe", script(0, output))]);
    let first = plan
        .resolve(DeviceIndex(0), SessionIndex(0), &results)
        .unwrap();
    assert_eq!(first.commands, [CommandIndex(0)]);
    let second = plan
        .resolve(DeviceIndex(0), SessionIndex(1), &results)
        .unwrap();
    assert_eq!(second.commands, [0, 1, 2].map(CommandIndex));
    let request = second.request.unwrap();
    assert_eq!(request.comment, "Look at srv-2");
    assert_eq!(request.commands[0].param("Args"), Some(r"'O'\''Neil' 1.50"));
    assert_eq!(request.commands[2].param("Path"), Some("/tmp/a b"));
}

#[test]
fn conditions_leave_commands_out() {
    let plan = compiled(PLAYBOOK, vec![linux()]);
    let output = r#"v1 {"count":0}"#.replace(' ', "\n");
    let results = stored(&[("probe", script(3, &output))]);
    let resolved = plan
        .resolve(DeviceIndex(0), SessionIndex(1), &results)
        .unwrap();
    assert_eq!(resolved.commands, [CommandIndex(1)]);

    let only = compiled(
        "playbook: 1
steps:
  - { id: a, run: a.sh }
  - { id: b, run: b.sh, when: steps.a.exit == 0 }
",
        vec![linux()],
    );
    let resolved = only
        .resolve(
            DeviceIndex(0),
            SessionIndex(1),
            &stored(&[("a", script(1, ""))]),
        )
        .unwrap();
    assert_eq!((resolved.commands, resolved.request), (vec![], None));
}

#[test]
fn data_that_does_not_fit_is_a_problem_at_the_template() {
    let plan = compiled(PLAYBOOK, vec![linux()]);
    let results = stored(&[("probe", script(0, "no json"))]);
    let problem = plan
        .resolve(DeviceIndex(0), SessionIndex(1), &results)
        .unwrap_err()
        .problem;
    assert_eq!(problem.rule.id, "template-value");
    assert_eq!(
        problem.source.slice(problem.span()),
        "steps.probe.json.count"
    );
    // A value from a device is no more welcome than any other.
    let output = r#"v1
{"user":"a;b","count":1}"#;
    let results = stored(&[("probe", script(0, output))]);
    let problem = plan
        .resolve(DeviceIndex(0), SessionIndex(1), &results)
        .unwrap_err()
        .problem;
    assert_eq!(problem.rule.id, "argument-characters");
    assert!(
        problem.message.contains("the result of `probe`"),
        "{}",
        problem.message
    );
}

fn verdict(plan: &CompiledPlan, step: StepIndex, result: &StepResult) -> String {
    match plan.judge(DeviceIndex(0), step, result, &StoredResults::default()) {
        Verdict::Met => "met".to_owned(),
        Verdict::NotMet { why } => why,
    }
}

#[test]
fn expectations_are_judged_in_one_sentence() {
    let plan = compiled(
        "playbook: 1
inputs:
  word: { default: READY }
steps:
  - { run: a.sh }
  - { run: b.sh, expect: { exit: [0, 3] } }
  - { run: c.sh, expect: { exit: any, stdout: { contains: ['${{ inputs.word }}', x], not_contains: error, matches: '^R' } } }
  - { run: d.sh, expect: { json: { 'items[1].name': b, count: 2 }, stderr: { equals: '' } } }
  - { run: e.sh, save: { n: { json: n, type: int } } }
",
        vec![linux()],
    );
    let both = |exit, stdout: &str, stderr: &str| StepResult::Script {
        exit,
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
    };
    let items = r#"{"items":[{"name":"a"},{"name":"b"}],"count":2.0}"#;
    let verdicts = [
        verdict(&plan, StepIndex(0), &script(0, "")),
        verdict(&plan, StepIndex(0), &both(Some(2), "", "no such file\n")),
        verdict(&plan, StepIndex(0), &both(None, "", "")),
        verdict(&plan, StepIndex(1), &script(3, "")),
        verdict(&plan, StepIndex(1), &script(1, "")),
        verdict(&plan, StepIndex(2), &script(9, "READY x")),
        verdict(&plan, StepIndex(2), &script(0, "nothing")),
        verdict(&plan, StepIndex(2), &script(0, "READY x error")),
        verdict(&plan, StepIndex(2), &script(0, " READY x")),
        verdict(&plan, StepIndex(3), &script(0, items)),
        verdict(&plan, StepIndex(3), &both(Some(0), items, "warning")),
        verdict(&plan, StepIndex(3), &script(0, r#"{"items":[1]}"#)),
        verdict(
            &plan,
            StepIndex(3),
            &script(0, r#"{"items":[1,{"name":"z"}]}"#),
        ),
        verdict(&plan, StepIndex(3), &script(0, "plain")),
        verdict(&plan, StepIndex(4), &script(0, r#"{"n":5}"#)),
        verdict(&plan, StepIndex(4), &script(0, r#"{"n":"x"}"#)),
    ];
    insta::assert_debug_snapshot!(verdicts);
}

/// What `args` of the second step become, from what the first one saved.
#[track_caller]
fn saved(save: &str, args: &str, output: &str) -> Option<String> {
    let plan = compiled(
        &format!(
            "playbook: 1
steps:
  - id: probe
    run: probe.sh
    save: {{ found: {save} }}
  - run: act.sh
    args: {args}
"
        ),
        vec![linux()],
    );
    let result = script(0, output);
    let results = stored(&[("probe", result.clone())]);
    assert_eq!(
        plan.judge(DeviceIndex(0), StepIndex(0), &result, &results),
        Verdict::Met
    );
    let request = plan
        .resolve(DeviceIndex(0), SessionIndex(1), &results)
        .unwrap()
        .request
        .unwrap();
    request.commands[0].param("Args").map(str::to_owned)
}

#[test]
fn a_json_array_is_saved_as_a_list_with_its_items() {
    let save = "{ json: ports, type: list }";
    let output = r#"{"ports":[22,"a b","c,d"]}"#;
    let all = saved(save, "${{ steps.probe.saved.found }}", output);
    assert_eq!(all.as_deref(), Some("22 'a b' c,d"));
    let third = saved(save, "['${{ steps.probe.saved.found[2] }}']", output);
    assert_eq!(third.as_deref(), Some("c,d"));
    // A text is split into items.
    let save = "{ regex: 'ports (.*)', type: list }";
    let all = saved(save, "${{ steps.probe.saved.found }}", "ports 22,23");
    assert_eq!(all.as_deref(), Some("22 23"));
}

#[test]
fn a_collected_file_is_judged_by_size_and_hash() {
    let hash = "a".repeat(64);
    let plan = compiled(
        &format!(
            "playbook: 1
steps:
  - {{ get: /tmp/a, expect: {{ size: '> 0' }} }}
  - {{ get: /tmp/b, expect: {{ size: <= 10KB, sha256: {hash} }} }}
"
        ),
        vec![linux()],
    );
    let file = |size, sha256: &str| StepResult::File {
        path: "files/a".to_owned(),
        size,
        sha256: sha256.to_owned(),
    };
    assert_eq!(verdict(&plan, StepIndex(0), &file(1, "")), "met");
    assert_eq!(
        verdict(&plan, StepIndex(0), &file(0, "")),
        "the file has 0 bytes, expected > 0"
    );
    assert_eq!(
        verdict(&plan, StepIndex(1), &file(10_240, &hash.to_uppercase())),
        "met"
    );
    assert_eq!(
        verdict(&plan, StepIndex(1), &file(10_241, &hash)),
        "the file has 10241 bytes, expected <= 10KB"
    );
    assert!(
        verdict(&plan, StepIndex(1), &file(1, "b"))
            .starts_with("the file has SHA-256 b, expected aaa")
    );
}
