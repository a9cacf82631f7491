//! The tenant's devices, and the calls that read them (API notes 8.1 to 8.4).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use svar_wire::Machine;
use svar_wire::Moment;

use super::super::odata::{
    Direction, EntityProperties, Filter, Function, Literal, PropertyType, Row, Value,
};
use super::super::scenario::{Device, Scenario, TimeWindow};
use super::super::settings::TimeSpan;
use super::index_set::to_index;
use super::list_query::{Candidates, MatchingEntries};
use super::random::{Purpose, SeededRandom};
use super::timestamp::timestamp;

/// One device. The devices of a fleet share what they have in common.
#[derive(Debug)]
pub(crate) struct MachineRecord {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) device: Arc<Device>,
    /// The time at which it is online, if that differs from the shared description.
    own_window: Option<TimeWindow>,
    /// The indices of its actions, oldest first.
    pub(crate) actions: Vec<u32>,
    /// The index of the action for which the device is busy.
    pub(crate) active: Option<u32>,
    /// The time until which the device stays busy after a cancel.
    pub(crate) busy_until: Moment,
}

impl MachineRecord {
    fn new(name: &str, device: Arc<Device>, own_window: Option<TimeWindow>) -> Self {
        let name: Arc<str> = name.to_ascii_lowercase().into();
        let id: Arc<str> = match &device.id {
            Some(id) => id.to_ascii_lowercase().into(),
            None => device_id(&name),
        };
        MachineRecord {
            id,
            name,
            device,
            own_window,
            actions: Vec::new(),
            active: None,
            busy_until: Moment::from_millis(i64::MIN / 4),
        }
    }

    /// Returns the times at which it is online; none means always.
    fn windows(&self) -> &[TimeWindow] {
        match &self.own_window {
            Some(window) => std::slice::from_ref(window),
            None => &self.device.online,
        }
    }

    /// Returns the first moment from `now` on at which the device can be reached.
    pub(crate) fn reachable_from(&self, started: Moment, now: Moment) -> Option<Moment> {
        if self.windows().is_empty() {
            return Some(now);
        }
        self.windows()
            .iter()
            .filter(|window| window.until.is_none_or(|until| started + until.0 > now))
            .map(|window| now.max(started + window.from.0))
            .min()
    }

    /// Returns whether a person has a live response session on the device from the portal.
    pub(crate) fn has_portal_session(&self, started: Moment, now: Moment) -> bool {
        self.device.portal_sessions.iter().any(|window| {
            started + window.from.0 <= now
                && window.until.is_none_or(|until| now < started + until.0)
        })
    }

    /// Returns the time of the last full report: hourly while the device is online, otherwise the
    /// last one before it went offline.
    pub(crate) fn last_seen(&self, started: Moment, now: Moment) -> Moment {
        const REPORT_MS: i64 = 3_600_000;
        let hourly = |from: Moment, until: Moment| {
            let since = until.millis().saturating_sub(from.millis());
            Moment::from_millis(from.millis() + since.div_euclid(REPORT_MS) * REPORT_MS)
        };
        if self.windows().is_empty() {
            return hourly(started - Duration::from_secs(600), now);
        }
        self.windows()
            .iter()
            .filter(|window| started + window.from.0 <= now)
            .map(|window| {
                let end = window.until.map_or(now, |until| now.min(started + until.0));
                hourly(started + window.from.0, end)
            })
            .max()
            .unwrap_or(started - self.device.last_seen.0)
    }

    /// Returns the entity as the API returns it.
    pub(crate) fn entity(&self, started: Moment, now: Moment) -> Machine {
        let device = &*self.device;
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Machine {
            id: self.id.to_string(),
            computer_dns_name: Some(self.name.to_string()),
            first_seen: Some(timestamp(started - Duration::from_secs(90 * 24 * 3600))),
            last_seen: Some(timestamp(self.last_seen(started, now))),
            os_platform: text(&device.os),
            version: text(&device.version),
            os_processor: Some("x64".to_owned()),
            os_architecture: Some("64-bit".to_owned()),
            last_ip_address: text(&device.ip),
            last_external_ip_address: Some("203.0.113.7".to_owned()),
            agent_version: Some("10.8760.26100.4061".to_owned()),
            health_status: text(&device.health),
            onboarding_status: text(&device.onboarding),
            device_value: Some("Normal".to_owned()),
            rbac_group_id: Some(device.group_id.into()),
            rbac_group_name: device.group.clone(),
            risk_score: text(&device.risk),
            exposure_level: text(&device.exposure),
            is_aad_joined: Some(false),
            machine_tags: device.tags.clone(),
            ip_addresses: Some(serde_json::json!([{
                "ipAddress": device.ip, "macAddress": "005056000102", "type": "Ethernet",
                "operationalStatus": "Up"
            }])),
            is_potential_duplication: Some(false),
            is_excluded: Some(false),
            defender_av_status: Some("Unknown".to_owned()),
            managed_by: Some("Unknown".to_owned()),
            managed_by_status: Some("Unknown".to_owned()),
            ..Machine::default()
        }
    }
}

/// Returns the id of a device for which the scenario has none. It is derived from the name, so that
/// it is the same in every run.
fn device_id(name: &str) -> Arc<str> {
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = digest
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits.into()
}

/// The properties that a filter on machines may name (API notes 8.2).
pub(crate) const MACHINE: EntityProperties = EntityProperties {
    documented: 14,
    properties: &[
        ("id", PropertyType::Text),
        ("computerDnsName", PropertyType::Text),
        ("version", PropertyType::Text),
        ("deviceValue", PropertyType::Text),
        ("aadDeviceId", PropertyType::Text),
        ("machineTags", PropertyType::TextList),
        ("lastSeen", PropertyType::Time),
        ("exposureLevel", PropertyType::Text),
        ("onboardingStatus", PropertyType::Text),
        ("lastIpAddress", PropertyType::Text),
        ("healthStatus", PropertyType::Text),
        ("osPlatform", PropertyType::Text),
        ("riskScore", PropertyType::Text),
        ("rbacGroupId", PropertyType::Number),
        ("rbacGroupName", PropertyType::Text),
        ("firstSeen", PropertyType::Time),
    ],
};

/// A device at a certain time, as filters read it.
pub(crate) struct MachineRow<'a> {
    pub(crate) machine: &'a MachineRecord,
    pub(crate) started: Moment,
    pub(crate) now: Moment,
}

impl Row for MachineRow<'_> {
    fn value(&self, property: usize) -> Value<'_> {
        let device = &*self.machine.device;
        match MACHINE.properties[property].0 {
            "id" => Value::Text((&*self.machine.id).into()),
            "computerDnsName" => Value::Text((&*self.machine.name).into()),
            "version" => Value::Text(device.version.as_str().into()),
            "deviceValue" => Value::Text("Normal".into()),
            "machineTags" => Value::Texts(&device.tags),
            "lastSeen" => Value::Time(self.machine.last_seen(self.started, self.now)),
            "firstSeen" => Value::Time(self.started - Duration::from_secs(90 * 24 * 3600)),
            "exposureLevel" => Value::Text(device.exposure.as_str().into()),
            "onboardingStatus" => Value::Text(device.onboarding.as_str().into()),
            "lastIpAddress" => Value::Text(device.ip.as_str().into()),
            "healthStatus" => Value::Text(device.health.as_str().into()),
            "osPlatform" => Value::Text(device.os.as_str().into()),
            "riskScore" => Value::Text(device.risk.as_str().into()),
            "rbacGroupId" => Value::Number(device.group_id as f64),
            "rbacGroupName" => match &device.group {
                Some(group) => Value::Text(group.as_str().into()),
                None => Value::Null,
            },
            _ => Value::Null,
        }
    }
}

/// The way in which a tag is compared with the requested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagMatch {
    /// They are equal.
    Exact,
    /// The tag begins with the requested one.
    Prefix,
}

/// All devices, by id and by name.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    all: Vec<MachineRecord>,
    by_id: HashMap<Arc<str>, u32>,
    /// By full name, which several devices may share.
    by_name: BTreeMap<Arc<str>, Vec<u32>>,
    by_tag: BTreeMap<String, Vec<u32>>,
    /// By the scenario's value of each property in [`INDEXED`], in lower case.
    by_property: HashMap<(usize, String), Vec<u32>>,
}

/// Properties of a device that never change and have few values.
const INDEXED: [&str; 8] = [
    "version",
    "deviceValue",
    "exposureLevel",
    "onboardingStatus",
    "healthStatus",
    "osPlatform",
    "riskScore",
    "rbacGroupName",
];

impl Machines {
    /// Returns the device at that index.
    pub(crate) fn get(&self, index: u32) -> &MachineRecord {
        &self.all[index as usize]
    }

    /// Returns the device at that index.
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut MachineRecord {
        &mut self.all[index as usize]
    }

    /// Returns all devices, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &MachineRecord> {
        self.all.iter()
    }

    /// Returns the number of devices.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Creates the devices of a scenario: the listed ones first, then the fleets.
    pub(crate) fn new(scenario: &Scenario, random: SeededRandom) -> Self {
        let mut machines = Machines::default();
        for device in &scenario.devices {
            machines.add(MachineRecord::new(
                &device.name,
                Arc::new(device.clone()),
                None,
            ));
        }
        for (index, fleet) in scenario.fleets.iter().enumerate() {
            let width = fleet.count.to_string().len();
            let mut variants: Vec<(u32, Arc<Device>)> = fleet
                .os
                .iter()
                .map(|(os, share)| {
                    let device = Device {
                        os: os.clone(),
                        id: None,
                        ..fleet.device.clone()
                    };
                    (*share, Arc::new(device))
                })
                .filter(|(share, _)| *share > 0)
                .collect();
            if variants.is_empty() {
                variants.push((
                    1,
                    Arc::new(Device {
                        id: None,
                        ..fleet.device.clone()
                    }),
                ));
            }
            let total: u64 = variants.iter().map(|(share, _)| u64::from(*share)).sum();
            for number in 1..=fleet.count {
                let key = [index as u64, u64::from(number)];
                let name = fleet.name.replace("{n}", &format!("{number:0width$}"));
                let mut draw = random.bits(Purpose::Fleet, &[key[0], key[1], 0]) % total;
                let mut variant = &variants[0].1;
                for (share, device) in &variants {
                    variant = device;
                    match draw.checked_sub(u64::from(*share)) {
                        Some(rest) => draw = rest,
                        None => break,
                    }
                }
                let is_offline =
                    random.fraction(Purpose::Fleet, &[key[0], key[1], 1]) < fleet.offline;
                let window = is_offline.then(|| {
                    let fraction = random.fraction(Purpose::Fleet, &[key[0], key[1], 2]);
                    let from = fleet
                        .back_online
                        .map_or(NEVER, |back| TimeSpan(back.at(fraction)));
                    TimeWindow { from, until: None }
                });
                machines.add(MachineRecord::new(&name, Arc::clone(variant), window));
            }
        }
        machines
    }

    fn add(&mut self, machine: MachineRecord) {
        let index = to_index(self.all.len());
        self.by_id.insert(Arc::clone(&machine.id), index);
        self.by_name
            .entry(Arc::clone(&machine.name))
            .or_default()
            .push(index);
        for tag in &machine.device.tags {
            let indices = self.by_tag.entry(tag.to_lowercase()).or_default();
            // A device may have a tag in two spellings.
            if indices.last() != Some(&index) {
                indices.push(index);
            }
        }
        let row = MachineRow {
            machine: &machine,
            started: Moment::EPOCH,
            now: Moment::EPOCH,
        };
        for (property, (name, _)) in MACHINE.properties.iter().enumerate() {
            if INDEXED.contains(name)
                && let Value::Text(value) = row.value(property)
            {
                self.by_property
                    .entry((property, value.to_ascii_lowercase()))
                    .or_default()
                    .push(index);
            }
        }
        self.all.push(machine);
    }

    /// Finds a device by its id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.by_id.get(id.to_ascii_lowercase().as_str()).copied()
    }

    /// Finds a device by its id, else by its full name, else by the first label of its name. If
    /// several match the name, the first of the scenario's list is returned.
    pub(crate) fn find_by_id_or_name(&self, key: &str) -> Option<u32> {
        if let Some(index) = self.find(key) {
            return Some(index);
        }
        let name = key.to_ascii_lowercase();
        if let Some(indices) = self.by_name.get(name.as_str()) {
            return indices.first().copied();
        }
        let with_dot: Arc<str> = format!("{name}.").into();
        self.by_name
            .range(Arc::clone(&with_dot)..)
            .next()
            .filter(|(full_name, _)| !name.is_empty() && full_name.starts_with(&*with_dot))
            .and_then(|(_, indices)| indices.first().copied())
    }

    /// Returns all devices with that full name.
    pub(crate) fn named(&self, name: &str) -> &[u32] {
        let indices = self.by_name.get(name.to_ascii_lowercase().as_str());
        indices.map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns all devices whose full name begins with that text.
    pub(crate) fn with_name_prefix(&self, text: &str) -> impl Iterator<Item = u32> {
        let from: Arc<str> = text.to_ascii_lowercase().into();
        let names = self.by_name.range(Arc::clone(&from)..);
        names
            .take_while(move |(name, _)| name.starts_with(&*from))
            .flat_map(|(_, indices)| indices.iter().copied())
    }

    /// Returns the actions of those devices.
    pub(crate) fn actions_of(&self, indices: impl Iterator<Item = u32>) -> Candidates<'_> {
        union_of(indices.map(|index| self.all[index as usize].actions.as_slice()))
    }

    /// Finds the devices that a filter can match: the shortest list that an index has for one condition,
    /// and the conditions that are still to be checked.
    pub(crate) fn matching<'a>(&'a self, filter: Option<&'a Filter>) -> MatchingEntries<'a> {
        let mut best: Option<(usize, &Filter, Candidates<'_>)> = None;
        let mut unchecked = Vec::new();
        for part in filter.map(Filter::conjuncts).unwrap_or_default() {
            let Some(candidates) = self.indexed(part) else {
                unchecked.push(part);
                continue;
            };
            let len = candidates.len();
            match &best {
                Some((least, ..)) if *least <= len => unchecked.push(part),
                _ => {
                    let replaced = best.replace((len, part, candidates));
                    unchecked.extend(replaced.map(|(_, part, _)| part));
                }
            }
        }
        let all = to_index(self.all.len());
        MatchingEntries {
            candidates: best.map_or(Candidates::Range(0..all), |(_, _, candidates)| candidates),
            unchecked,
            visible_below: u32::MAX,
            default_direction: Direction::Ascending,
        }
    }

    /// Returns exactly the devices that pass this condition, or `None` if no index covers it.
    fn indexed<'a>(&'a self, part: &'a Filter) -> Option<Candidates<'a>> {
        if let Filter::Text {
            function: Function::StartsWith,
            property,
            text,
        } = part
        {
            return (MACHINE.properties[*property].0 == "computerDnsName")
                .then(|| Candidates::from_indices(self.with_name_prefix(text)));
        }
        let (property, literals) = part.equals()?;
        let texts: Vec<&str> = literals.iter().map(Literal::text).collect::<Option<_>>()?;
        match MACHINE.properties[property].0 {
            "id" => Some(Candidates::from_indices(
                texts.iter().filter_map(|id| self.find(id)),
            )),
            "computerDnsName" => Some(union_of(texts.iter().map(|name| self.named(name)))),
            // Filters ignore case in ASCII only, while the index ignores it in all of Unicode.
            "machineTags" if texts.iter().all(|tag| tag.is_ascii()) => {
                let indices = |tag: &&str| self.by_tag.get(&tag.to_ascii_lowercase());
                Some(union_of(
                    texts.iter().filter_map(indices).map(Vec::as_slice),
                ))
            }
            name if INDEXED.contains(&name) => {
                let key = |text: &&str| (property, text.to_ascii_lowercase());
                let indices = texts
                    .iter()
                    .filter_map(|text| self.by_property.get(&key(text)));
                Some(union_of(indices.map(Vec::as_slice)))
            }
            _ => None,
        }
    }

    /// Returns the devices with a tag that matches (API notes 8.4), in the order of the list.
    pub(crate) fn tagged(&self, tag: &str, matching: TagMatch) -> Vec<u32> {
        let tag = tag.to_lowercase();
        if matching == TagMatch::Exact {
            return self.by_tag.get(&tag).cloned().unwrap_or_default();
        }
        let mut found: Vec<u32> = self
            .by_tag
            .range(tag.clone()..)
            .take_while(|(other, _)| other.starts_with(&tag))
            .flat_map(|(_, indices)| indices.iter().copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Returns the union of lists of indices.
fn union_of<'a>(mut lists: impl Iterator<Item = &'a [u32]>) -> Candidates<'a> {
    match (lists.next(), lists.next()) {
        (None, _) => Candidates::none(),
        (Some(one), None) => Candidates::Borrowed(one),
        (Some(one), Some(other)) => {
            Candidates::from_indices([one, other].into_iter().chain(lists).flatten().copied())
        }
    }
}

/// The start of the window of a device that never comes online: a hundred years from now.
const NEVER: TimeSpan = TimeSpan::seconds(100 * 366 * 24 * 3600);
