//! Keeps each command of recent starts once, for as many actions as possible.
//!
//! A fleet run sends the same commands to thousands of devices, so actions share a command and its
//! JSON text. If every device gets its own arguments, nothing is shared, and the cache costs next
//! to nothing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Deref;
use std::sync::Arc;

use svar_wire::Command;

use super::json;

/// A command with its JSON text.
#[derive(Debug)]
pub(crate) struct SharedCommand {
    command: Command,
    /// The command as JSON.
    pub(crate) json: Box<[u8]>,
}

impl Deref for SharedCommand {
    type Target = Command;

    fn deref(&self) -> &Command {
        &self.command
    }
}

/// The commands of recent starts, by their hash. Each command has exactly one slot it can be in.
#[derive(Debug)]
pub(crate) struct RecentCommands([Option<Arc<SharedCommand>>; SLOTS]);

/// The number of slots: more than a playbook has commands.
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
        // The remainder is below the number of slots.
        let slot = &mut self.0[(hasher.finish() % SLOTS as u64) as usize];
        if let Some(known) = slot.as_ref().filter(|known| known.command == command) {
            return Arc::clone(known);
        }
        let shared = Arc::new(SharedCommand {
            json: json::to_vec(&command).into(),
            command,
        });
        *slot = Some(Arc::clone(&shared));
        shared
    }
}
