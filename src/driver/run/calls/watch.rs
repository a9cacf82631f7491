//! Reads the state of all actions of the run with one list call.

use std::time::Duration;

use svar_engine::{CommandEnd, CommandState, DeviceIndex, FactBody, RequestIndex, SentCommand};
use svar_plan::Verb;
use svar_wire::ActionId;
use svar_wire::Moment;
use svar_wire::text::one_line;
use svar_wire::{ActionStatus, CommandEntry, CommandStatus, CommandType, MachineAction};

use crate::driver::store::{FolderError, Record, RecordKey};

use super::super::memory::{CallContext, OpenAction};
use super::answer::{Answer, FollowUp, NewFact};
use super::dispatch::Calls;
use super::start::file_of;

/// Maximum number of further checks of an action that failed although none of its commands did:
/// such states were seen to turn into success a little later (API notes 4.4).
const RECHECKS_MAX: u8 = 2;

/// Tolerance for the age at which the service's queue gives up an action: the queue may be cleared
/// a little early, and times may be rounded (our choice).
const QUEUE_TOLERANCE: Duration = Duration::from_secs(60);

/// Maximum length, in characters, of a command that the service names and that was not sent.
const COMMAND_LENGTH_MAX: usize = 200;

/// Maximum length, in characters, of the service's message about a failed command.
const ERROR_LENGTH_MAX: usize = 1_000;

impl Calls {
    pub(super) async fn watch(
        &self,
        context: &CallContext,
        actions: &[(DeviceIndex, ActionId)],
    ) -> Result<Answer, FolderError> {
        let ids: Vec<ActionId> = actions.iter().map(|(_, id)| id.clone()).collect();
        let oldest = context
            .actions
            .values()
            .map(|known| known.announced_at)
            .min();
        let since = oldest.unwrap_or(Moment::EPOCH);
        let listed = match self.client.actions(&ids, since).await {
            Ok(listed) => listed,
            Err(error) => {
                return Ok(Answer::without_facts(FollowUp::of_failed_read(error)));
            }
        };
        let of_device = |device, body| NewFact {
            device: Some(device),
            body,
        };
        let mut facts = Vec::new();
        for action in listed {
            let Ok(id) = ActionId::parse(&action.id) else {
                continue;
            };
            let Some(known) = context.actions.get(&id) else {
                continue;
            };
            if action.status.is_final() {
                if let Some(ended) = self.check_end(&id, known, action).await? {
                    facts.push(of_device(known.device, ended));
                }
            } else if action.status == ActionStatus::InProgress {
                if !known.began {
                    let action = id.clone();
                    let began = FactBody::ActionBegan { action };
                    facts.push(of_device(known.device, began));
                }
                // A replica that lags behind may report an older state.
                if known.is_timed
                    && let Some((index, state)) = progress_of(&action)
                    && (index, state) > known.reached
                {
                    let reached = FactBody::CommandReached {
                        action: id,
                        index,
                        state,
                    };
                    facts.push(of_device(known.device, reached));
                }
            }
        }
        Ok(Answer {
            facts,
            follow_up: FollowUp::Watched,
        })
    }

    /// Writes the records of the commands of an action that has ended, and returns the fact that
    /// it has; `None` while its end is in doubt.
    async fn check_end(
        &self,
        id: &ActionId,
        known: &OpenAction,
        action: MachineAction,
    ) -> Result<Option<FactBody>, FolderError> {
        let expired = expired_in_queue(&action, self.compiled.plan().limits.queue());
        let status = action.status;
        let mut entries = action.commands.unwrap_or_default();
        if entries.is_empty() {
            // The field may be left out of a list (API notes 4.2).
            if let Ok(whole) = self.client.action(id).await {
                entries = whole.commands.unwrap_or_default();
            }
        }
        let a_command_failed = entries
            .iter()
            .any(|entry| entry.command_status == CommandStatus::Failed);
        if status == ActionStatus::Failed
            && !a_command_failed
            && !expired
            && self
                .repeat_counts
                .failures_without_failed_command
                .increment(id.clone())
                <= RECHECKS_MAX
        {
            return Ok(None);
        }
        entries.sort_by_key(|entry| entry.index);
        let ends = entries.iter().map(|entry| {
            let index = index_of(entry);
            CommandEnd {
                index,
                status: entry.command_status.clone(),
                error: self.error_of(entry),
                named: (index.get(&known.sent))
                    .and_then(|sent| self.unexpected_command(entry, sent)),
            }
        });
        let commands: Vec<CommandEnd> = ends.collect();
        for (sent, end) in known.reported(&status, &commands) {
            let entry = entries.iter().find(|entry| index_of(entry) == end.index);
            if let Some(entry) = entry {
                self.write_record(id, known.device, sent, entry, end)?;
            }
        }
        Ok(Some(FactBody::ActionEnded {
            action: id.clone(),
            status,
            commands,
            expired,
        }))
    }

    fn error_of(&self, entry: &CommandEntry) -> Option<String> {
        let joined = entry.errors.join("; ");
        let cleaned: String = joined
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(ERROR_LENGTH_MAX)
            .collect();
        let cleaned = cleaned.trim();
        (!cleaned.is_empty()).then(|| self.secrets().mask(cleaned).into_owned())
    }

    /// Returns the command that the service names if it is not the one that was sent.
    fn unexpected_command(&self, entry: &CommandEntry, sent: &SentCommand) -> Option<String> {
        let command = entry.command.as_ref()?;
        let verb = match command.kind {
            CommandType::PutFile => Verb::Put,
            CommandType::RunScript => Verb::Run,
            CommandType::GetFile => Verb::Get,
        };
        let file = file_of(command).map(|file| self.secrets().mask(file).into_owned());
        let same_file = match (&file, &sent.file) {
            (Some(file), Some(sent)) => file == sent,
            // At least one of them names no file.
            _ => true,
        };
        (verb != sent.verb || !same_file).then(|| {
            let file = file.as_deref().unwrap_or_default();
            one_line(&format!("{:?} {file}", command.kind), COMMAND_LENGTH_MAX)
        })
    }

    /// Writes the record of a command in the state that the service reports. Its result is added
    /// later.
    fn write_record(
        &self,
        id: &ActionId,
        device: DeviceIndex,
        sent: &SentCommand,
        entry: &CommandEntry,
        end: &CommandEnd,
    ) -> Result<(), FolderError> {
        let SentCommand { step, verb, .. } = *sent;
        let key = RecordKey {
            device,
            step,
            action: id.clone(),
            index: end.index,
        };
        let mut record = Record::new(self.compiled.plan(), &key, verb);
        let time = |text: &Option<String>| Moment::parse(text.as_deref()?).ok();
        record.status = entry.command_status.as_str().to_owned();
        record.started = time(&entry.start_time);
        record.ended = time(&entry.end_time);
        record.error.clone_from(&end.error);
        self.records.write_without_sync(&key, &record)
    }
}

/// Returns whether an action ended at the age at which the service's queue gives up actions,
/// without being cancelled. The status in which such an action ends is not known (API notes 3.5).
/// Compares only the service's own times, so the result does not depend on the time of the check.
fn expired_in_queue(action: &MachineAction, queue: Duration) -> bool {
    let time = |text: &Option<String>| Moment::parse(text.as_deref()?).ok();
    let created = time(&action.creation_date_time_utc);
    let ended = time(&action.last_update_date_time_utc);
    let is_cancelled = action.cancellation_requestor.is_some()
        || action.cancellation_comment.is_some()
        || action.cancellation_date_time_utc.is_some();
    let (Some(created), Some(ended)) = (created, ended) else {
        return false;
    };
    let is_failed_end = matches!(
        action.status,
        ActionStatus::Failed | ActionStatus::Cancelled | ActionStatus::TimeOut
    );
    is_failed_end && !is_cancelled && created + queue <= ended + QUEUE_TOLERANCE
}

/// Returns the progress of a running action; `None` if the list does not include its commands
/// (API notes 4.2).
fn progress_of(action: &MachineAction) -> Option<(RequestIndex, CommandState)> {
    let mut entries: Vec<&CommandEntry> = action.commands.as_ref()?.iter().collect();
    entries.sort_by_key(|entry| entry.index);
    let after = entries.last()?.index.saturating_add(1);
    let is = |entry: &CommandEntry, status| entry.command_status == status;
    let executes = |entry: &CommandEntry| {
        is(entry, CommandStatus::Executing)
            || (entry.start_time.is_some() && entry.end_time.is_none())
    };
    let is_over = |entry: &CommandEntry| {
        is(entry, CommandStatus::Completed) || is(entry, CommandStatus::Failed)
    };
    let current = entries.iter().find(|entry| !is_over(entry));
    // The commands after a failed command are not run.
    let has_failed = entries.iter().any(|entry| is(entry, CommandStatus::Failed));
    // The documented states (API notes 4.3) don't distinguish a command that executes from one that
    // waits. Its times do; without them the state is unknown.
    let has_states = entries.iter().any(|entry| {
        entry.start_time.is_some() || !(is_over(entry) || is(entry, CommandStatus::Created))
    });
    let (index, state) = match current {
        Some(entry) if !has_failed => match (executes(entry), has_states) {
            (true, _) => (entry.index, CommandState::Executing),
            (false, true) => (entry.index, CommandState::Waiting),
            (false, false) => (entry.index, CommandState::Presumed),
        },
        _ => (after, CommandState::Waiting),
    };
    Some((u16::try_from(index).ok().map(RequestIndex)?, state))
}

/// The index of an entry that no request can have.
const INDEX_OUT_OF_RANGE: RequestIndex = RequestIndex(u16::MAX);

/// Returns the index of an entry in the request.
fn index_of(entry: &CommandEntry) -> RequestIndex {
    u16::try_from(entry.index).map_or(INDEX_OUT_OF_RANGE, RequestIndex)
}
