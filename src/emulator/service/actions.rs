//! The machine actions, with the indexes that keep lists fast.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::moment::Moment;
use crate::wire::{ActionStatus, Command, CommandEntry, CommandStatus, MachineAction};

use super::super::knobs::BadEnd;
use super::super::odata::{Comparison, Entity, Filter, Kind, Row, Value};
use super::super::odata::{Literal, compare};
use super::chance::guid;
use super::machines::MachineRecord;
use super::stamp::stamp;

/// The six states, as an index.
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

    /// The state a knob names.
    pub(crate) fn of_bad_end(end: BadEnd) -> Self {
        match end {
            BadEnd::Failed => State::Failed,
            BadEnd::TimeOut => State::TimeOut,
            BadEnd::Cancelled => State::Cancelled,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        self > State::InProgress
    }
}

/// One command of an action.
#[derive(Debug)]
pub(crate) struct CommandRecord {
    pub(crate) command: Command,
    pub(crate) status: CommandStatus,
    pub(crate) began: Option<Moment>,
    pub(crate) ended: Option<Moment>,
    pub(crate) errors: Vec<String>,
    /// What its link leads to.
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
    /// Reads don't know it before.
    pub(crate) visible_at: Moment,
    pub(crate) state: State,
    pub(crate) commands: Box<[CommandRecord]>,
    pub(crate) cancellation: Option<Box<Cancellation>>,
    /// Under the flapping knob: a reader has seen it `Failed`, the next one sees `Succeeded`.
    pub(crate) was_shown_failed: bool,
    /// It went well, and the first reader is told otherwise.
    pub(crate) is_flapping: bool,
    /// A script of it was stopped at its time limit.
    pub(crate) ran_into_limit: bool,
}

impl ActionRecord {
    /// The entity as the API answers it.
    pub(crate) fn entity(&self, machine: &MachineRecord) -> MachineAction {
        let cancellation = self.cancellation.as_deref();
        MachineAction {
            context: None,
            id: guid(self.id).to_string(),
            kind: Some("LiveResponse".to_owned()),
            title: None,
            requestor: Some(self.requestor.to_string()),
            requestor_comment: Some(self.comment.to_string()),
            status: ActionStatus::parse(self.state.name()),
            machine_id: Some(machine.id.to_string()),
            computer_dns_name: Some(machine.name.to_string()),
            creation_date_time_utc: Some(stamp(self.created)),
            last_update_date_time_utc: Some(stamp(self.updated)),
            cancellation_requestor: cancellation.map(|cancel| cancel.requestor.to_string()),
            cancellation_comment: cancellation.and_then(|cancel| cancel.comment.clone()),
            cancellation_date_time_utc: cancellation.map(|cancel| stamp(cancel.at)),
            error_h_result: Some(0),
            scope: None,
            external_id: None,
            request_source: Some("PublicApi".to_owned()),
            related_file_info: None,
            commands: Some(
                self.commands
                    .iter()
                    .zip(0..)
                    .map(|(record, index)| CommandEntry {
                        index,
                        start_time: record.began.map(stamp),
                        end_time: record.ended.map(stamp),
                        command_status: record.status.clone(),
                        errors: record.errors.clone(),
                        command: Some(record.command.clone()),
                    })
                    .collect(),
            ),
            troubleshoot_info: None,
        }
    }
}

/// What a filter on machine actions may name (contract 5.1).
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
const CREATED: usize = 5;

/// An action as filters see it.
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
            3 => Value::Text("LiveResponse".into()),
            4 => Value::Text((&*self.action.requestor).into()),
            CREATED => Value::Time(self.action.created),
            6 => Value::Time(self.action.updated),
            7 => Value::Text((&*self.action.comment).into()),
            8 => Value::Text((&*self.machine.name).into()),
            _ => Value::Null,
        }
    }
}

/// All actions, in the order they were created.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    pub(crate) all: Vec<ActionRecord>,
    by_id: HashMap<u128, u32>,
    by_state: [BTreeSet<u32>; 6],
}

impl Actions {
    /// Adds an action. Its creation time is not before the last one's.
    pub(crate) fn add(&mut self, action: ActionRecord) -> u32 {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.by_id.insert(action.id, place);
        self.by_state[action.state as usize].insert(place);
        self.all.push(action);
        place
    }

    pub(crate) fn get(&self, place: u32) -> &ActionRecord {
        &self.all[place as usize]
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> &mut ActionRecord {
        &mut self.all[place as usize]
    }

    /// By id, as text.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let id = uuid::Uuid::try_parse(id).ok()?;
        self.by_id.get(&id.as_u128()).copied()
    }

    /// Whether that id is taken.
    pub(crate) fn has(&self, id: u128) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Moves an action to another state.
    pub(crate) fn turn(&mut self, place: u32, state: State, now: Moment) {
        let action = &mut self.all[place as usize];
        self.by_state[action.state as usize].remove(&place);
        action.state = state;
        action.updated = now;
        self.by_state[state as usize].insert(place);
    }

    /// How many are in that state.
    pub(crate) fn count(&self, state: State) -> usize {
        self.by_state[state as usize].len()
    }

    /// Places in which everything that passes the filter is found, newest first: by the sharpest
    /// index one of the filter's conjuncts allows.
    pub(crate) fn candidates<'a>(
        &'a self,
        filter: Option<&'a Filter>,
        of_machine: impl Fn(&str) -> Option<&'a [u32]>,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        let conjuncts = filter.map(Filter::conjuncts).unwrap_or_default();
        let equals = |wanted: usize| {
            conjuncts.iter().find_map(|part| match part {
                Filter::Compare {
                    property,
                    comparison: Comparison::Eq,
                    literal,
                } if *property == wanted => Some(std::slice::from_ref(literal)),
                Filter::In { property, literals } if *property == wanted => {
                    Some(literals.as_slice())
                }
                // A chain of `or` over one property is the long way of writing `in`; it is left to the scan.
                _ => None,
            })
        };
        if let Some(ids) = equals(ID) {
            let mut places: Vec<u32> = texts(ids).filter_map(|id| self.find(id)).collect();
            places.sort_unstable_by(|a, b| b.cmp(a));
            places.dedup();
            return Box::new(places.into_iter());
        }
        if let Some([machine]) = equals(MACHINE_ID) {
            let places = texts(std::slice::from_ref(machine))
                .next()
                .and_then(of_machine)
                .unwrap_or_default();
            return Box::new(places.iter().rev().copied());
        }
        let (mut from, mut to) = (0, self.all.len());
        for part in conjuncts {
            if let Filter::Compare {
                property: CREATED,
                comparison,
                literal: Literal::Time(time),
            } = part
            {
                let before = self.all.partition_point(|action| action.created < *time);
                let through = self.all.partition_point(|action| action.created <= *time);
                match comparison {
                    Comparison::Eq => (from, to) = (from.max(before), to.min(through)),
                    Comparison::Ge => from = from.max(before),
                    Comparison::Gt => from = from.max(through),
                    Comparison::Lt => to = to.min(before),
                    Comparison::Le => to = to.min(through),
                    Comparison::Ne => {}
                }
            }
        }
        let range = u32::try_from(from).unwrap_or(0)..u32::try_from(to.max(from)).unwrap_or(0);
        if let Some(states) = equals(STATUS) {
            let mut places: Vec<u32> = texts(states)
                .filter_map(|name| {
                    self.by_state
                        .iter()
                        .zip(STATES)
                        .find(|(_, state)| state.name().eq_ignore_ascii_case(name))
                })
                .flat_map(|(places, _)| places.range(range.clone()).copied())
                .collect();
            places.sort_unstable_by(|a, b| b.cmp(a));
            places.dedup();
            return Box::new(places.into_iter());
        }
        Box::new(range.rev())
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

fn texts(literals: &[Literal]) -> impl Iterator<Item = &str> {
    literals.iter().filter_map(|literal| match literal {
        Literal::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// Sorts places by the asked order; equal ones stay as they are.
pub(crate) fn sort_by<R: Row>(places: &mut [u32], order: &[(usize, bool)], row: impl Fn(u32) -> R) {
    places.sort_by(|left, right| {
        let (left, right) = (row(*left), row(*right));
        for (property, descending) in order {
            let way = compare(&left.value(*property), &right.value(*property));
            let way = if *descending { way.reverse() } else { way };
            if way.is_ne() {
                return way;
            }
        }
        std::cmp::Ordering::Equal
    });
}
