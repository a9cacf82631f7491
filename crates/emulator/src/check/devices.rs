//! Checks devices and fleets.

use std::collections::HashMap;

use super::super::scenario::{Device, Fleet, Scenario};
use super::files::check_files;
use super::outcomes::check_outcomes;
use super::problem::{ScenarioProblem, ScenarioProblemKind};
use super::times::{check_range, check_windows};

/// Checks all devices and fleets.
pub(super) fn check_devices(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    let mut by_id: HashMap<String, String> = HashMap::new();
    for (index, device) in scenario.devices.iter().enumerate() {
        let pointer = format!("/devices/{index}");
        if device.name.is_empty() {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::MissingKey,
                    &pointer,
                    "missing key `name`",
                )
                .help("`name` is the full DNS name, in lower case."),
            );
        } else {
            // A device without an id has one that is derived from its name.
            let (key, id) = match &device.id {
                Some(id) => ("id", id.to_ascii_lowercase()),
                None => ("name", format!("name {}", device.name.to_ascii_lowercase())),
            };
            let key_pointer = format!("{pointer}/{key}");
            let fleet = scenario
                .fleets
                .iter()
                .position(|fleet| key == "name" && fleet_has(fleet, &device.name));
            if let Some(first) = by_id.get(&id) {
                problems
                    .push(duplicate(&key_pointer, key).related(first.clone(), "first used here"));
            } else if let Some(fleet) = fleet {
                problems.push(
                    duplicate(&key_pointer, key)
                        .related(format!("/fleets/{fleet}/name"), "used by this fleet"),
                );
            } else {
                by_id.insert(id, key_pointer);
            }
        }
        check_device(scenario, device, &pointer, problems);
    }
    let mut patterns: HashMap<(String, usize), usize> = HashMap::new();
    for (index, fleet) in scenario.fleets.iter().enumerate() {
        let pointer = format!("/fleets/{index}");
        if fleet.count > 1 && !fleet.name.contains("{n}") {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::FleetNamePattern,
                    format!("{pointer}/name"),
                    format!("all {} devices would have the same name", fleet.count),
                )
                .help("`{n}` in the name is replaced by the number, as in `pc-{n}.example.org`."),
            );
        }
        let pattern = (fleet.name.to_ascii_lowercase(), width(fleet));
        if let Some(first) = patterns.insert(pattern, index) {
            problems.push(
                duplicate(&format!("{pointer}/name"), "name")
                    .related(format!("/fleets/{first}/name"), "first used here"),
            );
        }
        if fleet.back_online.is_some() && fleet.offline == 0.0 {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::IneffectiveSetting,
                    format!("{pointer}/back_online"),
                    "`back_online` has no effect: no device is offline",
                )
                .help("Set the share of offline devices, as in `offline: 0.1`."),
            );
        }
        check_range(
            fleet.back_online,
            &format!("{pointer}/back_online"),
            problems,
        );
        for os in fleet.os.keys() {
            let key = os.replace('~', "~0").replace('/', "~1");
            check_os(os, &format!("{pointer}/os/{key}"), problems);
        }
        check_device(
            scenario,
            &fleet.device,
            &format!("{pointer}/device"),
            problems,
        );
    }
}

/// Returns the problem of a device whose `key` another device has.
fn duplicate(pointer: &str, key: &str) -> ScenarioProblem {
    let help = match key {
        "id" => "Each device needs an `id` of its own.",
        _ => {
            "Devices can share a name if all but one have an `id`; without one the id is derived from the name."
        }
    };
    ScenarioProblem::new(
        ScenarioProblemKind::DuplicateDevice,
        pointer,
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

/// Reports an unknown operating system. The emulator treats it like Linux, with
/// its paths and Bash.
fn check_os(os: &str, pointer: &str, problems: &mut Vec<ScenarioProblem>) {
    let lower = os.to_ascii_lowercase();
    if lower.starts_with("windows") || matches!(lower.as_str(), "linux" | "macos") {
        return;
    }
    problems.push(ScenarioProblem {
        candidates: SYSTEMS.map(str::to_owned).to_vec(),
        ..ScenarioProblem::new(
            ScenarioProblemKind::UnknownOs,
            pointer,
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

/// Checks the values of a device, or of the device that a fleet describes.
fn check_device(
    scenario: &Scenario,
    device: &Device,
    pointer: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    check_os(&device.os, &format!("{pointer}/os"), problems);
    check_windows(&device.online, &format!("{pointer}/online"), problems);
    check_windows(
        &device.portal_sessions,
        &format!("{pointer}/portal_sessions"),
        problems,
    );
    check_range(
        device.pickup_delay,
        &format!("{pointer}/pickup_delay"),
        problems,
    );
    check_range(
        device.wrapup_delay,
        &format!("{pointer}/wrapup_delay"),
        problems,
    );
    check_files(&device.files, Some(device.family()), pointer, problems);
    check_outcomes(
        scenario,
        &device.outcomes,
        &format!("{pointer}/outcomes"),
        problems,
    );
}

/// Returns the number of digits in the numbers of a fleet.
fn width(fleet: &Fleet) -> usize {
    fleet.count.to_string().len()
}

/// Returns whether a fleet has a device of that name.
pub(super) fn fleet_has(fleet: &Fleet, name: &str) -> bool {
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

/// Returns whether the scenario has a device with that name or id. With fleets, any 40 hexadecimal
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
            .any(|fleet| fleet_has(fleet, &wanted))
        || wanted.len() == 40
            && !scenario.fleets.is_empty()
            && wanted.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the name and, if the scenario gives one, the id of a device, in lower case.
fn names_of(device: &Device) -> impl Iterator<Item = String> {
    let id = device.id.as_ref().map(|id| id.to_ascii_lowercase());
    std::iter::once(device.name.to_ascii_lowercase()).chain(id)
}
