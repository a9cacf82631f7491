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
use crate::device::{CommandOutcome, DeviceTask};
use crate::scenario::{Device, StuckIn};
use crate::service::actions::State;
use crate::service::ledger::LedgerEvent;
use crate::service::random::Purpose;
use crate::settings::{RepeatedPut, ViolationPolicy};

/// A piece of work for a device. [`Service::finished`] accepts its outcome, by its number.
#[derive(Debug, Clone)]
pub struct Work {
    /// The number of the work, which is never used again.
    pub number: u64,
    /// The device's place. The same number always means the same device.
    pub machine: u32,
    /// The device's full name.
    pub name: Arc<str>,
    /// The scenario's description of the device.
    pub device: Arc<Device>,
    /// The task to perform.
    pub task: DeviceTask,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Pickup(u32),
    Expire(u32),
    CommandEnd(u64),
    Wrapup(u32),
    /// A device restarts.
    Restart(u32),
    /// Another user replaces a library file.
    Overwrite(String),
}

#[derive(Debug, PartialEq, Eq)]
struct Due {
    at: Moment,
    number: u64,
    event: Event,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Everything that is scheduled, and the work that devices are performing.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    due: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
    given_out: u64,
    /// The action and command of each piece of work that devices are performing.
    running: HashMap<u64, (u32, usize)>,
    /// Outcomes that have arrived but are not due yet.
    early: HashMap<u64, CommandOutcome>,
    outbox: Vec<Work>,
}

impl Timeline {
    fn schedule(&mut self, at: Moment, event: Event) {
        self.scheduled += 1;
        let number = self.scheduled;
        self.due.push(Reverse(Due { at, number, event }));
    }

    pub(crate) fn take_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.outbox)
    }

    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.due.peek().map(|Reverse(due)| due.at)
    }
}

impl Service {
    /// Applies everything due until `now`, each event at its own time.
    pub(crate) fn pass_time(&mut self, now: Moment) {
        let target = now.max(self.now);
        while self.timeline.next_wake().is_some_and(|at| at <= target) {
            let Some(Reverse(due)) = self.timeline.due.pop() else {
                break;
            };
            self.now = self.now.max(due.at);
            match due.event {
                Event::Pickup(action) => self.pick_up(action),
                Event::Expire(action) => self.expire(action),
                Event::CommandEnd(work) => self.command_ended(work),
                Event::Wrapup(action) => self.wrap_up(action),
                Event::Restart(machine) => self.restart(machine),
                Event::Overwrite(name) => self.overwrite(&name),
            }
        }
        self.now = target;
    }

    /// Schedules another user's replacement of a library file, after that delay.
    pub(crate) fn schedule_overwrite(&mut self, delay: Duration, name: String) {
        match delay.is_zero() {
            true => self.overwrite(&name),
            false => self
                .timeline
                .schedule(self.now + delay, Event::Overwrite(name)),
        }
    }

    /// Schedules the restarts that the scenario describes for its devices.
    pub(crate) fn schedule_restarts(&mut self) {
        for (machine, record) in (0..).zip(&self.machines.all) {
            for after in &record.device.restarts {
                let at = self.started + after.0;
                self.timeline.schedule(at, Event::Restart(machine));
            }
        }
    }

    /// Restarts a device: the device gets the task, and its running command fails.
    fn restart(&mut self, machine: u32) {
        self.ledger.add_restart(self.now, machine);
        self.timeline.given_out += 1;
        let number = self.timeline.given_out;
        self.hand_out(number, machine, DeviceTask::Restart);
        let Some(active) = self.machines.all[machine as usize].active else {
            return;
        };
        let running = &self.timeline.running;
        let interrupted = running
            .iter()
            .find(|(_, (action, _))| *action == active)
            .map(|(work, _)| *work);
        if let Some(work) = interrupted {
            let outcome = CommandOutcome::failed("The device restarted while the command ran.");
            self.timeline.early.insert(work, outcome);
            self.command_ended(work);
        }
    }

    fn hand_out(&mut self, number: u64, machine: u32, task: DeviceTask) {
        let record = &self.machines.all[machine as usize];
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
        let machine = &self.machines.all[self.actions.get(action).machine as usize];
        let delay = machine
            .device
            .pickup_delay
            .unwrap_or(self.settings.pickup_delay)
            .at(self.random.place(Purpose::Pickup, &key));
        let expires = now + self.settings.queue_ttl.0;
        let pickup = machine
            .reachable_from(self.started, now)
            .map(|from| from + delay)
            .filter(|pickup| *pickup <= expires)
            .filter(|_| machine.device.stuck_in != Some(StuckIn::Pending));
        match pickup {
            Some(pickup) => self.timeline.schedule(pickup, Event::Pickup(action)),
            None => self.timeline.schedule(expires, Event::Expire(action)),
        }
    }

    fn pick_up(&mut self, action: u32) {
        let record = self.actions.get(action);
        if record.state != State::Pending {
            return;
        }
        // The device may be offline again by now.
        let (now, expires) = (self.now, record.created + self.settings.queue_ttl.0);
        let machine = &self.machines.all[record.machine as usize];
        match machine.reachable_from(self.started, now) {
            Some(at) if at <= now => {}
            Some(at) if at <= expires => return self.timeline.schedule(at, Event::Pickup(action)),
            _ => return self.timeline.schedule(expires, Event::Expire(action)),
        }
        self.actions.turn(action, State::InProgress, self.now);
        self.begin(action, 0);
    }

    fn expire(&mut self, action: u32) {
        if self.actions.get(action).state == State::Pending {
            self.end(action, State::of_bad_end(self.settings.queue_expiry_status));
        }
    }

    /// Begins the command at that index: gives it to the device, or fails it at once.
    fn begin(&mut self, action: u32, index: usize) {
        let now = self.now;
        let record = self.actions.get_mut(action);
        record.updated = now;
        let machine = record.machine;
        let command = &mut record.commands[index];
        command.status = CommandStatus::Executing;
        command.began = Some(now);
        let task = self.task(action, index);
        self.timeline.given_out += 1;
        let number = self.timeline.given_out;
        self.timeline.running.insert(number, (action, index));
        let is_silent =
            self.machines.all[machine as usize].device.stuck_in == Some(StuckIn::InProgress);
        match task {
            Ok(_) if is_silent => {
                let outcome = CommandOutcome {
                    took: self.settings.script_time_limit.0,
                    ..CommandOutcome::failed("The device did not answer in time.")
                };
                self.command_finished(number, outcome);
            }
            Ok(task) => self.hand_out(number, machine, task),
            Err(reason) => self.command_finished(number, CommandOutcome::failed(reason)),
        }
    }

    /// Returns the device's task, or the reason for which the command fails before it reaches a
    /// script or file.
    fn task(&self, action: u32, index: usize) -> Result<DeviceTask, String> {
        let command = &self.actions.get(action).commands[index].command;
        let param = |key: &str| command.param(key).unwrap_or_default().to_owned();
        let in_library = |name: &str| -> Result<Option<Bytes>, String> {
            match self.library.content(name) {
                Some(content) => Ok(content),
                None if self.settings.unknown_script == ViolationPolicy::Allow => Ok(None),
                None => Err(format!("The file '{name}' was not found in the library.")),
            }
        };
        let earlier = &self.actions.get(action).commands[..index];
        if self.settings.order_violation == ViolationPolicy::Fail
            && earlier
                .iter()
                .any(|record| record.command.kind > command.kind)
        {
            return Err(
                "The command is out of order: PutFile comes first, GetFile last.".to_owned(),
            );
        }
        match command.kind {
            CommandType::PutFile => {
                let name = param("FileName");
                let content = in_library(&name)?;
                Ok(DeviceTask::Put {
                    name,
                    content,
                    may_overwrite: self.settings.repeated_put == RepeatedPut::Allow,
                })
            }
            CommandType::RunScript => {
                let script = param("ScriptName");
                let content = in_library(&script)?;
                let args = param("Args");
                if !self.settings.unsigned_scripts && is_unsigned(&script, content.as_ref()) {
                    return Err(format!(
                        "The script '{script}' is not signed, and unsigned scripts are not allowed."
                    ));
                }
                if self.settings.forbidden_args == ViolationPolicy::Fail
                    && args.contains(FORBIDDEN_IN_ARGS)
                {
                    return Err(
                        "The script's arguments contain a character that is not allowed."
                            .to_owned(),
                    );
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

    /// Accepts a device's outcome: at once, or after the time it took according to the outcome.
    pub(crate) fn command_finished(&mut self, work: u64, mut outcome: CommandOutcome) {
        let Some(&(action, index)) = self.timeline.running.get(&work) else {
            return;
        };
        let command = &self.actions.get(action).commands[index];
        let began = command.began.unwrap_or(self.now);
        let limit = self.settings.script_time_limit.0;
        if command.command.kind == CommandType::RunScript && outcome.took > limit {
            // Only a scripted outcome can exceed the limit: a device stops a real script in time.
            outcome = CommandOutcome {
                took: limit,
                ..CommandOutcome::failed("The script ran into its time limit and was stopped.")
            };
        }
        let done = self.now.max(began + outcome.took);
        let machine = &self.machines.all[self.actions.get(action).machine as usize];
        // A device that has gone offline continues its command, and reports the end when it is
        // online again.
        let patience = done + self.settings.queue_ttl.0;
        let back = machine.reachable_from(self.started, done);
        let ends = match back.filter(|back| *back <= patience) {
            Some(back) => back,
            None => {
                outcome = CommandOutcome::failed("The device went away and did not come back.");
                patience
            }
        };
        self.timeline.early.insert(work, outcome);
        if ends > self.now {
            self.timeline.schedule(ends, Event::CommandEnd(work));
        } else {
            self.command_ended(work);
        }
    }

    fn command_ended(&mut self, work: u64) {
        let (Some((action, index)), Some(outcome)) = (
            self.timeline.running.remove(&work),
            self.timeline.early.remove(&work),
        ) else {
            return;
        };
        let now = self.now;
        let was_stopped = !outcome.errors.is_empty();
        let exit_counts =
            self.settings.nonzero_exit_fails && outcome.exit.is_some_and(|exit| exit != 0);
        let mut errors = outcome.errors;
        if exit_counts && errors.is_empty() {
            errors.push("The script ended with a non-zero exit code.".to_owned());
        }
        let has_failed = !errors.is_empty();
        let limit = self.settings.script_time_limit.0;
        let record = self.actions.get_mut(action);
        record.updated = now;
        let count = record.commands.len();
        let was_cancelled = record.cancellation.is_some();
        let command = &mut record.commands[index];
        let took = now.since(command.began.unwrap_or(now));
        record.ran_into_limit |=
            was_stopped && took >= limit && command.command.kind == CommandType::RunScript;
        command.status = match has_failed {
            true => CommandStatus::Failed,
            false => CommandStatus::Completed,
        };
        command.ended = Some(now);
        command.errors = errors.into();
        command.exit = outcome.exit;
        command.result = outcome.result;
        let event = LedgerEvent::of_command(command.command.kind);
        self.ledger
            .add_command(now, event, record.machine, action, index);
        if has_failed && self.settings.skipped_commands_fail {
            for skipped in &mut self.actions.get_mut(action).commands[index + 1..] {
                skipped.status = CommandStatus::Failed;
                skipped.errors = Box::new(["An earlier command failed.".to_owned()]);
            }
        }
        if was_cancelled {
            self.end(action, State::Cancelled);
        } else if has_failed || index + 1 == count {
            let wait = self.wrapup_delay(action);
            self.timeline.schedule(now + wait, Event::Wrapup(action));
        } else {
            self.begin(action, index + 1);
        }
    }

    fn wrapup_delay(&self, action: u32) -> Duration {
        let machine = self.actions.get(action).machine;
        let record = &self.machines.all[machine as usize];
        let number = record
            .actions
            .iter()
            .rposition(|known| *known == action)
            .unwrap_or(0);
        let key = [u64::from(machine), number as u64];
        record
            .device
            .wrapup_delay
            .unwrap_or(self.settings.wrapup_delay)
            .at(self.random.place(Purpose::Wrapup, &key))
    }

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
            State::Cancelled
        } else if record.ran_into_limit {
            State::of_bad_end(self.settings.script_timeout_status)
        } else if has_failed {
            State::Failed
        } else {
            State::Succeeded
        };
        let is_flapping = record.is_flapping && state == State::Succeeded;
        self.end(action, state);
        if is_flapping {
            // The ledger has the true status. Only reads return another one.
            self.actions.turn(action, State::Failed, self.now);
        }
    }

    /// Gives an action its final state and releases its device.
    pub(crate) fn end(&mut self, action: u32, state: State) {
        let now = self.now;
        self.actions.turn(action, state, now);
        let record = self.actions.get(action);
        let machine = &mut self.machines.all[record.machine as usize];
        if machine.active == Some(action) {
            machine.active = None;
        }
        if record.cancellation.is_some() {
            machine.released_at = now + self.settings.cancel_release_delay.0;
        }
        self.ledger.add_end(now, record.machine, action, state);
    }
}

/// Checks whether PowerShell would miss a signature. A script without content in the scenario
/// counts as signed.
fn is_unsigned(script: &str, content: Option<&Bytes>) -> bool {
    const MARK: &[u8] = b"# SIG # Begin signature block";
    script.to_ascii_lowercase().ends_with(".ps1")
        && content.is_some_and(|content| !content.windows(MARK.len()).any(|part| part == MARK))
}
