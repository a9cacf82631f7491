//! Runs against the emulator: what is done, what is left behind, what is never done twice.

use std::sync::Arc;

use tokio::sync::Notify;

use svar::driver::{Ending, InterruptSender, Interrupts, Observer, drive, read_journal};
use svar_engine::{EndState, Fact, FactBody, StepIndex};
use svar_plan::GivenInputs;

use super::world::{World, all_files, linux, play, watched};

const COLLECT: &str = r"playbook: 1
name: Collect
risk: read
os: linux
library:
  collect: { path: collect.sh }
targets: { tag: triage }
steps:
  - id: collect
    run: collect
    args: [alpha, 'b c']
    expect: { exit: 0, stdout: { contains: collected } }
  - id: notes
    get: /var/tmp/notes.txt
";

const SCRIPT: &str = r#"#!/bin/bash
mkdir -p "$SVAR_DEVICE_ROOT/var/tmp"
echo "notes of $1 and $2" > "$SVAR_DEVICE_ROOT/var/tmp/notes.txt"
echo "collected on purpose"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_runs_on_each_device_and_its_file_comes_home() {
    let world = World::of(linux(&["web-01.example.org", "web-02.example.org"])).await;
    world.script("collect.sh", SCRIPT);
    let ready = world.ready(COLLECT, &GivenInputs::default()).await;
    let driven = play(ready).await;
    let ends: Vec<EndState> = driven
        .fleet
        .devices()
        .filter_map(|device| device.end.map(|end| end.state))
        .collect();
    assert_eq!(driven.ending, Ending::Finished);
    assert_eq!(ends, [EndState::Ok, EndState::Ok]);
    let device = std::fs::read_dir(world.run().join("results"))
        .expect("results")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .find(|name| name.starts_with("web-01-"))
        .expect("a folder for web-01");
    assert_eq!(
        world.read(&format!("files/{device}/notes/notes.txt")),
        "notes of alpha and b c\n"
    );
    let record: serde_json::Value =
        serde_json::from_str(&world.read(&format!("results/{device}/collect.json"))).expect("JSON");
    assert_eq!(record["exit"], 0);
    assert_eq!(record["stdout"], "collected on purpose\n");
    assert_eq!(record["step"], "collect");
    assert_eq!(record["place"]["line"], 9);
    assert_eq!(record["judged"]["verdict"], "met");
    assert_eq!(world.ledger("session_started").await.len(), 2);
    let reading = read_journal(&world.run()).expect("a whole journal");
    assert!(driven.counters.syncs <= driven.counters.records);
    assert_eq!(reading.facts.len() as u64 + 1, driven.counters.records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_playbook_does_not_expect_fails_the_device() {
    let world = World::of(linux(&["web-01.example.org"])).await;
    world.script("collect.sh", "echo something else\nexit 3\n");
    let driven = play(world.ready(COLLECT, &GivenInputs::default()).await).await;
    let end = driven.fleet.devices().next().and_then(|device| device.end);
    let end = end.expect("it ended");
    assert_eq!(
        (end.state, end.step),
        (EndState::ExpectFailed, Some(StepIndex(0)))
    );
}

/// Says when so many facts have become durable.
struct After {
    left: usize,
    reached: Arc<Notify>,
}

impl Observer for After {
    fn on_fact(&mut self, _: &Fact) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.reached.notify_one();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_dropped_behind_any_record_goes_on_and_starts_nothing_twice() {
    for records in 1..=12 {
        let world = World::of(linux(&["web-01.example.org", "web-02.example.org"])).await;
        world.script("collect.sh", SCRIPT);
        let ready = world.ready(COLLECT, &GivenInputs::default()).await;
        let reached = Arc::new(Notify::new());
        let mut observer = After {
            left: records,
            reached: Arc::clone(&reached),
        };
        let (_interrupter, interrupts) = Interrupts::manual();
        tokio::select! {
            biased;
            () = reached.notified() => {}
            driven = drive(ready, interrupts, &mut observer) => {
                panic!("it went on behind record {records}: {driven:?}");
            }
        }
        let driven = play(world.resume(COLLECT, &GivenInputs::default()).await).await;
        let journal = world.read("journal.jsonl");
        assert_eq!(driven.ending, Ending::Finished, "{records}: {journal}");
        let tally = driven.fleet.tally();
        assert_eq!(tally.of(EndState::Ok), 2, "{records}: {journal}");
        let started = world.ledger("session_started").await;
        assert_eq!(started.len(), 2, "{records}: {journal}\n{started:#?}");
        let facts = read_journal(&world.run()).expect("whole").facts;
        assert!(facts.iter().any(|fact| fact.body == FactBody::Resumed));
    }
}

/// Interrupts when a fact of that name has become durable.
struct InterruptAt {
    interrupter: InterruptSender,
    name: &'static str,
    count: u8,
}

impl Observer for InterruptAt {
    fn on_fact(&mut self, fact: &Fact) {
        if fact.body.name() == self.name {
            for _ in 0..std::mem::take(&mut self.count) {
                self.interrupter.interrupt();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupts_stop_cancel_and_leave() {
    let rows = [
        ("nothing yet", 1, Ending::Interrupted, 0),
        ("action_began", 2, Ending::Finished, 1),
        ("start_accepted", 3, Ending::Quit, 1),
    ];
    for (name, count, ending, sessions) in rows {
        let world = World::of(linux(&["web-01.example.org"])).await;
        world.script("collect.sh", SCRIPT);
        let ready = world.ready(COLLECT, &GivenInputs::default()).await;
        let (interrupter, interrupts) = Interrupts::manual();
        if name == "nothing yet" {
            interrupter.interrupt();
        }
        let mut observer = InterruptAt {
            interrupter,
            name,
            count,
        };
        let driven = watched(ready, interrupts, &mut observer).await;
        assert_eq!(driven.ending, ending, "{count} interrupts at {name}");
        let started = world.ledger("session_started").await;
        assert_eq!(started.len(), sessions, "{count} interrupts at {name}");
        if count == 2 {
            let cancelled = driven.fleet.tally().of(EndState::Cancelled);
            assert_eq!(cancelled, 1, "{}", world.read("journal.jsonl"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_left_anywhere() {
    let world = World::of(linux(&["web-01.example.org"])).await;
    world.script(
        "leak.sh",
        "echo \"the token is $1\"; echo \"$1\" >&2\nexit 4\n",
    );
    let playbook = "playbook: 1\nname: Leak\nrisk: read\nos: linux\n\
        inputs:\n  token: { secret: true }\n\
        library:\n  leak: { path: leak.sh }\ntargets: { tag: triage }\n\
        steps:\n  - run: leak\n    args: ['${{ inputs.token }}']\n";
    let given = GivenInputs {
        arguments: vec![("token".to_owned(), "hush-4711-hush".to_owned())],
        ..GivenInputs::default()
    };
    let driven = play(world.ready(playbook, &given).await).await;
    assert_eq!(driven.ending, Ending::Finished);
    for secret in ["hush-4711-hush", svar_emulator::CLIENT_SECRET] {
        for (path, bytes) in all_files(&world.run()) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(secret), "{}: {text}", path.display());
        }
    }
    let results = all_files(&world.run().join("results"));
    let shown = results
        .iter()
        .any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("the token is ***"));
    assert!(shown, "the output is there, masked");
}
