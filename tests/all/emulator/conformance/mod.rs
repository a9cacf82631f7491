//! Facts of the service's contract, each shown over HTTP by a story of its own.
//!
//! Every room below is a table: the contract's section, the story's name, the fact in a sentence,
//! the scenario, the story. The snapshot of all tables says what is covered.

use serde_json::Value;
use svar::emulator::{
    Between, Device, DeviceFile, KnobSettings, LibraryItem, Outcome, Scenario, Span,
};

/// Makes a test of each fact, and a table of them all.
macro_rules! facts {
    ($($section:literal $name:ident: $says:literal, $scenario:expr, |$world:ident| $story:block)+) => {
        pub(super) const TABLE: &[(&str, &str, &str)] = &[$(($section, stringify!($name), $says)),+];

        $(#[test]
        fn $name() {
            crate::emulator::world::play($scenario, |$world| async move $story);
        })+
    };
}

mod actions;
mod faults;
mod library;
mod limits;
mod machines;
mod results;
mod sign_in;
mod start;

/// Nothing by chance, nothing slow: a Linux and a Windows device, a few scripts, scripted PowerShell.
fn quiet() -> Scenario {
    let script = |name: &str, text: Option<&str>| LibraryItem {
        name: name.to_owned(),
        text: text.map(str::to_owned),
        ..LibraryItem::default()
    };
    Scenario {
        knobs: KnobSettings {
            // Stories in quick time take hours of it.
            token_ttl: Some(Span::seconds(1_000_000_000)),
            visibility_lag: Some(Between::default()),
            pickup_delay: Some(Between::default()),
            wrapup_delay: Some(Between::default()),
            ..KnobSettings::default()
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
            Outcome {
                script: "bad.ps1".to_owned(),
                error: Some("The script broke.".to_owned()),
                duration: Span::default(),
                ..Outcome::default()
            },
            Outcome {
                script: "*.ps1".to_owned(),
                stdout: "args: {args}".to_owned(),
                duration: Span::default(),
                ..Outcome::default()
            },
        ],
        ..Scenario::default()
    }
}

/// The same with knobs turned.
fn with(turn: impl FnOnce(&mut KnobSettings)) -> Scenario {
    let mut scenario = quiet();
    turn(&mut scenario.knobs);
    scenario
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn what_is_covered() {
    let mut rows: Vec<String> = [
        sign_in::TABLE,
        start::TABLE,
        actions::TABLE,
        results::TABLE,
        library::TABLE,
        machines::TABLE,
        limits::TABLE,
        faults::TABLE,
    ]
    .concat()
    .iter()
    .map(|(section, name, says)| format!("{section:<5} {says}  [{name}]"))
    .collect();
    rows.sort();
    insta::assert_snapshot!(rows.join("\n"));
}
