//! What can be asked.

use serde::{Deserialize, Serialize};

/// The body of `runliveresponse` (API notes 3.1). Key names and their case are the service's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LiveResponseRequest {
    /// The commands, in the order they run.
    #[serde(rename = "Commands")]
    pub commands: Vec<Command>,
    /// Free text, kept with the action as `requestorComment`.
    #[serde(rename = "Comment")]
    pub comment: String,
}

/// One command of a live response.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// What is done.
    #[serde(rename = "type")]
    pub kind: CommandType,
    /// Its parameters, an array of pairs on the wire.
    pub params: Vec<Param>,
}

impl Command {
    /// Copies a library file to the device's working folder.
    pub fn put_file(name: impl Into<String>) -> Self {
        Command {
            kind: CommandType::PutFile,
            params: vec![Param::new("FileName", name)],
        }
    }

    /// Runs a library script; empty arguments leave the key out (API notes 3.3).
    pub fn run_script(name: impl Into<String>, args: Option<String>) -> Self {
        let mut params = vec![Param::new("ScriptName", name)];
        if let Some(args) = args.filter(|args| !args.is_empty()) {
            params.push(Param::new("Args", args));
        }
        Command {
            kind: CommandType::RunScript,
            params,
        }
    }

    /// Collects a file from the device. The path is raw: JSON writing escapes it, once.
    pub fn get_file(path: impl Into<String>) -> Self {
        Command {
            kind: CommandType::GetFile,
            params: vec![Param::new("Path", path)],
        }
    }

    /// The value of a parameter.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|param| param.key == key)
            .map(|param| param.value.as_str())
    }
}

/// The three kinds of command. Their order here is the order the service wants them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommandType {
    /// Library file to device; has no result.
    PutFile,
    /// Library script, run on the device.
    RunScript,
    /// File from the device.
    GetFile,
}

/// A parameter of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Param {
    /// `FileName`, `ScriptName`, `Args` or `Path`.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Param {
    /// A pair.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Param {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The body of `cancel` (API notes 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// Why.
    #[serde(rename = "Comment")]
    pub comment: String,
}

/// The body of `advancedqueries/run` (API notes 8.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HuntRequest {
    /// KQL.
    #[serde(rename = "Query")]
    pub query: String,
}
