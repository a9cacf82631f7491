//! Checks devices and fleets.

use std::collections::HashMap;

use super::super::scenario::{Device, Fleet, Scenario};
use super::content::files;
use super::outcomes::outcomes;
use super::times::{between, windows};
use super::{ScenarioProblem, ScenarioProblemKind};

pub(super) fn check(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    let mut by_id: HashMap<String, String> = HashMap::new();
    for (place, device) in scenario.devices.iter().enumerate() {
        let at = format!("/devices/{place}");
        if device.name.is_empty() {
            problems.push(
                ScenarioProblem::new(ScenarioProblemKind::MissingKey, &at, "missing key `name`")
                    .help("`name` is the full DNS name, in lower case."),
            );
        } else {
            // A device without an id has one that is derived from its name.
            let (key, id) = match &device.id {
                Some(id) => ("id", id.to_ascii_lowercase()),
                None => ("name", format!("name {}", device.name.to_ascii_lowercase())),
            };
            let at_key = format!("{at}/{key}");
            let fleet = scenario
                .fleets
                .iter()
                .position(|fleet| key == "name" && is_of_fleet(fleet, &device.name));
            if let Some(first) = by_id.get(&id) {
                problems.push(duplicate(&at_key, key).also(first.clone(), "first used here"));
            } else if let Some(fleet) = fleet {
                problems.push(
                    duplicate(&at_key, key)
                        .also(format!("/fleets/{fleet}/name"), "used by this fleet"),
                );
            } else {
                by_id.insert(id, at_key);
            }
        }
        one(scenario, device, &at, problems);
    }
    let mut patterns: HashMap<(String, usize), usize> = HashMap::new();
    for (place, fleet) in scenario.fleets.iter().enumerate() {
        let at = format!("/fleets/{place}");
        if fleet.count > 1 && !fleet.name.contains("{n}") {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::FleetNamePattern,
                    format!("{at}/name"),
                    format!("all {} devices would have the same name", fleet.count),
                )
                .help("`{n}` in the name is replaced by the number, as in `pc-{n}.example.org`."),
            );
        }
        let pattern = (fleet.name.to_ascii_lowercase(), width(fleet));
        if let Some(first) = patterns.insert(pattern, place) {
            problems.push(
                duplicate(&format!("{at}/name"), "name")
                    .also(format!("/fleets/{first}/name"), "first used here"),
            );
        }
        if fleet.back_online.is_some() && fleet.offline == 0.0 {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::IneffectiveSetting,
                    format!("{at}/back"),
                    "`back_online` has no effect: no device is offline",
                )
                .help("Set the share of offline devices, as in `offline: 0.1`."),
            );
        }
        between(fleet.back_online, &format!("{at}/back"), problems);
        for os in fleet.os.keys() {
            let key = os.replace('~', "~0").replace('/', "~1");
            system(os, &format!("{at}/os/{key}"), problems);
        }
        one(scenario, &fleet.device, &format!("{at}/device"), problems);
    }
}

fn duplicate(place: &str, key: &str) -> ScenarioProblem {
    let help = match key {
        "id" => "Each device needs an `id` of its own.",
        _ => {
            "Devices can share a name if all but one have an `id`; without one the id is derived from the name."
        }
    };
    ScenarioProblem::new(
        ScenarioProblemKind::DuplicateDevice,
        place,
        format!("duplicate device {key}"),
    )
    .help(help)
}

/// Operating systems as the service writes them. The set is open: every name that begins with
/// `Windows` is Windows.
const SYSTEMS: [&str; 10] = [
    "Windows10",
    "Windows11",
    "WindowsServer2012R2",
    "WindowsServer2016",
    "WindowsServer2019",
    "WindowsServer2022",
    "WindowsServer2025",
    "Linux",
    "macOS",
    "Windows",
];

/// Reports an unknown operating system. A misspelled one would be emulated like Linux, with its
/// paths and Bash.
fn system(os: &str, at: &str, problems: &mut Vec<ScenarioProblem>) {
    let lower = os.to_ascii_lowercase();
    if lower.starts_with("windows") || matches!(lower.as_str(), "linux" | "macos") {
        return;
    }
    problems.push(ScenarioProblem {
        candidates: SYSTEMS.map(str::to_owned).to_vec(),
        ..ScenarioProblem::new(
            ScenarioProblemKind::UnknownOs,
            at,
            format!(
                "unknown operating system `{}`: emulated like Linux",
                os.escape_debug()
            ),
        )
        .help(
            "The service uses `Windows10`, `Windows11`, `WindowsServer2022`, `Linux` and `macOS`.",
        )
    });
}

fn one(scenario: &Scenario, device: &Device, at: &str, problems: &mut Vec<ScenarioProblem>) {
    system(&device.os, &format!("{at}/os"), problems);
    windows(&device.online, &format!("{at}/online"), true, problems);
    windows(
        &device.portal_sessions,
        &format!("{at}/portal_sessions"),
        true,
        problems,
    );
    between(device.pickup_delay, &format!("{at}/pickup_delay"), problems);
    between(device.wrapup_delay, &format!("{at}/wrapup_delay"), problems);
    files(&device.files, Some(device.family()), at, problems);
    outcomes(
        scenario,
        &device.outcomes,
        &format!("{at}/outcomes"),
        problems,
    );
}

/// Returns the number of digits in the numbers of a fleet.
fn width(fleet: &Fleet) -> usize {
    fleet.count.to_string().len()
}

/// Checks whether a fleet has a device of that name.
pub(super) fn is_of_fleet(fleet: &Fleet, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let pattern = fleet.name.to_ascii_lowercase();
    let Some((head, tail)) = pattern.split_once("{n}") else {
        return fleet.count > 0 && pattern == name;
    };
    let number = name
        .strip_prefix(head)
        .and_then(|rest| rest.strip_suffix(tail));
    number.is_some_and(|digits| {
        digits.len() == width(fleet)
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits
                .parse::<u32>()
                .is_ok_and(|number| (1..=fleet.count).contains(&number))
    })
}

/// Checks whether the scenario has a device with that name or id. With fleets, any 40 hexadecimal
/// digits count as an id.
pub(super) fn is_device(scenario: &Scenario, wanted: &str) -> bool {
    let wanted = wanted.to_ascii_lowercase();
    scenario
        .devices
        .iter()
        .any(|device| names_of(device).any(|name| name == wanted))
        || scenario
            .fleets
            .iter()
            .any(|fleet| is_of_fleet(fleet, &wanted))
        || wanted.len() == 40
            && !scenario.fleets.is_empty()
            && wanted.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn names_of(device: &Device) -> impl Iterator<Item = String> {
    let id = device.id.as_ref().map(|id| id.to_ascii_lowercase());
    std::iter::once(device.name.to_ascii_lowercase()).chain(id)
}
