//! Request bodies.

use serde::{Deserialize, Serialize};

/// Body of `runliveresponse` (API notes 3.1). The case of the keys matters to the service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LiveResponseRequest {
    /// Commands, in the order in which they run.
    #[serde(rename = "Commands")]
    pub commands: Vec<Command>,
    /// Free text; the action shows it as `requestorComment`.
    #[serde(rename = "Comment")]
    pub comment: String,
}

/// One command of a live response session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// Type of the command.
    #[serde(rename = "type")]
    pub kind: CommandType,
    /// Parameters; an array of key and value in JSON.
    pub params: Vec<Param>,
}

impl Command {
    /// Returns a command that copies a library file to the device's working folder.
    pub fn put_file(name: impl Into<String>) -> Self {
        Command {
            kind: CommandType::PutFile,
            params: vec![Param::new("FileName", name)],
        }
    }

    /// Returns a command that runs a library script. Empty arguments are left out (API notes 3.3).
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

    /// Returns a command that collects a file from the device. `path` is not escaped; writing the JSON
    /// does that.
    pub fn get_file(path: impl Into<String>) -> Self {
        Command {
            kind: CommandType::GetFile,
            params: vec![Param::new("Path", path)],
        }
    }

    /// Returns the value of a parameter.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|param| param.key == key)
            .map(|param| param.value.as_str())
    }
}

/// Type of a command. The order of the variants is the order in which the service wants the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommandType {
    /// Copies a library file to the device. Has no result.
    PutFile,
    /// Runs a library script on the device.
    RunScript,
    /// Collects a file from the device.
    GetFile,
}

/// Parameter of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Param {
    /// `FileName`, `ScriptName`, `Args` or `Path`.
    pub key: String,
    /// Value.
    pub value: String,
}

impl Param {
    /// Returns a parameter with this key and value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Param {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Body of `cancel` (API notes 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// Reason for the cancel.
    #[serde(rename = "Comment")]
    pub comment: String,
}

/// Body of `advancedqueries/run` (API notes 8.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HuntRequest {
    /// Query, in KQL.
    #[serde(rename = "Query")]
    pub query: String,
}
