//! `svar check`: which files, what is said, which code it ends with. What each rule finds is shown
//! by the cases of the room `playbook`.

use super::builder::Svar;

const GOOD: &str = "playbook: 1\nname: Fetch\nos: linux\nsteps:\n  - get: /etc/hostname\n";
const TWICE: &str = "playbook: 1\nname: Fetch\nname: Again\nsteps:\n  - get: /etc/hostname\n";

#[test]
fn a_good_playbook_is_told_in_one_line() {
    Svar::new("check good.yaml")
        .file("good.yaml", GOOD)
        .run()
        .code(0)
        .stdout("")
        .stderr("1 playbook: no findings\n");
}

#[test]
fn an_error_is_drawn_at_its_bytes() {
    Svar::new("check twice.yaml")
        .file("twice.yaml", TWICE)
        .run()
        .code(2)
        .stdout("")
        .stderr(
            "\
error[duplicate-key]: the key `name` is given twice
   ╭─[twice.yaml:3:1]
 1 │ playbook: 1
 2 │ name: Fetch
   · ──┬─
   ·   ╰── first value
 3 │ name: Again
   · ──┬─
   ·   ╰── second value
 4 │ steps:
   ╰────
  help: keep one of them; put several entries of the same kind into a list

1 playbook: 1 error
",
        );
}

#[test]
fn a_dumb_terminal_gets_ascii() {
    let ended = Svar::new("check twice.yaml")
        .file("twice.yaml", TWICE)
        .env("TERM", "dumb")
        .run()
        .code(2);
    assert!(ended.stderr.is_ascii(), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("[twice.yaml:3:1]"),
        "{}",
        ended.stderr
    );
}

#[test]
fn colour_is_there_when_asked_for_only() {
    let colored = |svar: Svar| {
        svar.file("twice.yaml", TWICE)
            .run()
            .code(2)
            .stderr
            .contains('\u{1b}')
    };
    assert!(!colored(Svar::new("check twice.yaml")));
    assert!(colored(Svar::new("check twice.yaml --color always")));
    assert!(colored(
        Svar::new("check twice.yaml").env("CLICOLOR_FORCE", "1")
    ));
    assert!(!colored(
        Svar::new("check twice.yaml --color never").env("CLICOLOR_FORCE", "1")
    ));
    assert!(!colored(
        Svar::new("check twice.yaml")
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", "1")
    ));
}

#[test]
fn json_goes_to_standard_output_and_is_all_there_is() {
    let ended = Svar::new("check twice.yaml --format json")
        .file("twice.yaml", TWICE)
        .run()
        .code(2)
        .stderr("");
    let report = ended.json();
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(finding["code"], "duplicate-key");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["file"], "twice.yaml");
    assert_eq!(
        [
            &finding["line"],
            &finding["column"],
            &finding["end_line"],
            &finding["end_column"]
        ],
        [3, 1, 3, 5]
    );
    assert!(finding["message"].is_string() && finding["help"].is_string());
}

#[test]
fn json_of_a_good_playbook_is_an_empty_list() {
    Svar::new("check good.yaml --format json")
        .file("good.yaml", GOOD)
        .run()
        .code(0)
        .stdout("{\"version\":1,\"findings\":[]}\n")
        .stderr("");
}

#[test]
fn folders_are_searched_for_playbooks() {
    Svar::new("check .")
        .file("one.yaml", GOOD)
        .file("deep/er/two.yml", GOOD)
        .file("ci/workflow.yaml", "name: CI\njobs: {}\n")
        .file("fleet.yaml", "factor: 60\ndevices: []\n")
        .file(".hidden/three.yaml", TWICE)
        .file("runs/r1/journal.jsonl", "")
        .file("runs/r1/playbook.yaml", TWICE)
        .file("readme.md", "playbook: 1\n")
        .run()
        .code(0)
        .stderr("2 playbooks, 1 scenario: no findings, 1 other YAML file skipped\n");
}

#[test]
fn a_playbook_whose_first_key_is_misspelt_is_not_passed_over() {
    let ended = Svar::new("check .")
        .file("slip.yaml", "playbok: 1\nsteps:\n  - get: /etc/hostname\n")
        .run()
        .code(2);
    assert!(ended.stderr.contains("slip.yaml"), "{}", ended.stderr);
}

#[test]
fn many_files_are_told_in_their_order() {
    let mut svar = Svar::new("check . --format json");
    for number in 0..60 {
        svar = svar.file(&format!("{number:02}.yaml"), TWICE);
    }
    let report = svar.run().code(2).json();
    let files: Vec<String> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| finding["file"].as_str().expect("a name").to_owned())
        .collect();
    let expected: Vec<String> = (0..60).map(|number| format!("{number:02}.yaml")).collect();
    assert_eq!(files, expected);
}

#[test]
fn a_file_named_twice_is_checked_once() {
    Svar::new("check good.yaml ./good.yaml .")
        .file("good.yaml", GOOD)
        .run()
        .code(0)
        .stderr("1 playbook: no findings\n");
}

#[test]
fn standard_input_is_read() {
    let ended = Svar::new("check -").stdin(TWICE).run().code(2);
    assert!(ended.stderr.contains("[<stdin>:3:1]"), "{}", ended.stderr);
}

#[test]
fn a_missing_path_is_a_finding_among_others() {
    Svar::new("check nowhere.yaml").run().code(2).stdout("").stderr(
        "error[unreadable-file]: `nowhere.yaml` does not exist\n  help: check the path; it is relative \
         to the working folder\n\n1 unreadable path: 1 error\n",
    );
    let ended = Svar::new("check nowhere.yaml twice.yaml not/here good.yaml")
        .file("twice.yaml", TWICE)
        .file("good.yaml", GOOD)
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("[twice.yaml:3:1]"),
        "{}",
        ended.text()
    );
    assert!(
        (ended.stderr).ends_with("\n2 playbooks, 2 unreadable paths: 3 errors\n"),
        "{}",
        ended.text()
    );
    let report = ended
        .again("check nowhere.yaml twice.yaml --format json")
        .run()
        .code(2)
        .stderr("")
        .json();
    let codes = [0, 1].map(|number| report["findings"][number]["code"].clone());
    assert_eq!(codes, ["unreadable-file", "duplicate-key"]);
    assert_eq!(report["findings"][0]["file"], "nowhere.yaml");
}

#[test]
fn a_folder_without_playbooks_is_refused() {
    Svar::new("check .").run().code(2).stderr(
        "error[unreadable-file]: no YAML files in `.`\n  help: use the path of a playbook, or of a \
         folder with playbooks\n\n1 unreadable path: 1 error\n",
    );
    Svar::new("check .").file("ci.yaml", "jobs: {}\n").run().code(2).stderr(
        "error: no playbooks found in `.`\n  help: a playbook starts with `playbook: 1`; files named on \
         the command line are always checked\n",
    );
}

/// Whoever opens a pipe that nobody writes to waits for ever.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_only_where_the_shell_has_opened_it() {
    let refused = "error[unreadable-file]: `pipe.yaml` is a pipe or a device, not a file\n";
    for args in [
        "check pipe.yaml",
        "run pipe.yaml",
        "run good.yaml --inputs pipe.yaml",
        "run good.yaml --scenario pipe.yaml",
    ] {
        let svar = Svar::new(args).file("good.yaml", GOOD);
        make_pipe(&svar, "pipe.yaml");
        let ended = svar.run().code(2);
        assert!(ended.stderr.contains(refused), "{args}: {}", ended.text());
    }
    let ended = Svar::new("check /dev/stdin").stdin(TWICE).run().code(2);
    assert!(
        ended.stderr.contains("[/dev/stdin:3:1]"),
        "{}",
        ended.text()
    );

    let svar = Svar::new("check").file("good.yaml", GOOD);
    let status = std::process::Command::new("bash")
        .args(["-c", "\"$0\" check <(cat good.yaml)"])
        .arg(svar.command().get_program())
        .current_dir(svar.folder())
        .status();
    assert!(status.expect("bash").success());
}

#[cfg(unix)]
fn make_pipe(svar: &Svar, name: &str) {
    let path = svar.folder().join(name);
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

#[test]
fn a_file_that_is_not_utf8_is_a_finding_among_others() {
    let ended = Svar::new("check . --format json")
        .file("a.yaml", b"playbook: 1\nname: \xff\n")
        .file("b.yaml", TWICE)
        .run()
        .code(2);
    let report = ended.json();
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert_eq!(codes, ["not-utf8", "duplicate-key"]);
    assert_eq!(report["findings"][0]["line"], 2);
    assert_eq!(report["findings"][0]["column"], 7);
}

#[test]
fn escape_codes_of_a_playbook_do_not_reach_the_terminal() {
    let ended = Svar::new("check evil.yaml")
        .file(
            "evil.yaml",
            "playbook: 1\nna\u{9b}31mme: x\nsteps:\n  - get: \"\\e[2J\"\n",
        )
        .run()
        .code(2);
    let raw = |c: char| c.is_control() && c != '\n';
    assert!(!ended.stderr.contains(raw), "{:?}", ended.stderr);
}

#[test]
fn everything_in_playbooks_is_clean() {
    let playbooks = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks");
    Svar::new("check --deny warnings")
        .arg(playbooks)
        .run()
        .code(0);
}

#[test]
fn denied_warnings_end_like_errors() {
    let text = format!("{GOOD}inputs:\n  nobody_reads_this: {{ default: 1 }}\n");
    let svar = |args: &str| Svar::new(args).file("warn.yaml", &text).run();
    let ended = svar("check warn.yaml").code(0);
    assert!(ended.stderr.contains("warning["), "{}", ended.text());
    assert!(
        ended.stderr.ends_with("1 playbook: 1 warning\n"),
        "{}",
        ended.stderr
    );
    svar("check warn.yaml --deny warnings").code(2);
}

#[test]
fn scenarios_are_checked_beside_playbooks() {
    let folder = Svar::new("check .")
        .file("fetch.yaml", "playbook: 1\nsteps:\n  - get: /etc/hosts\n")
        .file(
            "fleet.yaml",
            "factor: 60\ndevices: [{ nam: a.example.org }]\n",
        )
        .file("other.yaml", "devices: [mouse]\nversion: 3\n");
    let ended = folder.run().code(2);
    assert!(
        ended.stderr.contains("[fleet.yaml:2:13]"),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .ends_with("1 playbook, 1 scenario: 1 error, 1 other YAML file skipped\n"),
        "{}",
        ended.stderr
    );
    // By name, and over standard input.
    ended.again("check other.yaml").run().code(2);
    Svar::new("check -")
        .stdin("fleets: [{ count: 3 }]\n")
        .run()
        .code(0)
        .stderr("1 scenario: no findings\n");
}

#[test]
fn a_scenario_is_known_by_any_key_of_its_own() {
    for text in [
        "profile: '2021'\n",
        "seed: 5\napps: [{ name: x }]\n",
        "name: x\nseed: 2\nlibrary: [{ name: a.sh }]\noutcomes: [{ script: a.sh }]\n",
    ] {
        Svar::new("check one.yaml")
            .file("one.yaml", text)
            .run()
            .code(0)
            .stderr("1 scenario: no findings\n");
    }
    let ended = (Svar::new("check one.yaml").file("one.yaml", "devicess: []\n"))
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("did you mean `devices`?"),
        "{}",
        ended.text()
    );
}

#[test]
fn a_scenario_written_as_json_is_one_as_well_and_a_playbook_stays_a_playbook() {
    let scenarios = [
        "{\"devices\":[{\"name\":\"a.example.org\"}]}",
        "\n{\n  \"factor\": 60,\n  \"devices\": [\n    { \"name\": \"a.example.org\" }\n  ]\n}\n",
        // Neither what is further inside nor what stands in quotes is an outermost key.
        "{ \"name\": \"a \\\"}, playbook: 1, {\", \"outcomes\": [{ \"script\": \"a.sh\" }], \"seed\": 5 }",
    ];
    for text in scenarios {
        for name in ["fleet.json", "fleet.yaml"] {
            let svar = Svar::new("check").arg(name).file(name, text).run();
            svar.code(0).stderr("1 scenario: no findings\n");
        }
    }
    Svar::new("check hosts.json")
        .file(
            "hosts.json",
            "{\"playbook\": 1, \"steps\": [{\"get\": \"/etc/hosts\"}]}",
        )
        .run()
        .code(0)
        .stderr("1 playbook: no findings\n");
    let ended = Svar::new("plan fleet.json")
        .file("fleet.json", scenarios[1])
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("[fleet.json:3:4]"),
        "{}",
        ended.stderr
    );
}

#[test]
fn findings_in_a_scenario_are_for_programs_as_well() {
    let ended = Svar::new("check fleet.yaml --format json")
        .file("fleet.yaml", "factor: 0\n")
        .run()
        .code(2);
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = findings.to_string();
    assert!(
        text.contains("out-of-range") && text.contains("fleet.yaml"),
        "{text}"
    );
}

#[test]
fn a_scenario_named_as_a_playbook_is_told_apart() {
    for command in ["run", "plan"] {
        let ended = Svar::new(command)
            .arg("fleet.yaml")
            .file("fleet.yaml", "factor: 60\ndevices: []\n")
            .run()
            .code(2);
        let heading =
            "error[not-a-playbook]: this is a scenario for the emulator, not a playbook\n";
        assert!(ended.stderr.contains(heading), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("[fleet.yaml:1:1]"),
            "{}",
            ended.stderr
        );
    }
}
