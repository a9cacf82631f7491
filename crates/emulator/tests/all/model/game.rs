//! A service and the model of it, side by side.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use svar_emulator::{DurationRange, Request, Response, Scenario, SettingOverrides, TimeSpan};

use super::super::virtual_time::{Play, body, fleet};
use super::steps::{Command, Step};
use super::truth::{
    Action, MACHINES, Model, NAMES, PICKUP, Phase, READS, SCRIPT, SLOTS, STARTS, WRAPUP,
};

fn scenario() -> Scenario {
    let exactly = |seconds| Some(DurationRange::seconds(seconds, seconds));
    let mut scenario = fleet(MACHINES as u32);
    scenario.outcomes[0].duration = TimeSpan::seconds(SCRIPT);
    scenario.settings = SettingOverrides {
        slots: Some(SLOTS as u32),
        starts_per_minute: Some(STARTS),
        reads_per_minute: Some(READS),
        visibility_lag: exactly(0),
        pickup_delay: exactly(PICKUP),
        wrapup_delay: exactly(WRAPUP),
        token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
        ..SettingOverrides::default()
    };
    scenario
}

pub(super) struct Match {
    play: Play,
    model: Model,
    machines: Vec<String>,
}

impl Match {
    pub(super) fn new() -> Self {
        let mut play = Play::new(scenario());
        let machines = play.machines();
        Match {
            play,
            model: Model::new(),
            machines,
        }
    }

    fn ask(&mut self, method: &str, path: &str, content: &Value) -> Response {
        self.play.call(method, path, content)
    }

    fn id(&self, action: usize) -> String {
        match self.model.actions.get(action) {
            Some(action) => action.id.clone(),
            None => "00000000-0000-4000-8000-000000000000".to_owned(),
        }
    }

    /// A 429 with these seconds, or nothing of the kind.
    fn limited(answer: &Response, wait: Option<u64>) -> Result<bool, TestCaseError> {
        if let Some(wait) = wait {
            prop_assert_eq!(answer.status, 429);
            let said = answer.header("retry-after").unwrap_or_default();
            prop_assert_eq!(said, wait.to_string());
            return Ok(true);
        }
        prop_assert_ne!(answer.status, 429);
        Ok(false)
    }

    fn shows(&self, place: usize, entity: &Value) -> Result<(), TestCaseError> {
        let action = &self.model.actions[place];
        prop_assert_eq!(&entity["id"], action.id.as_str());
        prop_assert_eq!(&entity["status"], action.status, "{:?}", action);
        prop_assert_eq!(&entity["machineId"], self.machines[action.machine].as_str());
        let commands = entity["commands"].as_array().unwrap();
        prop_assert_eq!(commands.len(), action.commands.len());
        for (command, (shown, _)) in commands.iter().zip(&action.shown) {
            prop_assert_eq!(&command["commandStatus"], *shown, "{:?}", action);
            prop_assert_eq!(command["startTime"].is_null(), *shown == "Created");
            let has_ended = matches!(*shown, "Completed" | "Failed");
            prop_assert_eq!(command["endTime"].is_string(), has_ended);
            prop_assert_eq!(command["errors"] == json!([]), *shown != "Failed");
        }
        Ok(())
    }

    pub(super) fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Pass(seconds) => {
                self.play.pass(*seconds);
                self.model.pass(*seconds);
                Ok(())
            }
            Step::Start(machine, commands) => self.start(*machine, commands),
            Step::Cancel(action) => self.cancel(*action),
            Step::Get(action) => {
                let path = format!("/api/machineactions/{}", self.id(*action));
                let answer = self.ask("GET", &path, &Value::Null);
                let wait = self.model.refused("get", READS);
                if Self::limited(&answer, wait)? {
                    return Ok(());
                }
                match self.model.actions.get(*action) {
                    None => prop_assert_eq!(answer.status, 404),
                    Some(_) => self.shows(*action, &body(&answer))?,
                }
                Ok(())
            }
            Step::List(status) => {
                let query = match *status {
                    "" => String::new(),
                    status => format!("?$filter=status+eq+'{status}'"),
                };
                let answer = self.ask("GET", &format!("/api/machineactions{query}"), &Value::Null);
                let wait = self.model.refused("list", READS);
                if Self::limited(&answer, wait)? {
                    return Ok(());
                }
                let expected: Vec<usize> = (0..self.model.actions.len())
                    .rev()
                    .filter(|place| {
                        status.is_empty() || self.model.actions[*place].status == *status
                    })
                    .collect();
                let list = body(&answer);
                let list = list["value"].as_array().unwrap();
                prop_assert_eq!(list.len(), expected.len());
                for (place, entity) in expected.into_iter().zip(list) {
                    self.shows(place, entity)?;
                }
                Ok(())
            }
            Step::Link(action, index) => self.link(*action, *index),
            Step::Upload(name, byte, over) => self.upload(NAMES[*name], *byte, *over),
            Step::Delete(name) => {
                let path = format!("/api/libraryfiles/{}", NAMES[*name]);
                let answer = self.ask("DELETE", &path, &Value::Null);
                let wait = self.model.refused("library", READS);
                if !Self::limited(&answer, wait)? {
                    let was_there = self.model.library.remove(NAMES[*name]).is_some();
                    prop_assert_eq!(answer.status, if was_there { 204 } else { 404 });
                }
                Ok(())
            }
            Step::Library => {
                let answer = self.ask("GET", "/api/libraryfiles", &Value::Null);
                let wait = self.model.refused("library", READS);
                if Self::limited(&answer, wait)? {
                    return Ok(());
                }
                let list = body(&answer);
                let shown = list["value"].as_array().unwrap().iter().map(|file| {
                    let text = |key: &str| file[key].as_str().unwrap().to_owned();
                    (text("fileName"), text("sha256"))
                });
                let expected = self.model.library.iter().map(|(name, content)| {
                    let bytes = content.as_deref().unwrap_or(name.as_bytes());
                    ((*name).to_owned(), hash(bytes))
                });
                prop_assert_eq!(
                    shown.collect::<BTreeMap<_, _>>(),
                    expected.collect::<BTreeMap<_, _>>()
                );
                Ok(())
            }
        }
    }

    fn start(&mut self, machine: usize, commands: &[Command]) -> Result<(), TestCaseError> {
        let written: Vec<Value> = commands
            .iter()
            .map(|command| {
                let (kind, key, name) = match command {
                    Command::Put(name) => ("PutFile", "FileName", NAMES[*name]),
                    Command::Run(name) => ("RunScript", "ScriptName", NAMES[*name]),
                };
                json!({"type": kind, "params": [{"key": key, "value": name}]})
            })
            .collect();
        let unknown = "f".repeat(40);
        let id = self.machines.get(machine).unwrap_or(&unknown).clone();
        let content = json!({"Commands": written, "Comment": "model"});
        let answer = self.ask(
            "POST",
            &format!("/api/machines/{id}/runliveresponse"),
            &content,
        );
        let model = &mut self.model;
        if machine >= MACHINES {
            prop_assert_eq!(answer.status, 404);
            return Ok(());
        }
        let open: Vec<&Action> = model
            .actions
            .iter()
            .filter(|action| Model::is_open(action))
            .collect();
        if open.iter().any(|action| action.machine == machine) {
            prop_assert_eq!(answer.status, 400);
            prop_assert_eq!(
                &body(&answer)["error"]["code"],
                "ActiveRequestAlreadyExists"
            );
            return Ok(());
        }
        let is_full = open.len() >= SLOTS;
        if let Some(wait) = model.refused("start", STARTS) {
            return Self::limited(&answer, Some(wait)).map(drop);
        }
        if is_full {
            prop_assert_eq!(answer.status, 429);
            prop_assert!(answer.header("retry-after").is_none());
            return Ok(());
        }
        prop_assert_eq!(answer.status, 201);
        let entity = body(&answer);
        let id = entity["id"].as_str().unwrap().to_owned();
        prop_assert!(model.actions.iter().all(|action| action.id != id));
        model.actions.push(Action {
            id,
            machine,
            commands: commands.to_vec(),
            shown: vec![("Created", false); commands.len()],
            status: "Pending",
            is_cancelled: false,
            next: Some((model.now + PICKUP, Phase::Pickup)),
        });
        self.shows(self.model.actions.len() - 1, &entity)
    }

    fn cancel(&mut self, place: usize) -> Result<(), TestCaseError> {
        let path = format!("/api/machineactions/{}/cancel", self.id(place));
        let answer = self.ask("POST", &path, &json!({"Comment": "model"}));
        let wait = self.model.refused("cancel", READS);
        if Self::limited(&answer, wait)? {
            return Ok(());
        }
        let Some(action) = self.model.actions.get_mut(place) else {
            prop_assert_eq!(answer.status, 404);
            return Ok(());
        };
        match action.status {
            "Pending" => {
                action.status = "Cancelled";
                action.is_cancelled = true;
                action.next = None;
            }
            "InProgress" => action.is_cancelled = true,
            _ => {
                prop_assert_eq!(answer.status, 400);
                return Ok(());
            }
        }
        prop_assert_eq!(answer.status, 200);
        let entity = body(&answer);
        prop_assert!(entity["cancellationDateTimeUtc"].is_string());
        self.shows(place, &entity)
    }

    fn link(&mut self, place: usize, index: usize) -> Result<(), TestCaseError> {
        let path = format!(
            "/api/machineactions/{}/GetLiveResponseResultDownloadLink(index={index})",
            self.id(place)
        );
        let answer = self.ask("GET", &path, &Value::Null);
        let wait = self.model.refused("link", READS);
        if Self::limited(&answer, wait)? {
            return Ok(());
        }
        let action = self.model.actions.get(place);
        let has_result = action
            .and_then(|action| action.shown.get(index))
            .is_some_and(|(_, has_result)| *has_result);
        prop_assert_eq!(answer.status, if has_result { 200 } else { 404 });
        if has_result {
            let link = body(&answer);
            let link = link["value"].as_str().unwrap();
            let target = link.splitn(4, '/').nth(3).unwrap();
            // No token: storage has no use for one.
            let request = Request::new("GET", &format!("/{target}"));
            let file = self.play.service.handle(self.play.now, &request);
            prop_assert_eq!(file.status, 200);
            prop_assert_eq!(&body(&file)["exit_code"], 0);
        }
        Ok(())
    }

    fn upload(&mut self, name: &'static str, byte: u8, over: bool) -> Result<(), TestCaseError> {
        let mut content = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"OverrideIfExists\"\r\n\r\n{over}\r\n--limit\r\nContent-Disposition: form-data; name=\"File\"; filename=\"{name}\"\r\n\r\n"
        )
        .into_bytes();
        content.push(byte);
        content.extend_from_slice(b"\r\n--limit--\r\n");
        let request = Request::new("POST", "/api/libraryfiles")
            .header("content-type", "multipart/form-data; boundary=limit")
            .body(content);
        let answer = self.play.send(request);
        let wait = self.model.refused("library", READS);
        if Self::limited(&answer, wait)? {
            return Ok(());
        }
        let exists = self.model.library.contains_key(name);
        if exists && !over {
            prop_assert_eq!(answer.status, 400);
            return Ok(());
        }
        prop_assert_eq!(answer.status, 200);
        prop_assert_eq!(&body(&answer)["sha256"], &json!(hash(&[byte])));
        self.model.library.insert(name, Some(vec![byte]));
        Ok(())
    }

    /// After everything has ended the ledger tells the model's story.
    pub(super) fn settle(mut self) -> Result<(), TestCaseError> {
        self.play.pass(600);
        self.model.pass(600);
        let entries: Vec<Value> = self
            .play
            .service
            .ledger_lines(0)
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for action in &self.model.actions {
            prop_assert!(!Model::is_open(action));
            let of_action: Vec<&Value> = entries
                .iter()
                .filter(|entry| entry["action"] == action.id.as_str())
                .collect();
            let count = |kind: &str| {
                of_action
                    .iter()
                    .filter(|entry| entry["kind"] == kind)
                    .count()
            };
            prop_assert_eq!(count("session_started"), 1);
            let ran = action
                .shown
                .iter()
                .filter(|(shown, _)| matches!(*shown, "Completed" | "Failed"));
            prop_assert_eq!(count("script_run") + count("file_put"), ran.count());
            let last = of_action.last().unwrap();
            prop_assert_eq!(&last["kind"], "session_ended");
            prop_assert_eq!(&last["status"], action.status);
        }
        let started = entries
            .iter()
            .filter(|entry| entry["kind"] == "session_started");
        prop_assert_eq!(started.count(), self.model.actions.len());
        Ok(())
    }
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
