//! Looks up the devices of selectors, each of them once.

use std::collections::{HashMap, HashSet};
use std::fmt;

use svar_plan::{DeviceSelection, DeviceSelector, TargetsFile};
use svar_wire::DeviceId;
use svar_wire::Machine;

use crate::driver::client::{CallError, Client, last_seen};

use super::error::TargetError;

/// Looks up devices and keeps the results of earlier lookups.
pub(super) struct DeviceLookup<'c> {
    client: &'c Client,
    /// The devices with each name that was looked up.
    by_name: HashMap<String, Vec<Machine>>,
    /// The devices that selectors name by id, read together.
    by_id: HashMap<String, Machine>,
    /// The whole list, read once if there are many names to look up.
    all: Option<Vec<Machine>>,
    pub(super) role: SelectorRole,
    /// The ids and names that no device has.
    unknown: Vec<Unknown>,
}

/// The use of the devices that are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SelectorRole {
    /// They are included: an id or name must belong to one device.
    Include,
    /// They are excluded: unknown ids and names are ignored, and all devices with a name match.
    Exclude,
}

/// A device and the reason why it was selected.
#[derive(Debug)]
pub(super) struct SelectedDevice {
    pub(super) machine: Machine,
    pub(super) reason: SelectionReason,
}

/// The reason why a device was selected.
#[derive(Debug, Clone)]
pub(super) enum SelectionReason {
    /// A selector matched it.
    Selector(String),
    /// A line of a targets file names it.
    Line {
        path: String,
        /// The number of the line, from 1.
        number: usize,
    },
}

impl fmt::Display for SelectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectionReason::Selector(selector) => f.write_str(selector),
            SelectionReason::Line { path, number } => write!(f, "{path}:{number}"),
        }
    }
}

impl SelectionReason {
    fn line(&self) -> Option<usize> {
        match self {
            SelectionReason::Selector(_) => None,
            SelectionReason::Line { number, .. } => Some(*number),
        }
    }
}

enum Unknown {
    Id(DeviceId),
    Name(String),
}

/// Maximum number of names that are looked up by one call each. More of them are looked up in one
/// list of all devices, because the calls would use up the hundred of a minute (API notes 1.1).
const NAMES_BY_CALL_MAX: usize = 20;

impl<'c> DeviceLookup<'c> {
    pub(super) async fn open(
        client: &'c Client,
        selection: &DeviceSelection,
    ) -> Result<DeviceLookup<'c>, TargetError> {
        let names = selection.include.iter().chain(&selection.exclude);
        let names = names.map(|selector| match selector {
            DeviceSelector::Name(_) => 1,
            DeviceSelector::File(file) => file
                .text
                .lines()
                .filter(|line| DeviceId::parse(line.trim()).is_err())
                .count(),
            _ => 0,
        });
        let all = if names.sum::<usize>() > NAMES_BY_CALL_MAX {
            let all = client.machines().await;
            Some(all.map_err(|failure| TargetError::Call {
                selector: "the list of devices".to_owned(),
                failure,
            })?)
        } else {
            None
        };
        let ids: Vec<&DeviceId> = selection
            .include
            .iter()
            .filter_map(|selector| match selector {
                DeviceSelector::Id(id) => Some(id),
                _ => None,
            })
            .collect();
        let mut lookup = DeviceLookup {
            client,
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            all,
            role: SelectorRole::Include,
            unknown: Vec::new(),
        };
        if ids.len() > 1 {
            lookup.by_id = lookup.read_ids(&ids, &format!("{} ids", ids.len())).await?;
        }
        Ok(lookup)
    }

    /// Checks that every id and name that was looked up belongs to a device.
    pub(super) fn check_all_known(&mut self) -> Result<(), TargetError> {
        let mut unknown = std::mem::take(&mut self.unknown);
        match (unknown.pop(), unknown.len()) {
            (None, _) => Ok(()),
            (Some(Unknown::Id(id)), 0) => Err(TargetError::UnknownId(id)),
            (Some(Unknown::Name(name)), 0) => Err(TargetError::UnknownName(name)),
            (Some(last), _) => {
                unknown.push(last);
                let names = unknown.into_iter().map(|unknown| match unknown {
                    Unknown::Id(id) => id.to_string(),
                    Unknown::Name(name) => name,
                });
                Err(TargetError::UnknownMany(names.collect()))
            }
        }
    }

    pub(super) async fn find(
        &mut self,
        selector: &DeviceSelector,
    ) -> Result<Vec<SelectedDevice>, TargetError> {
        let called = |selector: String| {
            move |failure| TargetError::Call {
                selector: selector.clone(),
                failure,
            }
        };
        match selector {
            DeviceSelector::Id(id) => {
                let reason = SelectionReason::Selector(format!("id {id}"));
                self.by_ids(&[(id.clone(), reason)]).await
            }
            DeviceSelector::Name(name) => {
                let reason = SelectionReason::Selector(format!("name {name}"));
                self.by_name(name, &reason).await
            }
            DeviceSelector::Tag(tag) => {
                let reason = format!("tag {tag}");
                let found = self.client.machines_by_tag(tag).await;
                let mut found = found.map_err(called(reason.clone()))?;
                // The service may match only the beginning of tags, but the whole tag must match.
                found.retain(|device| device.machine_tags.iter().any(|own| own == tag));
                Ok(current_devices(found, reason))
            }
            DeviceSelector::Group(group) => {
                let reason = format!("group {group}");
                let found = self.by_group(group).await;
                Ok(current_devices(
                    found.map_err(called(reason.clone()))?,
                    reason,
                ))
            }
            DeviceSelector::Filter(filter) => {
                let reason = format!("filter {filter}");
                let found = match self.client.machines_by_filter(filter).await {
                    Err(failure) if failure.is_refused_with(400) => {
                        let filter = filter.clone();
                        return Err(TargetError::Filter { filter, failure });
                    }
                    found => found.map_err(called(reason.clone()))?,
                };
                Ok(current_devices(found, reason))
            }
            DeviceSelector::Hunt(_) => Err(TargetError::NeedsTenant),
            DeviceSelector::File(file) => self.by_file(file).await,
        }
    }

    /// Lists the devices of a group. The group's name is not a documented filter property, so the
    /// whole list is read if the filter is refused (API notes 8.2).
    async fn by_group(&self, group: &str) -> Result<Vec<Machine>, CallError> {
        let filter = format!("rbacGroupName eq '{}'", group.replace('\'', "''"));
        let found = match self.client.machines_by_filter(&filter).await {
            Err(failure) if failure.is_refused_with(400) => self.client.machines().await?,
            found => found?,
        };
        Ok(found
            .into_iter()
            .filter(|device| {
                device
                    .rbac_group_name
                    .as_deref()
                    .is_some_and(|name| name.eq_ignore_ascii_case(group))
            })
            .collect())
    }

    async fn by_file(&mut self, file: &TargetsFile) -> Result<Vec<SelectedDevice>, TargetError> {
        let TargetsFile { path, text } = file;
        let mut found = Vec::new();
        let mut ids = Vec::new();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let word = line.split('#').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let reason = SelectionReason::Line {
                path: path.clone(),
                number,
            };
            if let Ok(id) = DeviceId::parse(word) {
                ids.push((id, reason));
            } else if is_dns_name(word) {
                found.extend(self.by_name(word, &reason).await?);
            } else {
                return Err(TargetError::Line {
                    path: path.to_owned(),
                    line: number,
                    word: word.chars().filter(|c| !c.is_control()).take(80).collect(),
                });
            }
        }
        if !ids.is_empty() {
            found.extend(self.by_ids(&ids).await?);
        }
        // In the order of the lines again.
        found.sort_by_key(|device| device.reason.line());
        Ok(found)
    }

    async fn by_ids(
        &mut self,
        ids: &[(DeviceId, SelectionReason)],
    ) -> Result<Vec<SelectedDevice>, TargetError> {
        let unread: Vec<&DeviceId> = ids
            .iter()
            .map(|(id, _)| id)
            .filter(|id| !self.by_id.contains_key(id.as_str()))
            .collect();
        let description = match ids {
            [(_, reason)] => reason.to_string(),
            _ => format!("{} ids", ids.len()),
        };
        let mut by_id = self.read_ids(&unread, &description).await?;
        let mut selected = Vec::new();
        let mut seen = HashSet::new();
        for (id, reason) in ids {
            let known = || self.by_id.get(id.as_str()).cloned();
            match by_id.remove(id.as_str()).or_else(known) {
                Some(machine) => {
                    seen.insert(id);
                    selected.push(SelectedDevice {
                        machine,
                        reason: reason.clone(),
                    });
                }
                None if self.role == SelectorRole::Exclude || seen.contains(id) => {}
                None => self.unknown.push(Unknown::Id(id.clone())),
            }
        }
        Ok(selected)
    }

    /// Reads the devices with these ids, by their id in lower case. `description` describes them in an
    /// error.
    async fn read_ids(
        &self,
        ids: &[&DeviceId],
        description: &str,
    ) -> Result<HashMap<String, Machine>, TargetError> {
        let found = self.client.machines_by_id(ids).await;
        let found = found.map_err(|failure| TargetError::Call {
            selector: description.to_owned(),
            failure,
        })?;
        let by_id = found
            .into_iter()
            .map(|device| (device.id.to_lowercase(), device));
        Ok(by_id.collect())
    }

    async fn by_name(
        &mut self,
        name: &str,
        reason: &SelectionReason,
    ) -> Result<Vec<SelectedDevice>, TargetError> {
        let with_name = self.devices_with_name(name).await?;
        let chosen = match self.role {
            SelectorRole::Exclude => with_name,
            SelectorRole::Include => match current_device(with_name, name)? {
                Some(device) => vec![device],
                None => {
                    self.unknown.push(Unknown::Name(name.to_owned()));
                    Vec::new()
                }
            },
        };
        let selected = chosen.into_iter().map(|machine| SelectedDevice {
            machine,
            reason: reason.clone(),
        });
        Ok(selected.collect())
    }

    /// Returns all devices with this name. `startswith` also matches longer names, so the names are
    /// compared afterwards (API notes 8.2).
    async fn devices_with_name(&mut self, name: &str) -> Result<Vec<Machine>, TargetError> {
        let wanted = name.trim().trim_end_matches('.').to_lowercase();
        if let Some(devices) = self.by_name.get(&wanted) {
            return Ok(devices.clone());
        }
        let listed;
        let found = match &self.all {
            Some(all) => all,
            None => {
                let found = self.client.machines_by_name(&wanted).await;
                listed = found.map_err(|failure| TargetError::Call {
                    selector: format!("name {name}"),
                    failure,
                })?;
                &listed
            }
        };
        let own_name = |device: &Machine| {
            let name = device.computer_dns_name.as_deref().unwrap_or_default();
            name.trim_end_matches('.').to_lowercase()
        };
        let matching = |fits: &dyn Fn(&str) -> bool| -> Vec<Machine> {
            let fitting = found.iter().filter(|device| fits(&own_name(device)));
            fitting.cloned().collect()
        };
        let mut with_name = matching(&|own| own == wanted);
        if with_name.is_empty() && !wanted.contains('.') {
            with_name = matching(&|own| own.split('.').next() == Some(wanted.as_str()));
        }
        self.by_name.insert(wanted, with_name.clone());
        Ok(with_name)
    }
}

/// Returns whether a device was merged into another one or excluded, so that it can't be used.
fn is_obsolete(device: &Machine) -> bool {
    let merged = device.merged_into_machine_id.as_deref();
    merged.is_some_and(|id| !id.is_empty()) || device.is_excluded == Some(true)
}

/// Returns the devices that can be used.
fn current_devices(devices: Vec<Machine>, reason: String) -> Vec<SelectedDevice> {
    let reason = SelectionReason::Selector(reason);
    devices
        .into_iter()
        .filter(|device| !is_obsolete(device))
        .map(|machine| SelectedDevice {
            machine,
            reason: reason.clone(),
        })
        .collect()
}

/// Returns the device that a name refers to. If several devices have the name, it is the active
/// one; if that is not unique, the operator has to decide (API notes 12, quirk 36).
fn current_device(mut devices: Vec<Machine>, name: &str) -> Result<Option<Machine>, TargetError> {
    if devices.len() > 1 {
        devices.retain(|device| !is_obsolete(device));
    }
    let is_active = |device: &Machine| {
        let health = device.health_status.as_deref().unwrap_or_default();
        health.eq_ignore_ascii_case("Active")
    };
    // If only one device is active, the others are its earlier registrations.
    if devices.len() > 1 && devices.iter().filter(|one| is_active(one)).count() == 1 {
        devices.retain(is_active);
    }
    match (devices.pop(), devices.is_empty()) {
        (None, _) => Ok(None),
        (Some(device), true) => Ok(Some(device)),
        (Some(last), false) => {
            devices.push(last);
            devices.sort_by_key(|device| std::cmp::Reverse(last_seen(device)));
            let candidates = devices.iter().map(|device| {
                let seen = device.last_seen.as_deref().unwrap_or("never");
                let dns = device.computer_dns_name.as_deref().unwrap_or("unnamed");
                let health = device.health_status.as_deref().unwrap_or("health unknown");
                format!("{} ({dns}, {health}, last seen {seen})", device.id)
            });
            Err(TargetError::Ambiguous {
                name: name.to_owned(),
                candidates: candidates.collect(),
            })
        }
    }
}

fn is_dns_name(word: &str) -> bool {
    word.len() <= 255
        && word
            .chars()
            .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '\''))
}
