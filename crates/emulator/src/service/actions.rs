//! The machine actions and the indexes that keep lists of them fast.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use svar_wire::CommandStatus;
use svar_wire::Moment;

use super::super::odata::Literal;
use super::super::odata::{
    Comparison, Direction, EntityProperties, Filter, Function, OrderBy, PropertyType, Row, Value,
};
use super::super::settings::UnsuccessfulStatus;
use super::action_json::{JsonCache, prefetch};
use super::id_index::IdIndex;
use super::index_set::{IndexSet, Union, to_index};
use super::list_query::{Candidates, MatchingEntries};
use super::machines::{MachineRecord, Machines};
use super::random::guid;
use super::recent_commands::{RecentCommands, SharedCommand};

/// The status of an action. The numbers of the variants are indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActionState {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    TimeOut,
    Cancelled,
}

impl ActionState {
    /// Returns the `status` as the API writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ActionState::Pending => "Pending",
            ActionState::InProgress => "InProgress",
            ActionState::Succeeded => "Succeeded",
            ActionState::Failed => "Failed",
            ActionState::TimeOut => "TimeOut",
            ActionState::Cancelled => "Cancelled",
        }
    }

    /// Returns the state that a setting names.
    pub(crate) fn from_setting(end: UnsuccessfulStatus) -> Self {
        match end {
            UnsuccessfulStatus::Failed => ActionState::Failed,
            UnsuccessfulStatus::TimeOut => ActionState::TimeOut,
            UnsuccessfulStatus::Cancelled => ActionState::Cancelled,
        }
    }

    /// Returns whether the action has ended.
    pub(crate) fn is_final(self) -> bool {
        self > ActionState::InProgress
    }
}

/// One command of an action.
#[derive(Debug)]
pub(crate) struct CommandRecord {
    pub(crate) command: Arc<SharedCommand>,
    pub(crate) status: CommandStatus,
    pub(crate) began: Option<Moment>,
    pub(crate) ended: Option<Moment>,
    pub(crate) errors: Box<[String]>,
    /// A script's exit code.
    pub(crate) exit: Option<i64>,
    /// The content its result link leads to.
    pub(crate) result: Option<Bytes>,
}

/// A cancel that was accepted.
#[derive(Debug)]
pub(crate) struct Cancellation {
    pub(crate) at: Moment,
    pub(crate) comment: Option<String>,
    pub(crate) requestor: Arc<str>,
}

/// One machine action.
#[derive(Debug)]
pub(crate) struct ActionRecord {
    pub(crate) id: u128,
    pub(crate) machine: u32,
    pub(crate) requestor: Arc<str>,
    pub(crate) comment: Box<str>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    /// Until this time, reads do not find the action.
    pub(crate) visible_at: Moment,
    pub(crate) state: ActionState,
    pub(crate) commands: Box<[CommandRecord]>,
    pub(crate) cancellation: Option<Box<Cancellation>>,
    /// With status flapping: a read has already returned it as `Failed`, so the next one returns it
    /// as `Succeeded`.
    pub(crate) was_shown_failed: bool,
    /// It succeeded, and the first read returns it as `Failed`.
    pub(crate) is_flapping: bool,
    /// One of its scripts was stopped at its time limit.
    pub(crate) ran_into_limit: bool,
}

/// The properties that a filter on machine actions may name (API notes 5.1).
pub(crate) const ACTION: EntityProperties = EntityProperties {
    documented: 6,
    properties: &[
        ("id", PropertyType::Text),
        ("status", PropertyType::Text),
        ("machineId", PropertyType::Text),
        ("type", PropertyType::Text),
        ("requestor", PropertyType::Text),
        ("creationDateTimeUtc", PropertyType::Time),
        ("lastUpdateDateTimeUtc", PropertyType::Time),
        ("requestorComment", PropertyType::Text),
        ("computerDnsName", PropertyType::Text),
    ],
};
/// The indices of the properties in [`ACTION`].
const ID: usize = 0;
const STATUS: usize = 1;
const MACHINE_ID: usize = 2;
const TYPE: usize = 3;
const REQUESTOR: usize = 4;
const CREATED: usize = 5;
const UPDATED: usize = 6;
const COMMENT: usize = 7;
const MACHINE_NAME: usize = 8;
/// The largest number of devices whose actions are collected and sorted for one list.
const DEVICES_MAX: usize = 1_000;
/// The length of an action in JSON, in bytes, without the texts that vary in length.
const ACTION_OVERHEAD: usize = 640;
/// The length of a command in JSON, in bytes, without the texts that vary in length.
const COMMAND_OVERHEAD: usize = 160;
/// The type of all actions of the emulator.
pub(crate) const LIVE_RESPONSE: &str = "LiveResponse";

/// An action as filters read it.
pub(crate) struct ActionRow<'a> {
    pub(crate) action: &'a ActionRecord,
    pub(crate) machine: &'a MachineRecord,
}

impl Row for ActionRow<'_> {
    fn value(&self, property: usize) -> Value<'_> {
        match property {
            ID => Value::Text(guid(self.action.id).to_string().into()),
            STATUS => Value::Text(self.action.state.name().into()),
            MACHINE_ID => Value::Text((&*self.machine.id).into()),
            TYPE => Value::Text(LIVE_RESPONSE.into()),
            REQUESTOR => Value::Text((&*self.action.requestor).into()),
            CREATED => Value::Time(self.action.created),
            UPDATED => Value::Time(self.action.updated),
            COMMENT => Value::Text((&*self.action.comment).into()),
            MACHINE_NAME => Value::Text((&*self.machine.name).into()),
            _ => Value::Null,
        }
    }
}

/// All actions, in the order they were created.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    all: Vec<ActionRecord>,
    by_id: IdIndex,
    /// Commands of recent starts.
    pub(crate) recent_commands: RecentCommands,
    by_state: [IndexSet; 6],
    /// The actions of each requestor, by the name in lower case.
    by_requestor: BTreeMap<String, IndexSet>,
    /// The cache of actions as JSON. Actions change only through [`Actions::get_mut`] and
    /// [`Actions::set_state`], which keep it up to date.
    json: RefCell<JsonCache>,
    /// The actions that a fault hides from reads.
    hidden: Vec<u32>,
}

impl Actions {
    /// Hides an action from reads until `until`.
    pub(crate) fn hide_until(&mut self, index: u32, until: Moment, now: Moment) {
        self.all[index as usize].visible_at = until;
        self.hidden
            .retain(|index| self.all[*index as usize].visible_at > now);
        self.hidden.push(index);
    }

    /// Returns the number of actions.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds an action, and returns its index. Its creation time must not be before that of the last one.
    pub(crate) fn add(&mut self, action: ActionRecord) -> u32 {
        let index = to_index(self.all.len());
        self.by_id.insert(action.id, index);
        self.by_state[action.state as usize].insert(index);
        let requestor = action.requestor.to_ascii_lowercase();
        self.by_requestor
            .entry(requestor)
            .or_default()
            .insert(index);
        self.all.push(action);
        index
    }

    /// Returns the action at that index.
    pub(crate) fn get(&self, index: u32) -> &ActionRecord {
        &self.all[index as usize]
    }

    /// Returns the action at that index, and drops it from the cache.
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut ActionRecord {
        self.json.get_mut().invalidate(index);
        &mut self.all[index as usize]
    }

    /// Estimates the length of those actions in JSON, in bytes; the estimate is seldom too small. It also
    /// reads the memory of all actions that are not cached, so that the CPU loads it for many actions
    /// in parallel instead of one after the other.
    pub(crate) fn estimate_length(&self, indices: &[u32], machines: &Machines) -> usize {
        let json = self.json.borrow();
        let mut length = 0;
        let mut not_cached = Vec::with_capacity(indices.len());
        for index in indices {
            match json.length(*index) {
                Some(known) => length += known,
                None => not_cached.push(self.get(*index)),
            }
        }
        let machine = |action: &ActionRecord| machines.get(action.machine);
        for action in &not_cached {
            let commands = action.commands.iter();
            let commands =
                commands.map(|record| record.command.json.len() + record.errors.len() * 128);
            let device = machine(action);
            let own = device.id.len() + device.name.len() + action.comment.len();
            length += own + ACTION_OVERHEAD;
            length += commands
                .map(|length| length + COMMAND_OVERHEAD)
                .sum::<usize>();
        }
        let prefetched = not_cached
            .iter()
            .map(|action| prefetch(action, machine(action)));
        // The bytes are not used, so the compiler would otherwise remove the reads.
        std::hint::black_box(prefetched.fold(0, std::ops::BitXor::bitxor));
        length
    }

    /// Appends the entity as the API returns it.
    pub(crate) fn write(&self, index: u32, machines: &Machines, out: &mut Vec<u8>) {
        let known = || {
            let action = self.get(index);
            (action, machines.get(action.machine))
        };
        self.json.borrow_mut().append(out, index, known);
    }

    /// Finds an action by its id, given as text.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let id = uuid::Uuid::try_parse(id).ok()?.as_u128();
        let index = self.by_id.find(id)?;
        (self.get(index).id == id).then_some(index)
    }

    /// Returns the actions with those ids. All ids are looked up before any is compared, so
    /// that the memory accesses overlap.
    fn with_ids(&self, ids: &[u128]) -> Candidates<'_> {
        let indices: Vec<Option<u32>> = ids.iter().map(|id| self.by_id.find(*id)).collect();
        let found = ids.iter().zip(indices);
        Candidates::from_indices(
            found.filter_map(|(id, index)| index.filter(|index| self.get(*index).id == *id)),
        )
    }

    /// Finds an action by its id in the notation of the API. In filters, other notations of a GUID
    /// match nothing.
    pub(crate) fn find_exactly(&self, id: &str) -> Option<u32> {
        self.find(id).filter(|_| id.len() == 36)
    }

    /// Returns whether an action has that id, or one that the index can't distinguish from it.
    pub(crate) fn is_id_taken(&self, id: u128) -> bool {
        self.by_id.find(id).is_some()
    }

    /// Moves an action to another state.
    pub(crate) fn set_state(&mut self, index: u32, state: ActionState, now: Moment) {
        self.json.get_mut().invalidate(index);
        let action = &mut self.all[index as usize];
        self.by_state[action.state as usize].remove(index);
        action.state = state;
        action.updated = now;
        self.by_state[state as usize].insert(index);
    }

    /// Returns the number of actions in a state.
    pub(crate) fn count(&self, state: ActionState) -> usize {
        self.by_state[state as usize].len()
    }

    /// Finds the actions that a filter can match: the shortest list that an index has for one condition,
    /// within the range of creation times, and the conditions that are still to be checked.
    /// `lag_max` is the longest time for which an action may be invisible.
    pub(crate) fn matching<'a>(
        &'a self,
        filter: Option<&'a Filter>,
        machines: &'a Machines,
        now: Moment,
        lag_max: Duration,
    ) -> MatchingEntries<'a> {
        let mut range = 0..to_index(self.all.len());
        let mut best: Option<(usize, &Filter, Candidates<'_>)> = None;
        let mut unchecked = Vec::new();
        let conjuncts = filter.map(Filter::conjuncts).unwrap_or_default();
        for part in conjuncts {
            if let Some(times) = self.created_within(part) {
                range = range.start.max(times.start)..range.end.min(times.end);
            }
        }
        range.end = range.end.max(range.start);
        for part in conjuncts {
            if self.created_within(part).is_some() {
                continue;
            }
            let Some(candidates) = self.indexed(part, machines) else {
                unchecked.push(part);
                continue;
            };
            let candidates = candidates.within(&range);
            let len = candidates.len();
            match &best {
                Some((least, ..)) if *least <= len => unchecked.push(part),
                _ => {
                    let replaced = best.replace((len, part, candidates));
                    unchecked.extend(replaced.map(|(_, part, _)| part));
                }
            }
        }
        let is_visible = |action: &ActionRecord| action.created + lag_max <= now;
        let by_age = if self.all.last().is_none_or(is_visible) {
            self.all.len()
        } else {
            self.all.partition_point(is_visible)
        };
        let is_late = |index: &&u32| self.all[**index as usize].visible_at > now;
        let hidden = self.hidden.iter().filter(is_late).min();
        let visible_below = hidden.map_or(by_age, |index| by_age.min(*index as usize));
        MatchingEntries {
            candidates: best.map_or(Candidates::Range(range), |(_, _, candidates)| candidates),
            unchecked,
            visible_below: to_index(visible_below),
            default_direction: Direction::Descending,
        }
    }

    /// Returns the range of actions that pass a condition on the creation time. Actions are in the order of
    /// their creation.
    fn created_within(&self, part: &Filter) -> Option<Range<u32>> {
        let Filter::Compare {
            property: CREATED,
            comparison,
            literal: Literal::Time(time),
        } = part
        else {
            return None;
        };
        let before = self.all.partition_point(|action| action.created < *time);
        let through = self.all.partition_point(|action| action.created <= *time);
        let end = self.all.len();
        let range = match comparison {
            Comparison::Eq => before..through,
            Comparison::Ge => before..end,
            Comparison::Gt => through..end,
            Comparison::Lt => 0..before,
            Comparison::Le => 0..through,
            Comparison::Ne => return None,
        };
        Some(to_index(range.start)..to_index(range.end))
    }

    /// Returns exactly the actions that pass this condition, or `None` if no index covers it.
    fn indexed<'a>(&'a self, part: &'a Filter, machines: &'a Machines) -> Option<Candidates<'a>> {
        if let Filter::Compare {
            property: STATUS,
            comparison: Comparison::Ne,
            literal: Literal::Text(text),
        } = part
        {
            return Some(self.in_states(|state| !state.name().eq_ignore_ascii_case(text)));
        }
        if let Filter::Text {
            function: Function::StartsWith,
            property: MACHINE_NAME,
            text,
        } = part
        {
            let devices: Vec<u32> = (machines.with_name_prefix(text))
                .take(DEVICES_MAX + 1)
                .collect();
            // For a whole fleet, all actions would have to be sorted before the first is shown.
            let are_few = devices.len() <= DEVICES_MAX;
            return are_few.then(|| machines.actions_of(devices.into_iter()));
        }
        let (property, literals) = part.equals()?;
        let texts = || literals.iter().filter_map(Literal::text);
        Some(match property {
            ID => {
                // Other ways of writing a GUID match nothing in filters.
                let ids = texts().filter(|text| text.len() == 36);
                let ids = ids.filter_map(|text| uuid::Uuid::try_parse(text).ok());
                self.with_ids(&ids.map(|id| id.as_u128()).collect::<Vec<u128>>())
            }
            STATUS => {
                self.in_states(|state| texts().any(|text| state.name().eq_ignore_ascii_case(text)))
            }
            MACHINE_ID => machines.actions_of(texts().filter_map(|id| machines.find(id))),
            MACHINE_NAME => {
                machines.actions_of(texts().flat_map(|name| machines.named(name).iter().copied()))
            }
            TYPE if texts().any(|text| text.eq_ignore_ascii_case(LIVE_RESPONSE)) => {
                Candidates::Range(0..u32::MAX)
            }
            TYPE => Candidates::none(),
            REQUESTOR => {
                let mut names: Vec<String> = texts().map(str::to_ascii_lowercase).collect();
                names.sort_unstable();
                names.dedup();
                let sets = names.iter().filter_map(|name| self.by_requestor.get(name));
                Candidates::Set(Union(sets.collect()), 0..u32::MAX)
            }
            _ => return None,
        })
    }

    fn in_states(&self, wanted: impl Fn(ActionState) -> bool) -> Candidates<'_> {
        let sets = self.by_state.iter().zip(STATES);
        let sets = sets.filter(|(_, state)| wanted(*state)).map(|(set, _)| set);
        Candidates::Set(Union(sets.collect()), 0..u32::MAX)
    }
}

/// Returns the direction of a requested order that is the order of creation; `None` for any other.
pub(crate) fn direction_of_creation(order: &[OrderBy]) -> Option<Direction> {
    match order {
        [
            OrderBy {
                property: CREATED,
                direction,
            },
        ] => Some(*direction),
        _ => None,
    }
}

const STATES: [ActionState; 6] = [
    ActionState::Pending,
    ActionState::InProgress,
    ActionState::Succeeded,
    ActionState::Failed,
    ActionState::TimeOut,
    ActionState::Cancelled,
];
