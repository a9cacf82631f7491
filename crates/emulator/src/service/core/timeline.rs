//! Advances actions after their start: they are picked up, run command by command and wrapped up,
//! or they expire, or they are cancelled (API notes 3.5, 4.4, 7).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use svar_wire::Moment;
use svar_wire::{CommandStatus, CommandType};

use super::Service;
use super::start::FORBIDDEN_IN_ARGS;
use crate::device::{CommandOutcome, DeviceTask, Work};
use crate::scenario::StuckIn;
use crate::service::actions::ActionState;
use crate::service::random::Purpose;
use crate::settings::{RepeatedPut, ViolationPolicy};

/// An event that is scheduled. Actions and devices are given by their indices.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    /// A device picks up an action.
    Pickup { action: u32 },
    /// An action expires because no device has picked it up.
    Expiry { action: u32 },
    /// A command ends, and its outcome counts.
    CommandEnd { work: u64 },
    /// An action ends after its last command.
    Wrapup { action: u32 },
    /// A device restarts.
    Restart { machine: u32 },
    /// Another user replaces a library file.
    Overwrite { name: String },
}

/// An event with its time. Events of the same time happen in the order in which they were scheduled.
#[derive(Debug, PartialEq, Eq)]
struct ScheduledEvent {
    at: Moment,
    /// The number of the event, in the order of scheduling.
    number: u64,
    event: Event,
}

impl Ord for ScheduledEvent {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for ScheduledEvent {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The reason for which a command fails before its device does anything, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum TaskError {
    #[error("The file '{0}' was not found in the library.")]
    NotInLibrary(String),
    #[error("The command is out of order: PutFile comes first, GetFile last.")]
    OutOfOrder,
    #[error("The script '{0}' is not signed, and unsigned scripts are not allowed.")]
    Unsigned(String),
    #[error("The script's arguments contain a character that is not allowed.")]
    ForbiddenArgs,
}

/// Everything that is scheduled, and the work that devices are performing.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    events: BinaryHeap<Reverse<ScheduledEvent>>,
    /// The number of the last event that was scheduled.
    last_event: u64,
    /// The number of the last piece of work.
    last_work: u64,
    /// The command of each piece of work that devices are performing.
    running: HashMap<u64, RunningCommand>,
    /// Outcomes that have arrived, of commands that end later.
    pending_outcomes: HashMap<u64, CommandOutcome>,
    /// Work that devices have to begin.
    outbox: Vec<Work>,
}

/// A command that a device is performing.
#[derive(Debug, Clone, Copy)]
struct RunningCommand {
    action: u32,
    /// The index of the command in its action.
    index: usize,
}

impl Timeline {
    /// Adds an event.
    fn schedule(&mut self, at: Moment, event: Event) {
        self.last_event += 1;
        let number = self.last_event;
        self.events
            .push(Reverse(ScheduledEvent { at, number, event }));
    }

    /// Returns the work that devices have to begin, and removes it.
    pub(crate) fn take_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.outbox)
    }

    /// Returns the time of the next event.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.events.peek().map(|Reverse(event)| event.at)
    }
}

impl Service {
    /// Lets the time pass until `now`. Each event that is due happens at its own time.
    pub(crate) fn advance_to(&mut self, now: Moment) {
        let target = now.max(self.now);
        while self.timeline.next_wake().is_some_and(|at| at <= target) {
            let Some(Reverse(next)) = self.timeline.events.pop() else {
                break;
            };
            self.now = self.now.max(next.at);
            match next.event {
                Event::Pickup { action } => self.pick_up(action),
                Event::Expiry { action } => self.expire(action),
                Event::CommandEnd { work } => self.end_command(work),
                Event::Wrapup { action } => self.wrap_up(action),
                Event::Restart { machine } => self.restart(machine),
                Event::Overwrite { name } => self.overwrite(&name),
            }
        }
        self.now = target;
    }

    /// Schedules another user's replacement of a library file, after that delay.
    pub(crate) fn schedule_overwrite(&mut self, delay: Duration, name: String) {
        if delay.is_zero() {
            self.overwrite(&name);
        } else {
            self.timeline
                .schedule(self.now + delay, Event::Overwrite { name });
        }
    }

    /// Schedules the restarts that the scenario describes for its devices.
    pub(crate) fn schedule_restarts(&mut self) {
        for (machine, record) in (0..).zip(self.machines.iter()) {
            for after in &record.device.restarts {
                let at = self.started + after.0;
                self.timeline.schedule(at, Event::Restart { machine });
            }
        }
    }

    /// Restarts a device: the device gets the task, and its running command fails.
    fn restart(&mut self, machine: u32) {
        self.ledger.add_restart(self.now, machine);
        self.timeline.last_work += 1;
        let number = self.timeline.last_work;
        self.give_to_device(number, machine, DeviceTask::Restart);
        let Some(active) = self.machines.get(machine).active else {
            return;
        };
        let running = &self.timeline.running;
        let interrupted = running
            .iter()
            .find(|(_, command)| command.action == active)
            .map(|(work, _)| *work);
        if let Some(work) = interrupted {
            let outcome = CommandOutcome::failed("The device restarted while the command ran.");
            self.timeline.pending_outcomes.insert(work, outcome);
            self.end_command(work);
        }
    }

    /// Gives a task to a device. `number` is the number of the work.
    fn give_to_device(&mut self, number: u64, machine: u32, task: DeviceTask) {
        let record = self.machines.get(machine);
        self.timeline.outbox.push(Work {
            number,
            machine,
            name: Arc::clone(&record.name),
            device: Arc::clone(&record.device),
            task,
        });
    }

    /// Schedules the time at which the device picks up a new action, or the action's expiry.
    pub(crate) fn schedule_pickup(&mut self, action: u32, key: [u64; 2]) {
        let now = self.now;
        let machine = self.machines.get(self.actions.get(action).machine);
        let delay = machine
            .device
            .pickup_delay
            .unwrap_or(self.settings.pickup_delay)
            .at(self.random.fraction(Purpose::Pickup, &key));
        let expires = now + self.settings.queue_ttl.0;
        let pickup = machine
            .reachable_from(self.started, now)
            .map(|from| from + delay)
            .filter(|pickup| *pickup <= expires)
            .filter(|_| machine.device.stuck_in != Some(StuckIn::Pending));
        match pickup {
            Some(pickup) => self.timeline.schedule(pickup, Event::Pickup { action }),
            None => self.timeline.schedule(expires, Event::Expiry { action }),
        }
    }

    /// Begins an action on its device, unless the device is offline or the action has ended.
    fn pick_up(&mut self, action: u32) {
        let record = self.actions.get(action);
        if record.state != ActionState::Pending {
            return;
        }
        // The device may be offline again by now.
        let (now, expires) = (self.now, record.created + self.settings.queue_ttl.0);
        let machine = self.machines.get(record.machine);
        match machine.reachable_from(self.started, now) {
            Some(at) if at <= now => {}
            Some(at) if at <= expires => {
                return self.timeline.schedule(at, Event::Pickup { action });
            }
            _ => return self.timeline.schedule(expires, Event::Expiry { action }),
        }
        self.actions
            .set_state(action, ActionState::InProgress, self.now);
        self.begin_command(action, 0);
    }

    /// Ends an action that no device has picked up.
    fn expire(&mut self, action: u32) {
        if self.actions.get(action).state == ActionState::Pending {
            self.end(
                action,
                ActionState::from_setting(self.settings.queue_expiry_status),
            );
        }
    }

    /// Begins the command at that index: gives it to the device, or fails it at once.
    fn begin_command(&mut self, action: u32, index: usize) {
        let now = self.now;
        let record = self.actions.get_mut(action);
        record.updated = now;
        let machine = record.machine;
        let command = &mut record.commands[index];
        command.status = CommandStatus::Executing;
        command.began = Some(now);
        let task = self.task(action, index);
        self.timeline.last_work += 1;
        let number = self.timeline.last_work;
        self.timeline
            .running
            .insert(number, RunningCommand { action, index });
        let is_stuck = self.machines.get(machine).device.stuck_in == Some(StuckIn::InProgress);
        match task {
            Ok(_) if is_stuck => {
                let outcome = CommandOutcome {
                    duration_min: self.settings.script_time_limit.0,
                    ..CommandOutcome::failed("The device did not answer in time.")
                };
                self.command_finished(number, outcome);
            }
            Ok(task) => self.give_to_device(number, machine, task),
            Err(error) => self.command_finished(number, CommandOutcome::failed(error.to_string())),
        }
    }

    /// Returns the device's task for a command.
    ///
    /// # Errors
    /// The command fails before the device does anything.
    fn task(&self, action: u32, index: usize) -> Result<DeviceTask, TaskError> {
        let command = &self.actions.get(action).commands[index].command;
        // Optional parameters that are missing are empty.
        let param = |key: &str| command.param(key).unwrap_or_default().to_owned();
        let content_of = |name: &str| match self.library.find(name) {
            Some(file) => Ok(file.content().cloned()),
            None if self.settings.unknown_script == ViolationPolicy::Allow => Ok(None),
            None => Err(TaskError::NotInLibrary(name.to_owned())),
        };
        let earlier = &self.actions.get(action).commands[..index];
        if self.settings.order_violation == ViolationPolicy::Fail
            && earlier
                .iter()
                .any(|record| record.command.kind > command.kind)
        {
            return Err(TaskError::OutOfOrder);
        }
        match command.kind {
            CommandType::PutFile => {
                let name = param("FileName");
                let content = content_of(&name)?;
                Ok(DeviceTask::Put {
                    name,
                    content,
                    may_overwrite: self.settings.repeated_put == RepeatedPut::Allow,
                })
            }
            CommandType::RunScript => {
                let script = param("ScriptName");
                let content = content_of(&script)?;
                let args = param("Args");
                if !self.settings.unsigned_scripts && is_unsigned(&script, content.as_ref()) {
                    return Err(TaskError::Unsigned(script));
                }
                if self.settings.forbidden_args == ViolationPolicy::Fail
                    && args.contains(FORBIDDEN_IN_ARGS)
                {
                    return Err(TaskError::ForbiddenArgs);
                }
                Ok(DeviceTask::Run {
                    script,
                    args,
                    content,
                    time_limit: self.settings.script_time_limit.0,
                })
            }
            CommandType::GetFile => Ok(DeviceTask::Get {
                path: param("Path"),
            }),
        }
    }

    /// Accepts the outcome of a piece of work. The command ends when the time that the outcome took has
    /// passed.
    pub(crate) fn command_finished(&mut self, work: u64, mut outcome: CommandOutcome) {
        let Some(&RunningCommand { action, index }) = self.timeline.running.get(&work) else {
            return;
        };
        let command = &self.actions.get(action).commands[index];
        let began = (command.began).expect("internal error: a running command has not begun");
        let limit = self.settings.script_time_limit.0;
        if command.command.kind == CommandType::RunScript && outcome.duration_min > limit {
            // Only a scripted outcome can exceed the limit: a device stops a real script in time.
            outcome = CommandOutcome {
                duration_min: limit,
                ..CommandOutcome::failed("The script exceeded its time limit and was stopped.")
            };
        }
        let done = self.now.max(began + outcome.duration_min);
        let machine = self.machines.get(self.actions.get(action).machine);
        // A device that has gone offline continues its command, and reports the end when it is
        // online again.
        let gives_up_at = done + self.settings.queue_ttl.0;
        let back = machine.reachable_from(self.started, done);
        let ends = match back.filter(|back| *back <= gives_up_at) {
            Some(back) => back,
            None => {
                outcome =
                    CommandOutcome::failed("The device went offline and did not come back online.");
                gives_up_at
            }
        };
        self.timeline.pending_outcomes.insert(work, outcome);
        if ends > self.now {
            self.timeline.schedule(ends, Event::CommandEnd { work });
        } else {
            self.end_command(work);
        }
    }

    /// Records the end of a command, and begins the next one or ends the action.
    fn end_command(&mut self, work: u64) {
        let (Some(RunningCommand { action, index }), Some(outcome)) = (
            self.timeline.running.remove(&work),
            self.timeline.pending_outcomes.remove(&work),
        ) else {
            return;
        };
        let now = self.now;
        let was_stopped = !outcome.errors.is_empty();
        let exit_code_fails =
            self.settings.nonzero_exit_fails && outcome.exit.is_some_and(|exit| exit != 0);
        let mut errors = outcome.errors;
        if exit_code_fails && errors.is_empty() {
            errors.push("The script ended with a non-zero exit code.".to_owned());
        }
        let has_failed = !errors.is_empty();
        let limit = self.settings.script_time_limit.0;
        let record = self.actions.get_mut(action);
        record.updated = now;
        let count = record.commands.len();
        let was_cancelled = record.cancellation.is_some();
        let command = &mut record.commands[index];
        let began = (command.began).expect("internal error: a running command has not begun");
        let took = now.since(began);
        record.ran_into_limit |=
            was_stopped && took >= limit && command.command.kind == CommandType::RunScript;
        command.status = if has_failed {
            CommandStatus::Failed
        } else {
            CommandStatus::Completed
        };
        command.ended = Some(now);
        command.errors = errors.into();
        command.exit = outcome.exit;
        command.result = outcome.result;
        let kind = command.command.kind;
        self.ledger
            .add_command(now, record.machine, action, index, kind);
        if has_failed && self.settings.skipped_commands_fail {
            for skipped in &mut self.actions.get_mut(action).commands[index + 1..] {
                skipped.status = CommandStatus::Failed;
                skipped.errors = Box::new(["An earlier command failed.".to_owned()]);
            }
        }
        if was_cancelled {
            self.end(action, ActionState::Cancelled);
        } else if has_failed || index + 1 == count {
            let wait = self.wrapup_delay(action);
            self.timeline.schedule(now + wait, Event::Wrapup { action });
        } else {
            self.begin_command(action, index + 1);
        }
    }

    /// Returns the time from the last command to the final status.
    fn wrapup_delay(&self, action: u32) -> Duration {
        let machine = self.actions.get(action).machine;
        let record = self.machines.get(machine);
        let number = record
            .actions
            .iter()
            .rposition(|known| *known == action)
            .expect("internal error: an action is not among those of its device");
        let key = [u64::from(machine), number as u64];
        record
            .device
            .wrapup_delay
            .unwrap_or(self.settings.wrapup_delay)
            .at(self.random.fraction(Purpose::Wrapup, &key))
    }

    /// Ends an action after its last command.
    fn wrap_up(&mut self, action: u32) {
        let record = self.actions.get(action);
        if record.state.is_final() {
            return;
        }
        let has_failed = record
            .commands
            .iter()
            .any(|command| command.status == CommandStatus::Failed);
        let state = if record.cancellation.is_some() && self.settings.late_cancel_marks_cancelled {
            ActionState::Cancelled
        } else if record.ran_into_limit {
            ActionState::from_setting(self.settings.script_timeout_status)
        } else if has_failed {
            ActionState::Failed
        } else {
            ActionState::Succeeded
        };
        let is_flapping = record.is_flapping && state == ActionState::Succeeded;
        self.end(action, state);
        if is_flapping {
            // The ledger has the true status. Only reads return another one.
            self.actions
                .set_state(action, ActionState::Failed, self.now);
        }
    }

    /// Gives an action its final state and releases its device.
    pub(crate) fn end(&mut self, action: u32, state: ActionState) {
        let now = self.now;
        self.actions.set_state(action, state, now);
        let record = self.actions.get(action);
        let machine = self.machines.get_mut(record.machine);
        if machine.active == Some(action) {
            machine.active = None;
        }
        if record.cancellation.is_some() {
            machine.busy_until = now + self.settings.cancel_release_delay.0;
        }
        self.ledger
            .add_session_end(now, record.machine, action, state);
    }
}

/// Returns whether a script is a PowerShell script without a signature. A script without content in the
/// scenario counts as signed.
fn is_unsigned(script: &str, content: Option<&Bytes>) -> bool {
    const SIGNATURE_START: &[u8] = b"# SIG # Begin signature block";
    script.to_ascii_lowercase().ends_with(".ps1")
        && content.is_some_and(|content| {
            !(content.windows(SIGNATURE_START.len())).any(|part| part == SIGNATURE_START)
        })
}
