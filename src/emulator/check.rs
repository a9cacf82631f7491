//! What a scenario's types can't say: whether its values make sense together.

use std::collections::HashSet;

use super::device::is_device_path;
use super::scenario::{Device, DeviceFile, Family, Scenario};

impl Scenario {
    /// Everything that would keep the scenario from being played as written, a sentence each, with
    /// the place in it. Empty if there is nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(self.factor.is_finite() && self.factor > 0.0) {
            problems.push("factor: must be a number above 0".to_owned());
        }
        if self.apps.is_empty() {
            problems.push("apps: without an application nobody can sign in".to_owned());
        }
        let mut ids = HashSet::new();
        for (place, device) in self.devices.iter().enumerate() {
            let at = format!("devices[{place}] ({})", device.name);
            if device.name.is_empty() {
                problems.push(format!("{at}: a device needs a name"));
            }
            if let Some(id) = &device.id {
                if id.len() != 40 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    problems.push(format!("{at}: `{id}` is not 40 hexadecimal digits"));
                }
                if !ids.insert(id.to_ascii_lowercase()) {
                    problems.push(format!("{at}: the id is another device's, too"));
                }
            }
            check_device(device, &at, &mut problems);
        }
        for (place, fleet) in self.fleets.iter().enumerate() {
            let at = format!("fleets[{place}]");
            if fleet.count > 1 && !fleet.name.contains("{n}") {
                problems.push(format!(
                    "{at}: the name needs `{{n}}`, else all are called the same"
                ));
            }
            if !(0.0..=1.0).contains(&fleet.offline) {
                problems.push(format!("{at}: `offline` is a share from 0 to 1"));
            }
            check_device(&fleet.device, &at, &mut problems);
        }
        for (place, item) in self.library.iter().enumerate() {
            let file = DeviceFile {
                path: item.name.clone(),
                text: item.text.clone(),
                base64: item.base64.clone(),
                ..DeviceFile::default()
            };
            if let Err(reason) = file.content() {
                problems.push(format!("library[{place}]: {reason}"));
            }
        }
        for (place, outcome) in self.outcomes.iter().enumerate() {
            for file in &outcome.files {
                if let Err(reason) = file.content() {
                    problems.push(format!("outcomes[{place}]: {reason}"));
                }
            }
        }
        problems
    }
}

fn check_device(device: &Device, at: &str, problems: &mut Vec<String>) {
    let family: Family = device.family();
    for file in &device.files {
        if let Err(reason) = is_device_path(&file.path, family) {
            problems.push(format!("{at}: {reason}"));
        }
        if let Err(reason) = file.content() {
            problems.push(format!("{at}: {reason}"));
        }
    }
}
