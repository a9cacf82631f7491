//! The model: what is true by the API notes.

use std::collections::{BTreeMap, HashMap};

use super::steps::Command;

pub(super) const MACHINES: usize = 5;
pub(super) const SLOTS: usize = 3;
pub(super) const STARTS: u32 = 4;
pub(super) const READS: u32 = 12;
pub(super) const PICKUP: u64 = 10;
pub(super) const SCRIPT: u64 = 20;
pub(super) const WRAPUP: u64 = 5;
pub(super) const NAMES: [&str; 3] = ["ok.ps1", "other.ps1", "tool.exe"];

#[derive(Debug)]
pub(super) struct Action {
    pub(super) id: String,
    pub(super) machine: usize,
    pub(super) commands: Vec<Command>,
    /// What each command shows, and whether it has a result.
    pub(super) shown: Vec<(&'static str, bool)>,
    pub(super) status: &'static str,
    pub(super) is_cancelled: bool,
    /// When it goes on, and with what.
    pub(super) next: Option<(u64, Phase)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Pickup,
    Ended(usize),
    Wrapup,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) actions: Vec<Action>,
    pub(super) library: BTreeMap<&'static str, Option<Vec<u8>>>,
    pub(super) calls: HashMap<&'static str, (u64, u32)>,
}

impl Model {
    pub(super) fn new() -> Self {
        let mut model = Model::default();
        // The scenario names the file and no content; its hash is that of the name.
        model.library.insert("ok.ps1", None);
        model
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds;
        while let Some((at, place)) = (self.actions.iter().enumerate())
            .filter_map(|(place, action)| action.next.map(|(at, _)| (at, place)))
            .filter(|(at, _)| *at <= end)
            .min()
        {
            let (_, phase) = self.actions[place].next.take().unwrap();
            match phase {
                Phase::Pickup => {
                    self.actions[place].status = "InProgress";
                    self.begin(place, 0, at);
                }
                Phase::Ended(index) => {
                    self.actions[place].shown[index] = ("Completed", true);
                    self.after(place, index, at, false);
                }
                Phase::Wrapup => {
                    let action = &mut self.actions[place];
                    let has_failed = action.shown.iter().any(|(shown, _)| *shown == "Failed");
                    action.status = match (action.is_cancelled, has_failed) {
                        (true, _) => "Cancelled",
                        (_, true) => "Failed",
                        _ => "Succeeded",
                    };
                }
            }
        }
        self.now = end;
    }

    pub(super) fn begin(&mut self, place: usize, index: usize, at: u64) {
        let action = &mut self.actions[place];
        let (name, is_script) = match action.commands[index] {
            Command::Put(name) => (NAMES[name], false),
            Command::Run(name) => (NAMES[name], true),
        };
        if !self.library.contains_key(name) {
            action.shown[index] = ("Failed", false);
            self.after(place, index, at, true);
        } else if is_script {
            action.shown[index] = ("Executing", false);
            action.next = Some((at + SCRIPT, Phase::Ended(index)));
        } else {
            action.shown[index] = ("Completed", false);
            self.after(place, index, at, false);
        }
    }

    pub(super) fn after(&mut self, place: usize, index: usize, at: u64, has_failed: bool) {
        let action = &mut self.actions[place];
        if action.is_cancelled {
            action.status = "Cancelled";
        } else if has_failed || index + 1 == action.commands.len() {
            action.next = Some((at + WRAPUP, Phase::Wrapup));
        } else {
            self.begin(place, index + 1, at);
        }
    }

    /// Counts a call; the seconds to wait if it is one too many.
    pub(super) fn refused(&mut self, row: &'static str, limit: u32) -> Option<u64> {
        let minute = self.now / 60;
        let used = self.calls.entry(row).or_default();
        if used.0 != minute {
            *used = (minute, 0);
        }
        if used.1 >= limit {
            return Some(60 - self.now % 60);
        }
        used.1 += 1;
        None
    }

    pub(super) fn is_open(action: &Action) -> bool {
        matches!(action.status, "Pending" | "InProgress")
    }
}
