//! Where sessions begin, what they wait for, and what devices share.

use std::sync::Arc;

use proptest::prelude::*;
use svar_plan::{GivenInputs, Plan, SessionKind, Verb};

use super::{compile_error, compiled, linux, shape, target, try_compile, windows};

#[test]
fn steps_in_the_services_order_share_a_session() {
    let plan = compiled(
        "playbook: 1
steps:
  - { id: tool, put: tool.exe }
  - { id: one, run: one.ps1 }
  - { id: two, run: two.ps1 }
  - { id: log, get: 'C:\\log.txt' }
  - { id: again, run: one.ps1 }
  - { id: last, get: 'C:\\last.txt' }
",
        vec![windows()],
    );
    assert_eq!(shape(&plan, 0), ["tool one two log", "again last"]);
}

#[test]
fn gates_failures_that_go_on_and_retries_close_their_session() {
    let plan = compiled(
        "playbook: 1
steps:
  - { id: a, run: a.ps1, gate: true }
  - { id: b, run: b.ps1, on_fail: continue }
  - { id: c, run: c.ps1, retry: 2 }
  - { id: d, run: d.ps1 }
  - { id: e, run: e.ps1, gate: true }
cleanup:
  - { id: f, run: f.ps1 }
",
        vec![windows()],
    );
    assert_eq!(shape(&plan, 0), ["a", "b", "c", "d e", "f"]);
    let sessions = &plan.plan().devices[0].sessions;
    assert_eq!(sessions[4].kind, SessionKind::Cleanup);
}

#[test]
fn a_step_that_reads_a_result_waits_and_takes_its_neighbours_along() {
    let plan = compiled(
        "playbook: 1
steps:
  - { id: probe, run: probe.sh }
  - { id: other, run: other.sh }
  - { id: act, run: 'act.sh', args: '${{ steps.probe.json.user }}' }
  - { id: plain, run: plain.sh }
  - { id: more, run: more.sh, when: steps.other.exit == 0 }
  - { id: log, get: '/var/log/${{ steps.act.stdout | trim }}' }
  - { id: tail, get: /tmp/x }
cleanup:
  - { run: clean.sh, args: '${{ steps.probe.exit | default(1) }}' }
",
        vec![linux()],
    );
    assert_eq!(
        shape(&plan, 0),
        [
            "probe other",
            "act plain more (waits for probe other)",
            "log tail (waits for act)",
            "cleanup-1 (waits for probe)"
        ]
    );
    let plan = plan.plan();
    assert!(plan.devices[0].sessions[1].request.is_none());
    let judged: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.judged)
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(judged, ["probe", "other", "act"]);
}

#[test]
fn expectations_that_read_a_result_come_after_it_without_waiting_themselves() {
    let plan = compiled(
        "playbook: 1
steps:
  - { id: look, run: look.sh }
  - { id: act, run: act.sh, expect: { stdout: '${{ steps.look.stdout }}' } }
",
        vec![linux()],
    );
    assert_eq!(shape(&plan, 0), ["look", "act"]);
    assert!(plan.plan().steps[0].judged);
}

#[test]
fn what_can_be_decided_now_is_decided_now() {
    let playbook = "playbook: 1
inputs:
  deep: { type: bool, default: false }
steps:
  - { id: win, run: w.ps1, when: target.family == 'windows' }
  - { id: lin, run: l.sh, when: \"${{ target.family == 'linux' }}\" }
  - { id: deep, run: deep.sh, when: inputs.deep }
  - { id: after, run: x.sh, when: steps.win is defined }
";
    let deep = GivenInputs {
        arguments: vec![("deep".into(), "true".into())],
        ..GivenInputs::default()
    };
    let plan = compiled(playbook, vec![windows(), linux()]);
    assert_eq!(shape(&plan, 0), ["win", "after (waits for win)"]);
    assert_eq!(shape(&plan, 1), ["lin"]);
    let plan = try_compile(playbook, &deep, vec![linux()]).unwrap();
    assert_eq!(shape(&plan, 0), ["lin deep"]);
}

#[test]
fn a_device_of_another_system_gets_nothing() {
    let plan = compiled(
        "{ playbook: 1, os: linux, steps: [ { run: a.sh } ] }",
        vec![windows(), linux()],
    );
    assert!(shape(&plan, 0).is_empty());
    assert_eq!(shape(&plan, 1), ["step-1"]);
}

#[test]
fn a_system_that_is_not_known_is_said_where_it_is_asked_for() {
    let mut unknown = linux();
    unknown.os = None;
    let asks = "{ playbook: 1, os: linux, steps: [ { run: a.sh } ] }";
    let plan = compiled(asks, vec![windows(), unknown.clone()]);
    assert_eq!(shape(&plan, 1), ["step-1"]);
    let notes = &plan.plan().notes;
    assert!(
        notes[0].contains("which is unknown for 1 of 2 devices"),
        "{notes:?}"
    );
    let silent = compiled("{ playbook: 1, steps: [ { run: a.sh } ] }", vec![unknown]);
    assert!(silent.plan().notes.is_empty());
}

#[test]
fn cleanup_that_does_not_fit_one_session_is_refused() {
    insta::assert_snapshot!(compile_error(
        "playbook: 1
steps: [ { run: a.ps1 } ]
cleanup:
  - run: stop.ps1
  - put: uninstall.exe
",
        &GivenInputs::default(),
        vec![windows()],
    ));
}

#[test]
fn devices_that_look_alike_to_the_playbook_share_their_sessions() {
    let fleet = |count: u32| {
        (0..count)
            .map(|n| {
                let os = if n % 3 == 0 { "Linux" } else { "Windows11" };
                target(n, &format!("m-{n}"), os)
            })
            .collect::<Vec<_>>()
    };
    let plan = compiled(
        "playbook: 1
steps:
  - { run: a.sh, when: target.family == 'linux' }
  - { run: a.ps1, when: target.family == 'windows' }
",
        fleet(3_000),
    );
    let devices = &plan.plan().devices;
    let mut distinct: Vec<_> = devices.iter().map(|m| Arc::as_ptr(&m.sessions)).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 2);

    // Where each has values of its own, nobody gets another one's.
    let plan = compiled(
        "{ playbook: 1, steps: [ { get: '/tmp/${{ target.name }}' } ] }",
        fleet(500),
    );
    for (n, device) in plan.plan().devices.iter().enumerate() {
        let request = device.sessions[0].request.as_ref().unwrap();
        assert_eq!(
            request.commands[0].param("Path"),
            Some(format!("/tmp/m-{n}").as_str())
        );
    }
}

#[test]
fn the_digest_is_that_of_the_work_and_of_nothing_else() {
    let playbook = "playbook: 1
inputs:
  days: { type: int, default: 7 }
  token: { secret: true, default: a }
steps:
  - { run: a.sh, args: '${{ inputs.days }} ${{ inputs.token }}' }
";
    let digest = |playbook: &str, name: &str, value: &str, targets| {
        let given = GivenInputs {
            arguments: vec![(name.to_owned(), value.to_owned())],
            ..GivenInputs::default()
        };
        let plan = try_compile(playbook, &given, targets).unwrap();
        plan.plan().digest.clone()
    };
    let first = digest(playbook, "days", "7", vec![linux()]);
    assert!(first.starts_with("sha256:") && first.len() == 71, "{first}");
    assert_eq!(first, digest(playbook, "days", "7", vec![linux()]));
    // A secret is known by one byte of its hash: another one is noticed, this one can't be found.
    assert_ne!(first, digest(playbook, "token", "b", vec![linux()]));
    let known: std::collections::BTreeSet<String> = (0..2_000)
        .map(|number| digest(playbook, "token", &number.to_string(), vec![linux()]))
        .collect();
    assert!((200..=256).contains(&known.len()), "{}", known.len());
    assert_ne!(first, digest(playbook, "days", "8", vec![linux()]));
    assert_ne!(first, digest(playbook, "days", "7", vec![windows()]));
    assert_ne!(
        first,
        digest(playbook, "days", "7", vec![linux(), windows()])
    );
    let commented = format!("{playbook}# a word more\n");
    assert_ne!(first, digest(&commented, "days", "7", vec![linux()]));
    // What the playbook does not ask for does not count.
    let mut renamed = linux();
    renamed.name = Some("other".to_owned());
    assert_eq!(first, digest(playbook, "days", "7", vec![renamed]));
}

/// The requests of the first device as they may be shown.
fn shown_requests(plan: &Plan) -> String {
    let sessions = plan.devices[0].sessions.iter();
    let requests = sessions.filter_map(|session| session.request.as_ref());
    let shown = requests.map(|request| plan.secrets.mask_request(request));
    serde_json::to_string(&shown.collect::<Vec<_>>()).unwrap()
}

#[test]
fn secrets_are_in_what_is_sent_and_in_nothing_that_is_shown() {
    let playbook = "playbook: 1
inputs:
  token: { secret: true }
steps:
  - { run: a.sh, args: ['${{ inputs.token }}', --x] }
  - { run: b.sh, args: ['${{ inputs.token }}'], pass: base64url }
";
    let given = GivenInputs {
        arguments: vec![("token".into(), "it's s3cret".into())],
        ..GivenInputs::default()
    };
    let plan = try_compile(playbook, &given, vec![linux()]).unwrap();
    let sent = serde_json::to_string(&plan.plan().devices[0].sessions[0].request).unwrap();
    assert!(sent.contains(r"'it'\\''s s3cret' --x"), "{sent}");
    let shown = shown_requests(plan.plan());
    let token = super::quoting::decode_base64url(
        plan.plan().devices[0].sessions[0]
            .request
            .as_ref()
            .unwrap()
            .commands[1]
            .param("Args")
            .unwrap(),
    );
    assert_eq!(token, r#"["it's s3cret"]"#);
    for text in [shown, format!("{:?}", plan.plan().secrets)] {
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            !text.contains("czNjcmV0") && !text.contains("WyJpdCdz"),
            "{text}"
        );
    }
}

#[test]
fn what_a_template_makes_of_a_secret_is_a_secret() {
    let playbook = "playbook: 1
inputs:
  token: { secret: true }
  user: { default: alva }
vars:
  half: ${{ inputs.token[3:] }}
  both: ${{ inputs.user }}-${{ vars.half | lower }}
  late: ${{ target.name }}/${{ inputs.token | replace('e', '3') }}
steps:
  - { run: a.sh, args: ['${{ inputs.token | upper }}', '${{ vars.both }}', '${{ vars.late }}', '${{ inputs.user }}'] }
  - { run: b.sh, args: { Tail: '${{ inputs.token[::-1] }}', Length: '${{ inputs.token | length }}' } }
";
    let given = GivenInputs {
        arguments: vec![("token".into(), "hunterSecret".into())],
        ..GivenInputs::default()
    };
    let plan = try_compile(playbook, &given, vec![linux()]).unwrap();
    let sent = serde_json::to_string(&plan.plan().devices[0].sessions[0].request).unwrap();
    let made = [
        "HUNTERSECRET",
        "terSecret",
        "tersecret",
        "hunt3rS3cr3t",
        "terceSretnuh",
    ];
    let shown = shown_requests(plan.plan());
    for word in made {
        assert!(sent.contains(word) || word == "terSecret", "{word}: {sent}");
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    // What gives nothing away stays readable.
    assert!(
        shown.contains("alva") && shown.contains("--Length 12"),
        "{shown}"
    );
}

#[derive(Debug, Clone)]
struct Step {
    verb: u8,
    gate: bool,
    goes_on: bool,
    reads: Option<usize>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..3u8,
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.1),
        proptest::option::weighted(0.2, any::<u16>()),
    );
    proptest::collection::vec(step, 1..12).prop_map(|steps| {
        steps
            .iter()
            .enumerate()
            .map(|(at, (verb, gate, goes_on, reads))| Step {
                verb: *verb,
                gate: *gate,
                goes_on: *goes_on,
                // Only scripts have an exit code to read.
                reads: reads.and_then(|read| {
                    let scripts: Vec<usize> =
                        (0..at).filter(|earlier| steps[*earlier].0 == 1).collect();
                    (!scripts.is_empty()).then(|| scripts[read as usize % scripts.len()])
                }),
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every compiled plan keeps the author's order and the service's, cuts where it must, and
    /// nowhere where it need not.
    #[test]
    fn sessions_are_legal_and_no_cut_is_idle(steps in steps()) {
        let mut playbook = "playbook: 1\nsteps:\n".to_owned();
        for (at, step) in steps.iter().enumerate() {
            let verb = ["put: x.bin", "run: x.sh", "get: /tmp/x"][usize::from(step.verb)];
            playbook += &format!("  - {{ id: s{at}, {verb}");
            if step.gate { playbook += ", gate: true"; }
            if step.goes_on { playbook += ", on_fail: continue"; }
            if let Some(read) = step.reads {
                playbook += &format!(", when: steps.s{read}.exit == 0");
            }
            playbook += " }\n";
        }
        let plan = compiled(&playbook, vec![linux()]);
        let plan = plan.plan();
        let sessions = &plan.devices[0].sessions;
        let order: Vec<usize> = sessions
            .iter()
            .flat_map(|session| session.commands.iter().map(|c| c.step.place()))
            .collect();
        prop_assert_eq!(&order, &(0..steps.len()).collect::<Vec<_>>());
        let rank = |verb: Verb| [Verb::Put, Verb::Run, Verb::Get].iter().position(|v| *v == verb);
        let mut before: Option<(usize, usize)> = None;
        for session in sessions.iter() {
            let members: Vec<usize> = session.commands.iter().map(|c| c.step.place()).collect();
            let (first, last) = (members[0], *members.last().unwrap());
            prop_assert!(session.commands.windows(2).all(|pair| rank(pair[0].verb) <= rank(pair[1].verb)));
            for member in &members {
                prop_assert!(*member == last || !(steps[*member].gate || steps[*member].goes_on));
                prop_assert!(steps[*member].reads.is_none_or(|read| read < first));
            }
            let waits = members.iter().any(|member| steps[*member].reads.is_some());
            prop_assert_eq!(session.request.is_none(), waits);
            // The cut before this session has a reason: with its first step, the session before it
            // would break a rule.
            if let Some((start, end)) = before {
                let must = steps[end].gate
                    || steps[end].goes_on
                    || steps[first].verb < steps[end].verb
                    || steps[first].reads.is_some_and(|read| read >= start);
                prop_assert!(must, "idle cut before step {first}");
            }
            before = Some((first, last));
        }
    }
}
