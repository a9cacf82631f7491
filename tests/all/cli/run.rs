//! Whole runs on the built-in emulator: what people see, what stays on disk, the exit code.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use svar_engine::{Fact, FactBody, RequestIndex};

use super::builder::{DATE_TIME, Ended, Svar, fits};

/// Two servers, a clock that flies. Scripts run as fast as this computer does.
const FLEET: &str = "\
name: two servers
factor: 600
settings: { script_time_limit: 24 h }
devices:
  - { name: web-01.example.org, os: Linux, tags: [web] }
  - { name: web-02.example.org, os: Linux, tags: [web] }
";

const PLAYBOOK: &str = "\
playbook: 1
name: Ask and fetch
os: linux
risk: read
targets: { tag: web }
library:
  ask: { path: ask.sh }
steps:
  - id: ask
    run: ask
    expect: { exit: 0, stdout: { contains: ANSWERED } }
  - get: /var/tmp/answer.txt
";

const SCRIPT: &str = "#!/bin/bash\nset -eu\nmkdir -p \"${SVAR_DEVICE_ROOT:-}/var/tmp\"\n\
                      echo hello > \"${SVAR_DEVICE_ROOT:-}/var/tmp/answer.txt\"\necho ANSWERED\n";

fn svar(args: &str) -> Svar {
    Svar::new(args)
        .file("ask.yaml", PLAYBOOK)
        .file("ask.sh", SCRIPT)
        .file("fleet.yaml", FLEET)
}

fn run_folder(ended: &Ended) -> PathBuf {
    let root = ended.folder.path().join("svar-runs");
    let mut runs: Vec<PathBuf> = fs::read_dir(root)
        .expect("runs")
        .map(|entry| entry.expect("a run").path())
        .collect();
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

fn read_json(path: PathBuf) -> Value {
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_run_that_goes_well_tells_it_and_leaves_its_evidence() {
    let ended = svar("run ask.yaml --scenario fleet.yaml --case 118")
        .run()
        .code(0)
        .stdout("");
    let first = ended.stderr.lines().next().expect("a line");
    assert_eq!(
        first,
        "using the built-in emulator with fleet.yaml: no real device is touched"
    );
    assert!(
        ended.stderr.contains("\n2 devices: 2 ok\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains(" evidence  svar-runs/@RUN@/\n"),
        "{}",
        ended.stderr
    );

    let folder = run_folder(&ended);
    let summary = read_json(folder.join("summary.json"));
    assert_eq!(summary["version"], 1);
    assert_eq!(summary["state"], "finished");
    assert_eq!(summary["case"], "118");
    assert_eq!(summary["operator"], "alva");
    assert_eq!(summary["rehearsal"], true);
    let ends = summary["counts"].as_object().expect("a map");
    assert_eq!(ends.len(), 10, "all ten, always");
    assert_eq!(ends["ok"], 2);
    let total: u64 = ends.values().filter_map(Value::as_u64).sum();
    assert_eq!(total, 2, "they add up to the targets");

    for device in summary["devices"].as_array().expect("a list") {
        let commands = device["commands"].as_array().expect("a list");
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0]["exit"], 0);
        let path = commands[1]["path"].as_str().expect("a path");
        let file = fs::read_to_string(folder.join(path)).expect("the collected file");
        assert_eq!(file, "hello\n");
        assert_eq!(commands[1]["size"], 6);
    }
    assert!(folder.join("summary.txt").is_file());
    for name in [
        "run.json",
        "playbook.yaml",
        "inputs.json",
        "targets.json",
        "plan.json",
    ] {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

/// The hours begin two hours from now by the emulator's clock, which flies there in two seconds.
#[test]
fn a_run_outside_of_its_hours_says_when_they_begin_and_starts_nothing_before() {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let hour = |hours: i64| {
        let then = now.checked_add(jiff::Span::new().hours(hours));
        then.expect("a time").strftime("%H:00").to_string()
    };
    let hours = format!("{}-{}", hour(2), hour(3));
    let playbook = PLAYBOOK.replace("risk: read\n", &format!("risk: read\nwindow: {hours}\n"));
    let ended = svar("run ask.yaml --scenario fleet.yaml")
        .file("ask.yaml", &playbook)
        .file("fleet.yaml", FLEET.replace("factor: 600", "factor: 3600"))
        .run()
        .code(0);
    let begins = format!("outside {hours} UTC: no new sessions until ");
    assert!(ended.stderr.contains(&begins), "{}", ended.stderr);
    assert!(ended.stderr.contains("\n2 devices: 2 ok\n"));
    let journal = svar::driver::read_journal(&run_folder(&ended)).expect("a journal");
    let started = |fact: &&Fact| matches!(fact.body, FactBody::StartAnnounced { .. });
    let starts: Vec<String> = (journal.facts.iter().filter(started))
        .map(|fact| fact.at.to_string())
        .collect();
    assert!(starts.len() >= 2, "{starts:?}");
    for at in starts {
        assert_eq!(at[11..13], hour(2)[..2], "started at {at}");
    }
}

#[test]
fn a_failed_step_is_drawn_at_its_line_with_its_devices() {
    let ended = svar("run ask.yaml --scenario fleet.yaml")
        .file("ask.sh", "#!/bin/bash\necho nothing\nexit 3\n")
        .run()
        .code(1)
        .stdout("");
    let drawn = "    ╭─[ask.yaml:9:5]\n";
    assert_eq!(
        ended.stderr.matches(drawn).count(),
        1,
        "once, not per device\n{}",
        ended.stderr
    );
    let words: Vec<&str> = ended.stderr.split_whitespace().collect();
    let message = "error[step-failed]: step `ask` did not meet its expectation on 2 devices: \
                   web-01.example.org, web-02.example.org";
    assert!(words.join(" ").contains(message), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("     next  svar show @RUN@\n"),
        "{}",
        ended.stderr
    );
    let summary = read_json(run_folder(&ended).join("summary.json"));
    let failure = &summary["failures"][0];
    assert_eq!(failure["count"], 2);
    assert_eq!(failure["step"]["name"], "ask");
    assert_eq!(failure["step"]["line"], 9);
}

#[test]
fn json_is_the_summary_on_standard_output() {
    let ended = svar("run ask.yaml --scenario fleet.yaml --format json --quiet")
        .run()
        .code(0);
    let told = ended.json();
    assert_eq!(told["counts"]["ok"], 2);
    let folder = run_folder(&ended);
    let kept = fs::read_to_string(folder.join("summary.json")).expect("a summary");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["plan_digest"], told["plan_digest"]);
    assert_eq!(kept["devices"][0]["state"], told["devices"][0]["state"]);
}

#[test]
fn show_and_runs_tell_it_again() {
    let ended = svar("run ask.yaml --scenario fleet.yaml --quiet")
        .run()
        .code(0);
    let root = ended.folder.path().join("svar-runs");
    let again = |args: &str| {
        Svar::new(args)
            .arg("--runs")
            .arg(root.to_string_lossy())
            .run()
            .code(0)
            .stderr("")
    };
    let shown = again("show");
    assert!(shown.stdout.contains("2 devices: 2 ok"), "{}", shown.stdout);
    assert!(shown.stdout.contains("files/"), "{}", shown.stdout);
    let json = again("show --format json").json();
    let kept = read_json(run_folder(&ended).join("summary.json"));
    // The builder has put words for times and ids into what was printed.
    assert_eq!(json["counts"], kept["counts"]);
    assert_eq!(json["failures"], kept["failures"]);
    let listed = again("runs");
    assert_eq!(
        listed.stdout,
        "@RUN@  finished     2 devices  Ask and fetch\n"
    );
    let listed = again("runs --format json").json();
    assert_eq!(listed["runs"][0]["state"], "finished");
}

#[test]
fn a_run_with_a_secret_is_shown_without_it() {
    let playbook = PLAYBOOK
        .replace(
            "library:",
            "inputs:\n  token: { secret: true, pattern: '[a-z]+' }\nlibrary:",
        )
        .replace(
            "    run: ask\n",
            "    run: ask\n    args: [\"${{ inputs.token }}\"]\n",
        );
    let ended = svar("run ask.yaml --scenario fleet.yaml --quiet --input token=hush")
        .file("ask.yaml", playbook)
        .run()
        .code(0);
    let shown = ended.again("show").run().code(0).stderr("");
    assert!(shown.stdout.contains("2 devices: 2 ok"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("hush"), "{}", shown.stdout);
}

#[test]
fn a_finished_run_has_nothing_to_resume() {
    let ended = svar("run ask.yaml --scenario fleet.yaml --quiet")
        .run()
        .code(0);
    let root = ended.folder.path().join("svar-runs");
    let none = Svar::new("resume --runs")
        .arg(root.to_string_lossy())
        .run()
        .code(2);
    assert!(
        none.stderr.starts_with("error: no unfinished run in "),
        "{}",
        none.stderr
    );
    let folder = run_folder(&ended);
    let over = Svar::new("resume")
        .arg(folder.to_string_lossy())
        .run()
        .code(0);
    assert!(
        over.stderr.starts_with("run @RUN@ has already finished\n"),
        "{}",
        over.stderr
    );
}

#[test]
fn waves_that_leave_devices_out_are_refused_before_anything_is_sent() {
    let fleet = "\
name: two servers
devices:
  - { name: web-01.example.org, os: Linux, tags: [web] }
  - { name: web-02.example.org, os: Linux, tags: [web] }
";
    let playbook = PLAYBOOK.replace("targets:", "rollout: { waves: [1] }\ntargets:");
    for command in ["plan", "run"] {
        let ended = svar(&format!("{command} ask.yaml --scenario fleet.yaml"))
            .file("fleet.yaml", fleet)
            .file("ask.yaml", &playbook)
            .run()
            .code(2)
            .stdout("");
        let heading = "error[incomplete-waves]: the waves include only 1 of 2 devices\n";
        assert!(ended.stderr.contains(heading), "{}", ended.stderr);
        assert!(ended.stderr.contains("[ask.yaml:5:20]"), "{}", ended.stderr);
        assert!(!ended.folder.path().join("svar-runs").exists());
    }
}

#[test]
fn waves_and_the_fall_of_the_stop_rule_are_told_and_the_rule_can_be_asked() {
    let fleet = "\
name: three servers
factor: 600
devices:
  - { name: web-01.example.org, os: Linux, tags: [web] }
  - { name: web-02.example.org, os: Linux, tags: [web] }
  - { name: web-03.example.org, os: Linux, tags: [web] }
  - { name: web-04.example.org, os: Linux, tags: [web] }
";
    let playbook = PLAYBOOK
        .replace("  - get: /var/tmp/answer.txt\n", "")
        .replace(
            "targets:",
            "rollout:\n  waves: [1, 2, 100%]\n  stop_when: { failed: 50%, after: 2 }\ntargets:",
        );
    let script = "#!/bin/bash\necho ANSWERED\n[[ $HOSTNAME != web-02* ]]\n";
    let ended = svar("run ask.yaml --scenario fleet.yaml")
        .file("fleet.yaml", fleet)
        .file("ask.yaml", playbook)
        .file("ask.sh", script)
        .run()
        .code(1);
    let told: Vec<&str> = (ended.stderr.lines())
        .filter(|line| line.starts_with("wave ") || line.starts_with("stopped: "))
        .collect();
    assert_eq!(
        told,
        [
            "wave 1 of 3: up to 1 device in total",
            "wave 2 of 3: up to 2 devices in total",
            "stopped: 1 of 2 finished has failed, 50.0%; stops at 50%, counted from 2 on: the run \
             stops; no new sessions, running ones finish",
        ],
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("1 ok, 1 expect_failed, 2 not_started"),
        "{}",
        ended.stderr
    );
    let asked = ended.again("show --would-stop").run().code(0).stderr("");
    let words =
        r"\A1 of 2 finished has failed, 50\.0%; stops at 50%, counted from 2 on: the run stops$";
    fits(
        &asked.stdout,
        &format!(r"{words}\nstopped at {DATE_TIME}\n\z"),
    );
    let standing = asked
        .again("show --would-stop --format json")
        .run()
        .code(0)
        .json();
    assert_eq!(standing["failed"], 1);
    assert_eq!(standing["stops"], true);
    assert_eq!(standing["failures_left"], 0);
}

#[test]
fn bad_inputs_stop_before_anything_is_sent() {
    let svar = |args: &str| {
        Svar::new(args).file(
            "days.yaml",
            "playbook: 1\nname: Days\nos: linux\ninputs:\n  days: { type: int, max: 30 }\n\
             targets: { tag: web }\nsteps:\n  - get: /var/log/${{ inputs.days }}.log\n",
        )
    };
    let ended = svar("run days.yaml --input days=31").run().code(2);
    assert!(!ended.folder.path().join("svar-runs").exists());
    assert!(ended.stderr.contains("days"), "{}", ended.stderr);
    svar("run days.yaml --input days").run().code(2).stderr(
        "using the built-in emulator: no real device is touched\nerror: invalid value for \
         `--input`: expected NAME=VALUE\n  help: for example `--input days=7`; quote values that \
         contain spaces\n",
    );
    svar("run days.yaml --input days=7 --inputs none.yaml")
        .run()
        .code(2);
}

#[test]
fn a_playbook_with_errors_is_drawn_and_not_run() {
    let ended = Svar::new("run twice.yaml")
        .file(
            "twice.yaml",
            "playbook: 1\nname: A\nname: B\nsteps:\n  - get: /x\n",
        )
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("error[duplicate-key]"),
        "{}",
        ended.stderr
    );
    assert!(!ended.folder.path().join("svar-runs").exists());
}

#[test]
fn plan_by_id_asks_nobody_and_is_the_same_each_time() {
    let plan = |extra: &str| {
        svar(&format!(
            "plan ask.yaml --format json --target {} {extra}",
            "a1".repeat(20)
        ))
        .env("AZURE_TENANT_ID", "half-a-tenant")
        .run()
        .code(0)
        .stderr("")
    };
    let (one, two) = (plan(""), plan(""));
    assert_eq!(one.stdout, two.stdout);
    let document = one.json();
    assert_eq!(document["version"], 1);
    let device = &document["devices"][0];
    assert_eq!(device["id"], "a1".repeat(20));
    let commands = &device["sessions"][0]["request"]["Commands"];
    assert_eq!(commands[0]["type"], "RunScript");
    assert_eq!(commands[1]["params"][0]["value"], "/var/tmp/answer.txt");
    let other = plan("--limits current").json();
    assert_ne!(
        other["digest"], document["digest"],
        "limits are part of the plan"
    );
}

#[test]
fn plan_by_tag_asks_the_service() {
    let ended = svar("plan ask.yaml --scenario fleet.yaml").run().code(0);
    assert!(
        ended.stdout.contains("web-02.example.org"),
        "{}",
        ended.stdout
    );
    assert!(
        !ended.folder.path().join("svar-runs").exists(),
        "a plan leaves nothing"
    );
}
#[test]
fn the_main_job_works_from_a_fresh_checkout() {
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/triage-linux.yaml");
    let ended = Svar::new("run").arg(playbook).run().code(0).stdout("");
    let first = ended.stderr.lines().next().expect("a line");
    assert_eq!(
        first,
        "using the built-in emulator: no real device is touched"
    );
    let summary = read_json(run_folder(&ended).join("summary.json"));
    let devices = summary["devices"].as_array().expect("a list");
    assert!(devices.len() >= 4, "{}", ended.stderr);
    let has = |os: &str| {
        devices
            .iter()
            .filter(|device| {
                device["os"]
                    .as_str()
                    .is_some_and(|name| name.starts_with(os))
            })
            .count()
    };
    assert!(has("Linux") >= 3 && has("Windows") >= 1, "{}", ended.stderr);
}

#[test]
fn whoever_the_playbook_spares_is_spared_whatever_is_typed() {
    let careful = PLAYBOOK.replace(
        "targets: { tag: web }",
        "targets: { tag: web, exclude: { names: [web-01] }, expect: { min: 2, max: 2 } }",
    );
    let typed = |words: &str| {
        let svar = svar(&format!("run ask.yaml --scenario fleet.yaml --yes {words}"));
        svar.file("ask.yaml", &careful).run()
    };
    let ended = typed("--target tag:web").code(0);
    assert!(
        ended.stderr.contains("\n1 device: 1 ok\n"),
        "{}",
        ended.text()
    );
    assert!(!ended.stderr.contains("web-01"), "{}", ended.text());

    let ended = typed("--target web-01").code(2);
    assert!(
        ended.stderr.contains("the targets match no devices"),
        "{}",
        ended.text()
    );

    let unbounded = PLAYBOOK.replace("{ tag: web }", "{ tag: web, expect: { max: 1 } }");
    let ended = (svar("run ask.yaml --scenario fleet.yaml --target tag:web"))
        .file("ask.yaml", unbounded)
        .run()
        .code(2);
    assert!(ended.stderr.contains("2 devices"), "{}", ended.text());
}

#[test]
fn a_plan_by_id_says_what_it_can_not_know_of_an_exclusion() {
    let spared = "b2".repeat(20);
    let careful = PLAYBOOK.replace(
        "targets: { tag: web }",
        &format!("targets: {{ tag: web, exclude: {{ tag: crown-jewels, ids: [{spared}] }} }}"),
    );
    let ended = svar(&format!(
        "plan ask.yaml --format json --target {} --target {spared}",
        "a1".repeat(20)
    ))
    .file("ask.yaml", careful)
    .run()
    .code(0)
    .stderr("note: `exclude` by tag, group or name is resolved at run time\n");
    let devices = ended.json()["devices"].as_array().unwrap().len();
    assert_eq!(devices, 1, "an id that is excluded by its id is out");
}

#[test]
fn a_template_without_a_value_is_drawn_at_its_step() {
    let playbook = PLAYBOOK.replace(
        "  - get: /var/tmp/answer.txt\n",
        "  - get: /var/tmp/answer.txt\n    when: steps.ask.json.found > 5\n",
    );
    let ended = (svar("run ask.yaml --scenario fleet.yaml").file("ask.yaml", playbook))
        .run()
        .code(1);
    assert!(
        ended.stderr.contains("╭─[ask.yaml:12:5]\n"),
        "{}",
        ended.text()
    );
    let summary = read_json(run_folder(&ended).join("summary.json"));
    assert_eq!(
        summary["failures"][0]["step"]["name"], "step-2",
        "{summary}"
    );
}

#[test]
fn a_step_that_took_too_long_is_drawn_with_its_limit() {
    let playbook = PLAYBOOK
        .replace("    run: ask\n", "    run: ask\n    timeout: 3m\n")
        .replace("  - get: /var/tmp/answer.txt\n", "");
    let fleet = "factor: 600\nsettings: { cancel_release_delay: 0 }\ndevices:\n  - { name: web-01.example.org, os: Linux, \
                 tags: [web], outcomes: [{ script: ask.sh, stdout: ANSWERED, duration: 9 min }] }\n";
    let ended = svar("run ask.yaml --scenario slow.yaml")
        .file("ask.yaml", playbook)
        .file("slow.yaml", fleet)
        .run()
        .code(1);
    let words: Vec<&str> = ended.stderr.split_whitespace().collect();
    let words = words.join(" ");
    assert!(
        words.contains("it took longer than its timeout of 3m"),
        "{words}"
    );
    assert!(
        ended.stderr.contains("╭─[ask.yaml:9:5]\n"),
        "{}",
        ended.text()
    );
}

/// Runs a script of that many minutes with a `timeout` and then `get` with one, in one session.
fn timed(minutes: u32, of_script: &str, of_get: &str) -> (Ended, Vec<Fact>) {
    let get = "  - get: /var/tmp/answer.txt\n";
    let playbook = PLAYBOOK
        .replace(
            "    run: ask\n",
            &format!("    run: ask\n    timeout: {of_script}\n"),
        )
        .replace(get, &format!("{get}    timeout: {of_get}\n"));
    let fleet = format!(
        "factor: 300\nsettings: {{ cancel_release_delay: 0 }}\ndevices:\n  - {{ name: web-01.example.org, os: Linux, \
         tags: [web], files: [{{ path: /var/tmp/answer.txt, text: hello }}], wrapup_delay: {{ min: 600, max: 600 }}, \
         outcomes: [{{ script: ask.sh, stdout: ANSWERED, duration: {minutes} min }}] }}\n"
    );
    let ended = svar("run ask.yaml --scenario slow.yaml")
        .file("ask.yaml", playbook)
        .file("slow.yaml", fleet)
        .run();
    let journal = fs::read_to_string(run_folder(&ended).join("journal.jsonl")).expect("a journal");
    let facts = journal
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let facts = facts.collect();
    (ended, facts)
}

#[test]
fn a_step_over_its_own_time_takes_its_session_with_it() {
    let (ended, facts) = timed(9, "4m", "1h");
    let ended = ended.code(1);
    let summary = read_json(run_folder(&ended).join("summary.json"));
    assert_eq!(
        summary["failures"][0]["step"]["name"], "ask",
        "{summary:#}\n{facts:#?}"
    );
    let began = facts
        .iter()
        .find(|fact| matches!(fact.body, FactBody::ActionBegan { .. }));
    let cancelled = facts
        .iter()
        .find(|fact| matches!(fact.body, FactBody::CancelAnnounced { .. }));
    let (began, cancelled) = (began.expect("it began").at, cancelled.expect("a cancel").at);
    let after = cancelled.since(began).as_secs();
    assert!(after >= 240, "cancelled {after} s after it began");
    let fetched = |fact: &Fact| {
        matches!(
            fact.body,
            FactBody::ResultFetched {
                index: RequestIndex(1),
                ..
            }
        )
    };
    assert!(!facts.iter().any(fetched), "the second step was done");
}

#[test]
fn a_step_within_its_own_time_is_left_alone_however_long_its_session_takes() {
    let (ended, facts) = timed(9, "10m", "5m");
    ended.code(0);
    let at_second = |fact: &Fact| matches!(fact.body, FactBody::CommandReached { index, .. } if index > RequestIndex(0));
    assert!(facts.iter().any(at_second), "{facts:#?}");
}
