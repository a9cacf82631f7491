//! What reports say of a run, from its plan and its facts.

use std::sync::Arc;
use std::time::Duration;

use svar::report::{self, Evidence, OutputStyle, ReportHeader};
use svar_engine::{
    Attempt, CommandEnd, CommandIndex, DeviceIndex, EndState, Fact, FactBody, Fleet, Refusal,
    RequestIndex, ResultSummary, SentCommand, SessionIndex, tag_of,
};
use svar_language::playbook::{self, NoFiles};
use svar_language::source::SourceText;
use svar_plan::{Inputs, Limits, LimitsProfile, Plan, RunNames, Target, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId, RunId};
use svar_wire::{ActionStatus, CommandStatus};

const PLAYBOOK: &str = "\
playbook: 1
name: Ask and fetch
os: linux
rollout: { stop_when: { failed: 100%, after: 1000 } }
steps:
  - id: ask
    run: ask.sh
    expect: { exit: 0 }
  - id: fetch
    get: /var/tmp/answer.txt
cleanup:
  - run: tidy.sh
";

const BEGUN: Moment = Moment::from_millis(1_770_000_000_000);

/// A run whose facts are told one by one.
struct Story {
    plan: Arc<Plan>,
    run: RunId,
    facts: Vec<Fact>,
    now: Moment,
    actions: u32,
}

impl Story {
    fn with(names: &[&str]) -> Self {
        Story::of(PLAYBOOK, names)
    }

    fn of(playbook: &str, names: &[&str]) -> Self {
        let source = SourceText::new("playbooks/ask.yaml", playbook);
        let loaded = playbook::load(&source, &NoFiles);
        let targets = names.iter().enumerate().map(|(place, name)| Target {
            id: DeviceId::parse(&format!("{place:040x}")).unwrap(),
            name: Some((*name).to_owned()),
            os: Some("Linux".to_owned()),
            tags: Vec::new(),
            group: None,
            reason: "by hand".to_owned(),
        });
        let inputs = Inputs::merge(&loaded, &svar_plan::GivenInputs::default()).unwrap();
        let compiled = svar_plan::compile(
            &loaded,
            &NoFiles,
            &inputs,
            targets.collect(),
            &RunNames::default(),
            &Limits::of(LimitsProfile::Safe),
        )
        .unwrap();
        Story {
            plan: Arc::clone(compiled.plan()),
            run: RunId::parse("20260201-120000-abcdef").unwrap(),
            facts: Vec::new(),
            now: BEGUN,
            actions: 0,
        }
    }

    fn tell(&mut self, device: u32, body: FactBody) {
        self.now = self.now + Duration::from_secs(10);
        self.facts.push(Fact {
            at: self.now,
            device: Some(DeviceIndex(device)),
            body,
        });
    }

    /// A start that the service takes.
    fn start(&mut self, device: u32, session: u16) -> ActionId {
        self.start_again(device, session, 0)
    }

    /// Start `attempt` of a session, counted from 0.
    fn start_again(&mut self, device: u32, session: u16, attempt: u16) -> ActionId {
        let commands = self.all_of(session);
        self.start_with(device, session, attempt, commands)
    }

    /// All commands of a session, in their first try.
    fn all_of(&self, session: u16) -> Vec<SentCommand> {
        let session = SessionIndex(session).of(&self.plan.devices[0].sessions);
        let sent =
            CommandIndex::enumerate(&session.commands).map(|(command, planned)| SentCommand {
                step: planned.step,
                command,
                retry: 0,
                verb: planned.verb,
                file: None,
            });
        sent.collect()
    }

    fn start_with(
        &mut self,
        device: u32,
        session: u16,
        attempt: u16,
        commands: Vec<SentCommand>,
    ) -> ActionId {
        let id = self.plan.devices[device as usize].target.id.clone();
        let tag = tag_of(&self.run, &id, SessionIndex(session), Attempt(attempt));
        self.tell(
            device,
            FactBody::StartAnnounced {
                session: SessionIndex(session),
                attempt: Attempt(attempt),
                tag,
                commands,
            },
        );
        self.actions += 1;
        let action = ActionId::parse(&format!("action-{}", self.actions)).unwrap();
        self.tell(
            device,
            FactBody::StartAccepted {
                session: SessionIndex(session),
                attempt: Attempt(attempt),
                action: action.clone(),
                adopted: false,
            },
        );
        action
    }

    /// The service's queue gives the session back: its device never took it.
    fn given_back(&mut self, device: u32, action: &ActionId) {
        let command = |index| CommandEnd {
            index,
            status: CommandStatus::Created,
            error: None,
            named: None,
        };
        let body = FactBody::ActionEnded {
            action: action.clone(),
            status: ActionStatus::TimeOut,
            commands: vec![command(RequestIndex(0)), command(RequestIndex(1))],
            expired: true,
        };
        self.tell(device, body);
    }

    fn ended(&mut self, device: u32, action: &ActionId, commands: &[Option<&str>]) {
        let failed = commands.iter().any(Option::is_some);
        let commands = commands.iter().zip(0..).map(|(error, index)| CommandEnd {
            index: RequestIndex(index),
            status: match error {
                Some(_) => CommandStatus::Failed,
                None => CommandStatus::Completed,
            },
            error: error.map(str::to_owned),
            named: None,
        });
        let body = FactBody::ActionEnded {
            action: action.clone(),
            status: match failed {
                true => ActionStatus::Failed,
                false => ActionStatus::Succeeded,
            },
            commands: commands.collect(),
            expired: false,
        };
        self.tell(device, body);
    }

    /// The result of a script that is as expected, at an index of its request.
    fn script_at(&mut self, device: u32, action: &ActionId, index: u16) {
        let body = FactBody::ResultFetched {
            action: action.clone(),
            index: RequestIndex(index),
            result: ResultSummary::Script {
                exit: Some(1),
                path: format!("results/{device}/{index}.json"),
                sha256_wire: "aa".repeat(32),
            },
            verdict: Verdict::Met,
        };
        self.tell(device, body);
    }

    fn script(&mut self, device: u32, action: &ActionId, exit: i64, not_met: Option<&str>) {
        let body = FactBody::ResultFetched {
            action: action.clone(),
            index: RequestIndex(0),
            result: ResultSummary::Script {
                exit: Some(exit),
                path: format!("results/{device}/ask.json"),
                sha256_wire: "aa".repeat(32),
            },
            verdict: match not_met {
                None => Verdict::Met,
                Some(why) => Verdict::NotMet {
                    why: why.to_owned(),
                },
            },
        };
        self.tell(device, body);
    }

    fn file(&mut self, device: u32, action: &ActionId) {
        let body = FactBody::ResultFetched {
            action: action.clone(),
            index: RequestIndex(1),
            result: ResultSummary::File {
                path: format!("files/{device}/answer.txt"),
                size: 12_345,
                sha256: "bb".repeat(32),
                sha256_wire: "cc".repeat(32),
            },
            verdict: Verdict::Met,
        };
        self.tell(device, body);
    }

    fn cleanup(&mut self, device: u32) {
        let action = self.start(device, 1);
        self.ended(device, &action, &[None]);
        self.script(device, &action, 0, None);
    }

    fn goes_well(&mut self, device: u32) {
        let action = self.start(device, 0);
        self.ended(device, &action, &[None, None]);
        self.script(device, &action, 0, None);
        self.file(device, &action);
        self.cleanup(device);
    }

    fn answers_wrongly(&mut self, device: u32, why: &str) {
        let action = self.start(device, 0);
        self.ended(device, &action, &[None, None]);
        self.script(device, &action, 3, Some(why));
        self.file(device, &action);
        self.cleanup(device);
    }

    #[track_caller]
    fn evidence(&self) -> Evidence {
        let fleet = Fleet::replay(&self.run, Arc::clone(&self.plan), BEGUN, &self.facts)
            .expect("the story is one that can happen");
        let header = ReportHeader {
            run: self.run.clone(),
            svar: "0.1.0".to_owned(),
            playbook: self.plan.name.clone(),
            file: self.plan.file.clone(),
            digest: self.plan.digest.clone(),
            service: "built-in emulator".to_owned(),
            rehearsal: true,
            operator: "alva".to_owned(),
            case: String::new(),
            started: BEGUN,
        };
        Evidence::gather(header, &self.plan, &self.facts, fleet.devices())
    }
}

#[test]
fn a_run_is_told_whole() {
    let mut story = Story::with(&[
        "web-01.example.org",
        "web-02.example.org",
        "db-01.example.org",
    ]);
    story.goes_well(0);
    story.answers_wrongly(1, "exit code 3, expected 0");
    let action = story.start(2, 0);
    story.ended(2, &action, &[None, Some("no such file")]);
    story.script(2, &action, 0, None);
    story.cleanup(2);
    let evidence = story.evidence();

    assert!(evidence.is_finished());
    insta::assert_snapshot!(
        "a_run_is_told_whole",
        report::text(&evidence, OutputStyle::FILE).replace(&evidence.header.digest, "@DIGEST@")
    );
}

#[test]
fn the_ten_ends_add_up_whatever_happened() {
    let mut story = Story::with(&["a", "b", "c", "d"]);
    story.goes_well(0);
    story.answers_wrongly(1, "exit code 3, expected 0");
    // The third is left in the middle, the fourth was never begun.
    story.start(2, 0);
    let evidence = story.evidence();

    assert!(!evidence.is_finished());
    let sums = evidence.counts();
    assert_eq!(sums.len(), 10);
    assert_eq!(sums.iter().map(|(_, count)| count).sum::<usize>(), 4);
    let of = |state| sums.iter().find(|(other, _)| *other == state).unwrap().1;
    assert_eq!(of(EndState::Ok), 1);
    assert_eq!(of(EndState::ExpectFailed), 1);
    assert_eq!(of(EndState::Unknown), 1);
    assert_eq!(of(EndState::NotStarted), 1);
    // What was begun on the third is not put back.
    assert_eq!(evidence.cleanup_owed(), 1);
    assert!(!evidence.is_ok());
    let summary = report::summary(&evidence);
    assert_eq!(summary["state"], "interrupted");
    assert_eq!(summary["counts"].as_object().unwrap().len(), 10);
    assert_eq!(summary["cleanup_owed"], 1);
}

#[test]
fn a_session_that_the_queue_gave_back_is_no_step_and_leaves_no_debt() {
    let mut story = Story::with(&["a", "b"]);
    let action = story.start(0, 0);
    story.given_back(0, &action);
    let action = story.start_again(0, 0, 1);
    story.ended(0, &action, &[None, None]);
    story.script(0, &action, 0, None);
    story.file(0, &action);
    story.cleanup(0);
    // The other one did not get another start.
    let action = story.start(1, 0);
    story.given_back(1, &action);
    let evidence = story.evidence();

    let rows = report::rows(&evidence, OutputStyle::FILE);
    assert!(
        rows.contains("ok          3 steps, 1 file (12.3 kB), "),
        "{rows}"
    );
    assert!(
        rows.ends_with("unfinished  nothing has run on it yet\n"),
        "{rows}"
    );
    assert_eq!(evidence.cleanup_owed(), 0);
}

#[test]
fn the_same_failure_is_one_group_whatever_the_numbers() {
    let mut story = Story::with(&["a", "b", "c", "d", "e", "f"]);
    story.answers_wrongly(0, "standard output has 17 lines: the output is `one`");
    story.answers_wrongly(1, "exit code 3, expected 0");
    for device in 2..6 {
        story.answers_wrongly(
            device,
            &format!("standard output has {device} lines: the output is `{device}`"),
        );
    }
    let evidence = story.evidence();

    let failures = evidence.failures();
    let shape: Vec<(usize, &str)> = (failures.iter())
        .map(|failure| (failure.devices.len(), failure.why.as_str()))
        .collect();
    assert_eq!(
        shape,
        [
            (5, "standard output has 17 lines: the output is `one`"),
            (1, "exit code 3, expected 0")
        ]
    );
    let step = failures[0].step.as_ref().unwrap();
    assert_eq!(step.location(), "playbooks/ask.yaml:6:5");
    let drawn = report::failures(&evidence, OutputStyle::FILE, &|_, names| {
        Some(names.to_owned())
    });
    assert!(
        drawn.contains("5 devices: a, c, d, e and 1 more"),
        "{drawn}"
    );
}

#[test]
fn a_refused_start_is_told_without_a_step() {
    let mut story = Story::with(&["a"]);
    let device = story.plan.devices[0].target.id.clone();
    let tag = tag_of(&story.run, &device, SessionIndex(0), Attempt(0));
    let commands = story.all_of(0);
    story.tell(
        0,
        FactBody::StartAnnounced {
            session: SessionIndex(0),
            attempt: Attempt(0),
            tag,
            commands,
        },
    );
    let refusal = Refusal {
        status: 403,
        code: "DisallowedOperation".to_owned(),
        message: "not \u{1b}[31mhere\u{7}".to_owned(),
        target: None,
        retry_after_ms: None,
    };
    story.tell(
        0,
        FactBody::StartRefused {
            session: SessionIndex(0),
            attempt: Attempt(0),
            refusal,
        },
    );
    let evidence = story.evidence();

    assert_eq!(evidence.devices[0].end, EndState::Failed);
    assert_eq!(evidence.cleanup_owed(), 0, "nothing was begun");
    let text = report::text(&evidence, OutputStyle::FILE);
    assert!(text.contains("DisallowedOperation"), "{text}");
    assert!(
        !text.contains(|letter: char| letter.is_control() && letter != '\n'),
        "{text:?}"
    );
}

#[test]
fn a_hostile_name_and_a_hostile_reason_are_harmless() {
    let mut story = Story::with(&["ev\u{1b}]0;il\u{7}.example.org\u{202e}"]);
    story.answers_wrongly(0, "it says \u{1b}[2J\u{9b}31mgone\r\nand on");
    let evidence = story.evidence();

    let output = OutputStyle {
        color: false,
        unicode: false,
        width: 60,
    };
    let all = [
        report::text(&evidence, output),
        report::rows(&evidence, output),
        report::failures(&evidence, output, &|_, _| None),
        report::summary(&evidence).to_string(),
    ]
    .concat();
    let acts = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
    assert!(!all.contains(acts), "{all:?}");
    assert!(all.contains("<U+001B>"), "{all}");
}

#[test]
fn a_large_fleet_shows_only_what_is_not_ok() {
    let names: Vec<String> = (0..100).map(|number| format!("m{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::with(&names);
    for device in 0..100 {
        match device % 2 {
            0 => story.goes_well(device),
            _ => story.answers_wrongly(device, "exit code 3, expected 0"),
        }
    }
    let evidence = story.evidence();

    let rows = report::rows(&evidence, OutputStyle::FILE);
    assert_eq!(rows.lines().count(), 31, "{rows}");
    assert!(!rows.contains("m000"), "{rows}");
    assert!(
        rows.ends_with("and 20 more devices: see summary.txt\n"),
        "{rows}"
    );
    assert_eq!(
        report::totals(&evidence, OutputStyle::FILE),
        "100 devices: 50 ok, 50 expect_failed"
    );
}

#[test]
fn a_terminal_that_shows_ascii_alone_gets_nothing_else() {
    let mut story = Story::with(&["a-server-with-a-rather-long-name.department.example.org"]);
    story.answers_wrongly(0, &"a long and winding reason ".repeat(20));
    let evidence = story.evidence();

    let output = OutputStyle {
        unicode: false,
        width: 80,
        ..OutputStyle::FILE
    };
    let rows = report::rows(&evidence, output);
    assert!(rows.contains("a-server-with-a-rather-..."), "{rows}");
    for text in [rows, report::text(&evidence, output)] {
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("..."), "{text}");
    }
}

#[test]
fn rows_keep_to_the_width() {
    let mut story = Story::with(&["a-server-with-a-rather-long-name.department.example.org"]);
    story.answers_wrongly(0, &"a long and winding reason ".repeat(20));
    let evidence = story.evidence();

    let output = OutputStyle {
        width: 80,
        ..OutputStyle::FILE
    };
    for line in report::rows(&evidence, output).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

const RETRIED: &str = "\
playbook: 1
name: Try again
os: linux
steps:
  - id: prepare
    run: prepare.sh
  - id: flaky
    run: flaky.sh
    retry: { max: 1 }
";

#[test]
fn a_command_that_is_tried_again_is_told_as_its_own_step() {
    let mut story = Story::of(RETRIED, &["a"]);
    let action = story.start(0, 0);
    story.ended(0, &action, &[None, Some("no such file")]);
    story.script(0, &action, 0, None);
    story.script_at(0, &action, 1);
    let mut again = story.all_of(0).split_off(1);
    again[0].retry = 1;
    let action = story.start_with(0, 0, 1, again);
    story.ended(0, &action, &[Some("no such file")]);
    story.script(0, &action, 1, None);
    let evidence = story.evidence();

    let device = &evidence.devices[0];
    let told: Vec<_> = (device.commands.iter())
        .map(|command| (command.step.as_str(), command.error.is_some()))
        .collect();
    assert_eq!(told, [("prepare", false), ("flaky", true), ("flaky", true)]);
    assert_eq!(device.step.as_ref().unwrap().name, "flaky");
}

#[test]
fn an_answer_that_does_not_fit_what_was_sent_is_no_steps_evidence() {
    let mut story = Story::with(&["a"]);
    let action = story.start(0, 0);
    let body = FactBody::ActionEnded {
        action,
        status: ActionStatus::Failed,
        commands: vec![CommandEnd {
            index: RequestIndex(1),
            status: CommandStatus::Failed,
            error: Some("no such file".to_owned()),
            named: Some("RunScript ask.sh".to_owned()),
        }],
        expired: false,
    };
    story.tell(0, body);
    let evidence = story.evidence();

    let device = &evidence.devices[0];
    assert!(
        device
            .commands
            .iter()
            .all(|command| command.error.is_none())
    );
    let told: Vec<_> = (device.commands.iter())
        .map(|command| (command.step.as_str(), command.missing.as_deref().unwrap()))
        .collect();
    let mismatch = "the service's answer does not match what was sent";
    assert_eq!(
        told,
        [
            ("ask", &*format!("{mismatch}: it leaves out command 0")),
            (
                "fetch",
                &*format!("{mismatch}: its command 1 is RunScript ask.sh")
            ),
        ]
    );
}
