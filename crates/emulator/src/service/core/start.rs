//! Implements `runliveresponse` (API notes 3): the checks in the service's order, and the new
//! action.

use serde_json::Value;

use svar_wire::Moment;
use svar_wire::{Command, CommandStatus, CommandType, Param};

use super::Service;
use crate::fault::Call;
use crate::service::actions::{ActionRecord, CommandRecord, State};
use crate::service::ledger::LedgerEvent;
use crate::service::message::{Request, Response};
use crate::service::random::Purpose;
use crate::service::refusal::Refusal;
use crate::service::token::Identity;
use crate::settings::ViolationPolicy;

/// The characters that the console page forbids in arguments (API notes 3.3).
pub(crate) const FORBIDDEN_IN_ARGS: [char; 5] = [';', '&', '|', '!', '$'];

impl Service {
    pub(crate) fn start(
        &mut self,
        identity: &Identity,
        machine: &str,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let now = self.now;
        let place = self
            .machine_to_start(machine)
            .ok_or_else(|| Refusal::not_found(format!("Machine {machine} was not found.")))?;
        let device = std::sync::Arc::clone(&self.machines.all[place as usize].device);
        if !self.settings.live_response
            || (!self.settings.live_response_for_servers && device.is_server())
        {
            return Err(known_refusal("DisabledFeature"));
        }
        if !device.remediation {
            return Err(Refusal::new(
                403,
                "DisallowedOperation",
                "The device's group has no remediation level that allows live response.",
            ));
        }
        if let Some(code) = &device.refusal_code {
            return Err(known_refusal(code));
        }
        let (commands, comment) = self.read_body(request)?;
        if let Some(response) = self.duplicate_of(place, now) {
            return Ok(response);
        }
        if self.is_busy(place, now) {
            return Err(Refusal::new(
                400,
                "ActiveRequestAlreadyExists",
                "Action is already in progress",
            ));
        }
        let has_slot = self.slots_used() < self.settings.slots as usize;
        if has_slot || self.settings.slot_refusals_count_as_starts {
            let others = self.background.calls(Call::Start, now);
            self.rates
                .take(now, identity.app, Call::Start, &self.settings, others)?;
        }
        if !has_slot {
            let wait_s = u64::from(self.settings.retry_after_on_slot_limit);
            return Err(Refusal::too_many(
                "The maximum number of concurrently running sessions has been reached.",
                (wait_s > 0).then_some(wait_s),
            ));
        }
        let action = self.create(identity, place, commands, comment);
        Ok(self.entity_answer(self.settings.start_status, action))
    }

    /// Returns the device a start is for.
    pub(crate) fn machine_to_start(&self, key: &str) -> Option<u32> {
        match self.settings.start_by_name {
            true => self.machines.find_any(key),
            false => self.machines.find(key),
        }
    }

    /// Returns the number of sessions that count against the tenant's cap.
    fn slots_used(&self) -> usize {
        let pending = match self.settings.pending_counts_as_session {
            true => self.actions.count(State::Pending),
            false => 0,
        };
        pending + self.actions.count(State::InProgress) + self.background.sessions(self.now)
    }

    fn is_busy(&self, place: u32, now: Moment) -> bool {
        let machine = &self.machines.all[place as usize];
        machine.active.is_some() || now < machine.released_at || machine.is_held(self.started, now)
    }

    /// Returns the answer with the action that a first start has just created, within the duplicate
    /// window of the settings (API notes 3.6).
    fn duplicate_of(&self, place: u32, now: Moment) -> Option<Response> {
        let active = self.machines.all[place as usize].active?;
        let created = self.actions.get(active).created;
        (now.since(created) < self.settings.duplicate_window.0)
            .then(|| self.entity_answer(self.settings.start_status, active))
    }

    fn create(
        &mut self,
        identity: &Identity,
        place: u32,
        commands: Vec<Command>,
        comment: String,
    ) -> u32 {
        let now = self.now;
        let number = self.machines.all[place as usize].actions.len() as u64;
        let key = [u64::from(place), number];
        let mut id = self.random.wide(Purpose::ActionId, &key);
        while self.actions.has(crate::service::random::guid(id).as_u128()) {
            id = id.wrapping_add(1);
        }
        let lag = self
            .settings
            .visibility_lag
            .at(self.random.place(Purpose::Visibility, &key));
        let record = ActionRecord {
            id: crate::service::random::guid(id).as_u128(),
            machine: place,
            requestor: self.requestor(identity),
            comment: comment.into(),
            created: now,
            updated: now,
            visible_at: now + lag,
            state: State::Pending,
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
        self.ledger
            .add_of_action(now, LedgerEvent::SessionStarted, place, action);
        let machine = &mut self.machines.all[place as usize];
        machine.actions.push(action);
        machine.active = Some(action);
        self.schedule_pickup(action, key);
        action
    }

    /// Reads the body's commands and comment, or returns the first error in them.
    fn read_body(&self, request: &Request) -> Result<(Vec<Command>, String), Refusal> {
        let body = request.json()?;
        let malformed = |what: &str| Refusal::body(what);
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
        Ok((commands, comment.to_owned()))
    }

    fn read_command(&self, value: &Value) -> Result<Command, Refusal> {
        let malformed = |what: String| Refusal::body(what);
        let object = value
            .as_object()
            .ok_or_else(|| malformed("A command must be an object.".to_owned()))?;
        let kind = match object.get("type") {
            Some(Value::String(kind)) => match kind.as_str() {
                "PutFile" => CommandType::PutFile,
                "RunScript" => CommandType::RunScript,
                "GetFile" => CommandType::GetFile,
                other => return Err(malformed(format!("'{other}' is no command type."))),
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
                    "A parameter is a pair of the texts 'key' and 'value'.".to_owned(),
                )),
            })
            .collect::<Result<Vec<Param>, Refusal>>()?;
        let (needed, allowed): (&str, &[&str]) = match kind {
            CommandType::PutFile => ("FileName", &["FileName"]),
            CommandType::RunScript => ("ScriptName", &["ScriptName", "Args"]),
            CommandType::GetFile => ("Path", &["Path"]),
        };
        if let Some(stray) = params
            .iter()
            .find(|param| !allowed.contains(&param.key.as_str()))
        {
            return Err(malformed(format!(
                "'{}' is no parameter of this command.",
                stray.key
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

    pub(crate) fn requestor(&self, identity: &Identity) -> std::sync::Arc<str> {
        std::sync::Arc::clone(&self.requestors[identity.app])
    }
}

/// Returns the refusal that a scenario selects by its code.
fn known_refusal(code: &str) -> Refusal {
    let message = "The device can't do live response.";
    match code {
        "ClientVersionNotSupported" => Refusal::new(400, "ClientVersionNotSupported", message),
        "DisabledFeature" => Refusal::new(403, "DisabledFeature", "Live response is switched off."),
        "DisallowedOperation" => Refusal::new(403, "DisallowedOperation", message),
        "Forbidden" => Refusal::new(403, "Forbidden", message),
        "BadRequest" => Refusal::new(400, "BadRequest", message),
        _ => Refusal::new(400, "OsPlatformNotSupported", message),
    }
}
