//! Implements `runliveresponse` (API notes 3): the checks in the service's order, and the new
//! action.

use std::sync::Arc;

use serde_json::Value;

use svar_wire::Moment;
use svar_wire::{Command, CommandStatus, CommandType, Param};

use super::Service;
use crate::fault::Call;
use crate::service::actions::{ActionRecord, ActionState, CommandRecord};
use crate::service::message::{Request, Response};
use crate::service::random::{Purpose, guid};
use crate::service::refusal::Refusal;
use crate::service::token::Identity;
use crate::settings::ViolationPolicy;

/// The characters that the console page forbids in arguments (API notes 3.3).
pub(crate) const FORBIDDEN_IN_ARGS: [char; 5] = [';', '&', '|', '!', '$'];

/// The body of a start.
struct StartBody {
    commands: Vec<Command>,
    comment: String,
}

impl Service {
    /// Answers a request to start a session.
    pub(crate) fn start(
        &mut self,
        identity: &Identity,
        machine: &str,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let now = self.now;
        let machine_index = self
            .find_start_machine(machine)
            .ok_or_else(|| Refusal::not_found(format!("Machine {machine} was not found.")))?;
        let device = Arc::clone(&self.machines.get(machine_index).device);
        if !self.settings.live_response
            || (!self.settings.live_response_for_servers && device.is_server())
        {
            return Err(refusal_with_code("DisabledFeature"));
        }
        if !device.remediation {
            return Err(Refusal::new(
                403,
                "DisallowedOperation",
                "The device's group has no remediation level that allows live response.",
            ));
        }
        if let Some(code) = &device.refusal_code {
            return Err(refusal_with_code(code));
        }
        let StartBody { commands, comment } = self.read_start_body(request)?;
        if let Some(response) = self.duplicate_of(machine_index, now) {
            return Ok(response);
        }
        if self.is_busy(machine_index, now) {
            return Err(Refusal::new(
                400,
                "ActiveRequestAlreadyExists",
                "Action is already in progress",
            ));
        }
        let has_slot = self.slots_used() < self.settings.slots as usize;
        if has_slot || self.settings.slot_refusals_count_as_starts {
            let others = self.other_users.calls(Call::Start, now);
            self.rate_limiter
                .count(now, identity.app, Call::Start, &self.settings, others)?;
        }
        if !has_slot {
            let wait_s = u64::from(self.settings.retry_after_on_slot_limit);
            return Err(Refusal::too_many(
                "The maximum number of concurrently running sessions has been reached.",
                (wait_s > 0).then_some(wait_s),
            ));
        }
        let action = self.create_action(identity, machine_index, commands, comment);
        Ok(self.action_answer(self.settings.start_status, action))
    }

    /// Finds the device of a start.
    pub(crate) fn find_start_machine(&self, key: &str) -> Option<u32> {
        if self.settings.start_by_name {
            self.machines.find_by_id_or_name(key)
        } else {
            self.machines.find(key)
        }
    }

    /// Returns the number of sessions that count against the tenant's limit.
    fn slots_used(&self) -> usize {
        let pending = if self.settings.pending_counts_as_session {
            self.actions.count(ActionState::Pending)
        } else {
            0
        };
        pending + self.actions.count(ActionState::InProgress) + self.other_users.sessions(self.now)
    }

    /// Returns whether a device can't begin another session.
    fn is_busy(&self, machine_index: u32, now: Moment) -> bool {
        let machine = self.machines.get(machine_index);
        machine.active.is_some()
            || now < machine.busy_until
            || machine.has_portal_session(self.started, now)
    }

    /// Returns the answer with the action that a first start has just created, within the duplicate
    /// window of the settings (API notes 3.6).
    fn duplicate_of(&self, machine_index: u32, now: Moment) -> Option<Response> {
        let active = self.machines.get(machine_index).active?;
        let created = self.actions.get(active).created;
        (now.since(created) < self.settings.duplicate_window.0)
            .then(|| self.action_answer(self.settings.start_status, active))
    }

    /// Creates an action, and returns its index.
    fn create_action(
        &mut self,
        identity: &Identity,
        machine_index: u32,
        commands: Vec<Command>,
        comment: String,
    ) -> u32 {
        let now = self.now;
        let number = self.machines.get(machine_index).actions.len() as u64;
        let key = [u64::from(machine_index), number];
        let mut id = self.random.bits_128(Purpose::ActionId, &key);
        while self.actions.is_id_taken(guid(id).as_u128()) {
            id = id.wrapping_add(1);
        }
        let lag = self
            .settings
            .visibility_lag
            .at(self.random.fraction(Purpose::Visibility, &key));
        let record = ActionRecord {
            id: guid(id).as_u128(),
            machine: machine_index,
            requestor: self.requestor(identity),
            comment: comment.into(),
            created: now,
            updated: now,
            visible_at: now + lag,
            state: ActionState::Pending,
            commands: commands
                .into_iter()
                .map(|command| CommandRecord {
                    command: self.actions.recent_commands.share(command),
                    status: CommandStatus::Created,
                    began: None,
                    ended: None,
                    errors: Box::default(),
                    exit: None,
                    result: None,
                })
                .collect(),
            cancellation: None,
            was_shown_failed: false,
            is_flapping: false,
            ran_into_limit: false,
        };
        let action = self.actions.add(record);
        self.ledger.add_session_start(now, machine_index, action);
        let machine = self.machines.get_mut(machine_index);
        machine.actions.push(action);
        machine.active = Some(action);
        self.schedule_pickup(action, key);
        action
    }

    /// Reads the body, or returns the first error in it.
    fn read_start_body(&self, request: &Request) -> Result<StartBody, Refusal> {
        let body = request.json()?;
        let malformed = |message: &str| Refusal::body(message);
        let object = body
            .as_object()
            .ok_or_else(|| malformed("The body must be an object."))?;
        let commands = match object.get("Commands") {
            None | Some(Value::Null) => {
                return Err(Refusal::missing("The parameter 'Commands' is missing."));
            }
            Some(Value::Array(commands)) if commands.is_empty() => {
                return Err(Refusal::missing("The parameter 'Commands' is empty."));
            }
            Some(Value::Array(commands)) => commands,
            Some(_) => return Err(malformed("'Commands' must be an array.")),
        };
        let comment = match object.get("Comment") {
            None | Some(Value::Null) => "",
            Some(Value::String(comment)) => comment,
            Some(_) => return Err(malformed("'Comment' must be a text.")),
        };
        if comment.trim().is_empty() && self.settings.comment_required {
            return Err(Refusal::missing("The parameter 'Comment' is missing."));
        }
        if comment.chars().count() > self.settings.comment_max {
            return Err(Refusal::invalid("'Comment' is too long."));
        }
        if self.settings.commands_max > 0 && commands.len() > self.settings.commands_max {
            return Err(Refusal::invalid("There are too many commands."));
        }
        let commands = commands
            .iter()
            .map(|command| self.read_command(command))
            .collect::<Result<Vec<Command>, Refusal>>()?;
        let in_order = commands.is_sorted_by_key(|command| command.kind);
        if !in_order && self.settings.order_violation == ViolationPolicy::Reject {
            return Err(Refusal::invalid(
                "Commands must come in the order PutFile, RunScript, GetFile.",
            ));
        }
        Ok(StartBody {
            commands,
            comment: comment.to_owned(),
        })
    }

    /// Reads a command of the body.
    fn read_command(&self, value: &Value) -> Result<Command, Refusal> {
        let malformed = |message: String| Refusal::body(message);
        let object = value
            .as_object()
            .ok_or_else(|| malformed("A command must be an object.".to_owned()))?;
        let kind = match object.get("type") {
            Some(Value::String(kind)) => match kind.as_str() {
                "PutFile" => CommandType::PutFile,
                "RunScript" => CommandType::RunScript,
                "GetFile" => CommandType::GetFile,
                other => return Err(malformed(format!("'{other}' is not a command type."))),
            },
            None | Some(Value::Null) => {
                return Err(Refusal::missing("The parameter 'type' is missing."));
            }
            Some(_) => return Err(malformed("'type' must be a text.".to_owned())),
        };
        let params = match object.get("params") {
            Some(Value::Array(params)) => params,
            None | Some(Value::Null) => {
                return Err(Refusal::missing("The parameter 'params' is missing."));
            }
            Some(_) => return Err(malformed("'params' must be an array.".to_owned())),
        };
        let params = params
            .iter()
            .map(|param| match (&param["key"], &param["value"]) {
                (Value::String(key), Value::String(value)) => Ok(Param::new(key, value)),
                _ => Err(malformed(
                    "A parameter must have the texts 'key' and 'value'.".to_owned(),
                )),
            })
            .collect::<Result<Vec<Param>, Refusal>>()?;
        let (needed, allowed): (&str, &[&str]) = match kind {
            CommandType::PutFile => ("FileName", &["FileName"]),
            CommandType::RunScript => ("ScriptName", &["ScriptName", "Args"]),
            CommandType::GetFile => ("Path", &["Path"]),
        };
        if let Some(unknown) = params
            .iter()
            .find(|param| !allowed.contains(&param.key.as_str()))
        {
            return Err(malformed(format!(
                "'{}' is not a parameter of this command.",
                unknown.key
            )));
        }
        // It is unclear which of two values is meant (our choice).
        let twice = allowed.iter().find(|key| {
            let same = params.iter().filter(|param| param.key == **key);
            same.count() > 1
        });
        if let Some(key) = twice {
            return Err(malformed(format!("'{key}' is given more than once.")));
        }
        let command = Command { kind, params };
        let name = command
            .param(needed)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Refusal::missing(format!("The parameter '{needed}' is missing.")))?;
        if kind != CommandType::GetFile
            && self.settings.unknown_script == ViolationPolicy::Reject
            && !self.library.has(name)
        {
            return Err(Refusal::invalid(format!(
                "The library has no file '{name}'."
            )));
        }
        if let Some(args) = command.param("Args") {
            if args.chars().count() > self.settings.args_max {
                return Err(Refusal::invalid("'Args' is too long."));
            }
            if self.settings.forbidden_args == ViolationPolicy::Reject
                && args.contains(FORBIDDEN_IN_ARGS)
            {
                return Err(Refusal::invalid(
                    "'Args' has a character that is not allowed.",
                ));
            }
        }
        Ok(command)
    }

    /// Returns the name of an application, as actions show it.
    pub(crate) fn requestor(&self, identity: &Identity) -> Arc<str> {
        Arc::clone(&self.requestors[identity.app])
    }
}

/// Returns the refusal that a scenario selects by its code.
fn refusal_with_code(code: &str) -> Refusal {
    let message = "The device can't do live response.";
    match code {
        "ClientVersionNotSupported" => Refusal::new(400, "ClientVersionNotSupported", message),
        "DisabledFeature" => Refusal::new(403, "DisabledFeature", "Live response is disabled."),
        "DisallowedOperation" => Refusal::new(403, "DisallowedOperation", message),
        "Forbidden" => Refusal::new(403, "Forbidden", message),
        "BadRequest" => Refusal::new(400, "BadRequest", message),
        _ => Refusal::new(400, "OsPlatformNotSupported", message),
    }
}
