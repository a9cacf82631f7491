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
    Comparison, Direction, Entity, Filter, Function, Kind, OrderBy, Row, Value,
};
use super::super::settings::UnsuccessfulStatus;
use super::action_json::{Written, touch};
use super::command_cache::{RecentCommands, SharedCommand};
use super::id_index::IdIndex;
use super::index_set::{IndexSet, Union, index};
use super::list_query::{Candidates, Matches};
use super::machines::{MachineRecord, Machines};
use super::random::guid;

/// The six states of an action. Their numbers are indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    TimeOut,
    Cancelled,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Pending => "Pending",
            State::InProgress => "InProgress",
            State::Succeeded => "Succeeded",
            State::Failed => "Failed",
            State::TimeOut => "TimeOut",
            State::Cancelled => "Cancelled",
        }
    }

    /// Returns the state that a setting names.
    pub(crate) fn of_bad_end(end: UnsuccessfulStatus) -> Self {
        match end {
            UnsuccessfulStatus::Failed => State::Failed,
            UnsuccessfulStatus::TimeOut => State::TimeOut,
            UnsuccessfulStatus::Cancelled => State::Cancelled,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        self > State::InProgress
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
    pub(crate) state: State,
    pub(crate) commands: Box<[CommandRecord]>,
    pub(crate) cancellation: Option<Box<Cancellation>>,
    /// With status flapping: a read has returned it as `Failed`, and the next one returns it as
    /// `Succeeded`.
    pub(crate) was_shown_failed: bool,
    /// It succeeded, and the first read returns it as `Failed`.
    pub(crate) is_flapping: bool,
    /// One of its scripts was stopped at its time limit.
    pub(crate) ran_into_limit: bool,
}

/// The properties that a filter on machine actions may name (API notes 5.1).
pub(crate) const ACTION: Entity = Entity {
    documented: 6,
    properties: &[
        ("id", Kind::Text),
        ("status", Kind::Text),
        ("machineId", Kind::Text),
        ("type", Kind::Text),
        ("requestor", Kind::Text),
        ("creationDateTimeUtc", Kind::Time),
        ("lastUpdateDateTimeUtc", Kind::Time),
        ("requestorComment", Kind::Text),
        ("computerDnsName", Kind::Text),
    ],
};
const ID: usize = 0;
const STATUS: usize = 1;
const MACHINE_ID: usize = 2;
const TYPE: usize = 3;
const REQUESTOR: usize = 4;
const CREATED: usize = 5;
const MACHINE_NAME: usize = 8;
/// The largest number of devices whose actions are collected before a page is cut from them.
const DEVICES_FEW: usize = 1_000;
/// The length of what is written for an action, without the texts that vary in length.
const ACTION_FRAME: usize = 640;
/// The same for a command.
const COMMAND_FRAME: usize = 160;
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
            6 => Value::Time(self.action.updated),
            7 => Value::Text((&*self.action.comment).into()),
            MACHINE_NAME => Value::Text((&*self.machine.name).into()),
            _ => Value::Null,
        }
    }
}

/// All actions, in the order they were created.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    pub(crate) all: Vec<ActionRecord>,
    by_id: IdIndex,
    /// Commands of recent starts.
    pub(crate) recent_commands: RecentCommands,
    by_state: [IndexSet; 6],
    /// The actions of each requestor, by the name in lower case.
    by_requestor: BTreeMap<String, IndexSet>,
    /// The cache of written actions. Actions change only through [`Actions::get_mut`] and
    /// [`Actions::turn`], which keep it up to date.
    written: RefCell<Written>,
    /// The actions that a fault hides from reads for longer than the others.
    late: Vec<u32>,
}

impl Actions {
    /// Hides an action from reads until `until`.
    pub(crate) fn make_late(&mut self, place: u32, until: Moment, now: Moment) {
        self.all[place as usize].visible_at = until;
        self.late
            .retain(|place| self.all[*place as usize].visible_at > now);
        self.late.push(place);
    }

    /// Adds an action. Its creation time must not be before that of the last one.
    pub(crate) fn add(&mut self, action: ActionRecord) -> u32 {
        let place = index(self.all.len());
        self.by_id.insert(action.id, place);
        self.by_state[action.state as usize].insert(place);
        let requestor = action.requestor.to_ascii_lowercase();
        self.by_requestor
            .entry(requestor)
            .or_default()
            .insert(place);
        self.all.push(action);
        place
    }

    pub(crate) fn get(&self, place: u32) -> &ActionRecord {
        &self.all[place as usize]
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> &mut ActionRecord {
        self.written.get_mut().forget(place);
        &mut self.all[place as usize]
    }

    /// Returns about how many bytes writing those actions appends; it is seldom too small. It also
    /// loads the memory of all actions that are not cached, stage by stage: the same parts are
    /// needed of every action, and the CPU loads them in parallel instead of one after the other.
    pub(crate) fn length_about(&self, places: &[u32], machines: &Machines) -> usize {
        let written = self.written.borrow();
        let mut length = 0;
        let mut unwritten = Vec::with_capacity(places.len());
        for place in places {
            match written.length(*place) {
                Some(known) => length += known,
                None => unwritten.push(self.get(*place)),
            }
        }
        let machine = |action: &ActionRecord| &machines.all[action.machine as usize];
        for action in &unwritten {
            let commands = action.commands.iter();
            let commands =
                commands.map(|record| record.command.written.len() + record.errors.len() * 128);
            let device = machine(action);
            let own = device.id.len() + device.name.len() + action.comment.len();
            length += own + ACTION_FRAME;
            length += commands.map(|length| length + COMMAND_FRAME).sum::<usize>();
        }
        let touched = unwritten
            .iter()
            .map(|action| touch(action, machine(action)));
        // The bytes are not used, so the compiler would otherwise remove the reads.
        std::hint::black_box(touched.fold(0, std::ops::BitXor::bitxor));
        length
    }

    /// Appends the entity as the API returns it.
    pub(crate) fn write(&self, place: u32, machines: &Machines, out: &mut Vec<u8>) {
        let known = || {
            let action = self.get(place);
            (action, &machines.all[action.machine as usize])
        };
        self.written.borrow_mut().append(out, place, known);
    }

    /// Finds an action by its id, given as text.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let id = uuid::Uuid::try_parse(id).ok()?.as_u128();
        let place = self.by_id.find(id)?;
        (self.get(place).id == id).then_some(place)
    }

    /// Returns the places of those ids that exist. All ids are looked up before any is compared, so
    /// that the memory accesses overlap.
    fn listed(&self, ids: &[u128]) -> Candidates<'_> {
        let places: Vec<Option<u32>> = ids.iter().map(|id| self.by_id.find(*id)).collect();
        let found = ids.iter().zip(places);
        Candidates::listed(
            found.filter_map(|(id, place)| place.filter(|place| self.get(*place).id == *id)),
        )
    }

    /// Finds an action by its id as the API writes it. In filters, other ways of writing a GUID
    /// match nothing.
    pub(crate) fn find_exactly(&self, id: &str) -> Option<u32> {
        self.find(id).filter(|_| id.len() == 36)
    }

    /// Checks whether that id, or one that the index can't distinguish from it, is taken.
    pub(crate) fn has(&self, id: u128) -> bool {
        self.by_id.find(id).is_some()
    }

    /// Moves an action to another state.
    pub(crate) fn turn(&mut self, place: u32, state: State, now: Moment) {
        self.written.get_mut().forget(place);
        let action = &mut self.all[place as usize];
        self.by_state[action.state as usize].remove(place);
        action.state = state;
        action.updated = now;
        self.by_state[state as usize].insert(place);
    }

    /// Returns the number of actions in a state.
    pub(crate) fn count(&self, state: State) -> usize {
        self.by_state[state as usize].len()
    }

    /// Finds the actions a filter can match: the smallest part of the list that one condition and
    /// the creation times leave, and the conditions still to be checked. `lag_max` is the longest
    /// time for which an action may be invisible.
    pub(crate) fn found<'a>(
        &'a self,
        filter: Option<&'a Filter>,
        machines: &'a Machines,
        now: Moment,
        lag_max: Duration,
    ) -> Matches<'a> {
        let mut range = 0..index(self.all.len());
        let mut best: Option<(usize, &Filter, Candidates<'_>)> = None;
        let mut rest = Vec::new();
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
                rest.push(part);
                continue;
            };
            let candidates = candidates.within(&range);
            let len = candidates.len();
            match &best {
                Some((least, ..)) if *least <= len => rest.push(part),
                _ => {
                    let beaten = best.replace((len, part, candidates));
                    rest.extend(beaten.map(|(_, part, _)| part));
                }
            }
        }
        let is_old = |action: &ActionRecord| action.created + lag_max <= now;
        let by_age = match self.all.last().is_none_or(is_old) {
            true => self.all.len(),
            false => self.all.partition_point(is_old),
        };
        let is_late = |place: &&u32| self.all[**place as usize].visible_at > now;
        let late = self.late.iter().filter(is_late).min();
        let settled = late.map_or(by_age, |place| by_age.min(*place as usize));
        Matches {
            candidates: best.map_or(Candidates::Range(range), |(_, _, candidates)| candidates),
            rest,
            settled: index(settled),
            natural: Direction::Descending,
        }
    }

    /// Returns the places that a condition on the creation time leaves. Actions are in the order of
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
        Some(u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?)
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
            let some: Vec<u32> = (machines.beginning_with(text))
                .take(DEVICES_FEW + 1)
                .collect();
            // For a whole fleet, all actions would have to be sorted before the first is shown.
            let are_few = some.len() <= DEVICES_FEW;
            return are_few.then(|| machines.actions_of(some.into_iter()));
        }
        let (property, literals) = part.equals()?;
        let texts = || literals.iter().filter_map(Literal::text);
        Some(match property {
            ID => {
                // Other ways of writing a GUID match nothing in filters.
                let ids = texts().filter(|text| text.len() == 36);
                let ids = ids.filter_map(|text| uuid::Uuid::try_parse(text).ok());
                self.listed(&ids.map(|id| id.as_u128()).collect::<Vec<u128>>())
            }
            STATUS => {
                self.in_states(|state| texts().any(|text| state.name().eq_ignore_ascii_case(text)))
            }
            MACHINE_ID => machines.actions_of(texts().filter_map(|id| machines.find(id))),
            MACHINE_NAME => {
                machines.actions_of(texts().flat_map(|name| machines.named(name).iter().copied()))
            }
            TYPE => match texts().any(|text| text.eq_ignore_ascii_case(LIVE_RESPONSE)) {
                true => Candidates::Range(0..u32::MAX),
                false => Candidates::none(),
            },
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

    fn in_states(&self, wanted: impl Fn(State) -> bool) -> Candidates<'_> {
        let sets = self.by_state.iter().zip(STATES);
        let sets = sets.filter(|(_, state)| wanted(*state)).map(|(set, _)| set);
        Candidates::Set(Union(sets.collect()), 0..u32::MAX)
    }
}

/// Returns the direction of an order that is the order of creation; `None` for any other order.
pub(crate) fn direction(order: &[OrderBy]) -> Option<Direction> {
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

const STATES: [State; 6] = [
    State::Pending,
    State::InProgress,
    State::Succeeded,
    State::Failed,
    State::TimeOut,
    State::Cancelled,
];
