//! The commands that starts ask for, each kept once for as many actions as possible.
//!
//! A fleet run asks thousands of devices for the same, so actions share a command, its text as JSON
//! included. Where every device gets arguments of its own, nothing is shared and nothing lost.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Deref;
use std::sync::Arc;

use svar_wire::Command;

/// A command with what it looks like in an answer.
#[derive(Debug)]
pub(crate) struct SharedCommand {
    command: Command,
    /// As JSON.
    pub(crate) written: Box<[u8]>,
}

impl Deref for SharedCommand {
    type Target = Command;

    fn deref(&self) -> &Command {
        &self.command
    }
}

/// Commands of recent starts, by their hash: each command has one slot it can be in.
#[derive(Debug)]
pub(crate) struct RecentCommands([Option<Arc<SharedCommand>>; SLOTS]);

/// More than a playbook has commands, and few enough to look through none of them.
const SLOTS: usize = 256;

impl Default for RecentCommands {
    fn default() -> Self {
        RecentCommands([const { None }; SLOTS])
    }
}

impl RecentCommands {
    /// Returns the command, shared with recent actions that have the same one.
    pub(crate) fn share(&mut self, command: Command) -> Arc<SharedCommand> {
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        // Below the number of slots.
        let slot = &mut self.0[(hasher.finish() % SLOTS as u64) as usize];
        if let Some(known) = slot.as_ref().filter(|known| known.command == command) {
            return Arc::clone(known);
        }
        // Plain data with text keys: writing it can't fail.
        let written = serde_json::to_vec(&command)
            .expect("internal error: plain data can always be written as JSON");
        let asked = Arc::new(SharedCommand {
            command,
            written: written.into(),
        });
        *slot = Some(Arc::clone(&asked));
        asked
    }
}
