//! Facts of the API notes (`docs/live-response-api.md`), each shown over HTTP by a test of its own.
//!
//! Every module below is a table: the section of the API notes, the test's name, the fact in a sentence,
//! the scenario, the test. Where the public record is silent, [`choices`] names the setting; what is
//! not emulated says why. `docs/conformance.md` is written from all of it.

use std::fmt::Write as _;

use serde_json::Value;
use svar_emulator::{
    Device, DeviceFile, DurationRange, LibraryItem, Scenario, ScriptOutcome, SettingOverrides,
    TimeSpan,
};

/// Makes a test of each fact, and a table of them all.
macro_rules! facts {
    ($($section:literal $name:ident: $says:literal, $scenario:expr, |$world:ident| $story:block)+) => {
        pub(super) const TABLE: &[(&str, &str, &str)] = &[$(($section, stringify!($name), $says)),+];

        $(#[test]
        fn $name() {
            crate::world::play($scenario, |$world| async move $story);
        })+
    };
}

mod actions;
mod answers;
mod choices;
mod faults;
mod library;
mod limits;
mod machines;
mod results;
mod sign_in;
mod start;
mod storage;
mod transport;

/// Nothing by chance, nothing slow: a Linux and a Windows device, a few scripts, scripted PowerShell.
pub(super) fn quiet() -> Scenario {
    let script = |name: &str, text: Option<&str>| LibraryItem {
        name: name.to_owned(),
        text: text.map(str::to_owned),
        ..LibraryItem::default()
    };
    Scenario {
        settings: SettingOverrides {
            // Stories in quick time take hours of it.
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            visibility_lag: Some(DurationRange::default()),
            pickup_delay: Some(DurationRange::default()),
            wrapup_delay: Some(DurationRange::default()),
            ..SettingOverrides::default()
        },
        devices: vec![
            Device {
                files: vec![
                    DeviceFile::text("/etc/passwd", "root:x:0:0::/root:/bin/bash\n"),
                    DeviceFile::text("/var/empty.txt", ""),
                ],
                ..Device::named("lin-01.example.org", "Linux")
            },
            Device {
                files: vec![DeviceFile::text("C:\\Users\\Public\\Notes.txt", "hello")],
                ..Device::named("win-01.example.org", "Windows11")
            },
        ],
        library: vec![
            script("tool.exe", Some("MZ tool")),
            script("show.sh", Some("printf '%s|' \"$@\"")),
            script("three.sh", Some("echo out; echo err >&2; exit 3")),
            script("ok.ps1", None),
            script("bad.ps1", None),
        ],
        outcomes: vec![
            ScriptOutcome {
                script: "bad.ps1".to_owned(),
                error: Some("The script broke.".to_owned()),
                duration: TimeSpan::default(),
                ..ScriptOutcome::default()
            },
            ScriptOutcome {
                script: "*.ps1".to_owned(),
                stdout: "args: {args}".to_owned(),
                duration: TimeSpan::default(),
                ..ScriptOutcome::default()
            },
        ],
        ..Scenario::default()
    }
}

/// The same with other settings.
fn with(change: impl FnOnce(&mut SettingOverrides)) -> Scenario {
    let mut scenario = quiet();
    change(&mut scenario.settings);
    scenario
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Section, story, fact.
fn all_facts() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all = [
        sign_in::TABLE,
        start::TABLE,
        actions::TABLE,
        results::TABLE,
        library::TABLE,
        machines::TABLE,
        limits::TABLE,
        faults::TABLE,
        answers::TABLE,
        storage::TABLE,
        transport::TABLE,
    ]
    .concat();
    all.sort_by_key(|(section, name, _)| (in_order(section), *name));
    all
}

/// `10` comes behind `9.3`.
fn in_order(section: &str) -> Vec<u32> {
    section
        .split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX))
        .collect()
}

/// The page of what is covered, for people: every table, section by section.
#[test]
fn the_page_says_what_is_covered() {
    let facts = all_facts();
    let mut page = include_str!("head.md").to_owned();
    let _ = writeln!(
        page,
        "\n## Emulated facts\n\n{} facts; the tests are in `crates/emulator/tests/all/conformance/`.\n\n| section | fact | test |\n| --- | --- | --- |",
        facts.len()
    );
    for (section, story, fact) in &facts {
        let _ = writeln!(page, "| {section} | {} | `{story}` |", cell(fact));
    }
    page.push_str(
        "\n## Open questions\n\n| section | question | setting or key |\n| --- | --- | --- |\n",
    );
    for (section, question, settings) in choices::CHOICES {
        let answer = match settings {
            choices::By::Keys(keys) => listed(keys),
            choices::By::Nothing(why) => format!("none: {why}"),
        };
        let _ = writeln!(
            page,
            "| {section} | {} | {} |",
            cell(question),
            cell(&answer)
        );
    }
    page.push_str(
        "\n## Settings for rehearsals\n\n| item | behaviour | setting or key |\n| --- | --- | --- |\n",
    );
    for (item, (what, keys)) in choices::SECTION_11.iter().enumerate() {
        let _ = writeln!(page, "| {} | {what} | {} |", item + 1, listed(keys));
    }
    page.push_str("\n## Not emulated\n\n| section | fact | reason |\n| --- | --- | --- |\n");
    for (section, fact, why) in choices::NOT_EMULATED {
        let _ = writeln!(page, "| {section} | {} | {} |", cell(fact), cell(why));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
    if std::env::var_os("SVAR_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == page,
        "docs/conformance.md is not up to date: write it with SVAR_WRITE_DOCS=1"
    );
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn listed(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}

/// Every setting has a row, and every row's keys exist.
#[test]
fn every_knob_answers_a_question() {
    let schema = schemars::schema_for!(Scenario).to_value();
    let keys_of = |name: &str| -> Vec<String> {
        schema["$defs"][name]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let named: Vec<&str> = choices::CHOICES
        .iter()
        .filter_map(|(_, _, by)| match by {
            choices::By::Keys(keys) => Some(*keys),
            choices::By::Nothing(_) => None,
        })
        .chain(choices::SECTION_11.iter().map(|(_, keys)| *keys))
        .flatten()
        .copied()
        .collect();
    for setting in keys_of("SettingOverrides") {
        assert!(
            named.contains(&format!("settings.{setting}").as_str()),
            "{setting} has no row"
        );
    }
    for key in named {
        let (home, inner) = match key.split_once('.') {
            None => {
                assert!(
                    schema["properties"].get(key).is_some(),
                    "there is no `{key}`"
                );
                continue;
            }
            Some(("settings", inner)) => ("SettingOverrides", inner),
            Some(("apps[]", inner)) => ("App", inner),
            Some(("devices[]", inner)) => ("Device", inner),
            Some(("faults[]", inner)) => ("Fault", inner),
            Some((other, _)) => panic!("{other}"),
        };
        assert!(
            keys_of(home).iter().any(|known| known == inner),
            "there is no `{key}`"
        );
    }
}
