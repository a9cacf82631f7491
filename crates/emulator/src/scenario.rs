//! The scenario: the tenant, its applications, devices, library, and faults.
//!
//! A scenario is plain data, written as YAML or JSON, with a schema generated from these types.
//! Every field has a default; times are emulated time, counted from the emulator's start.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::background_load::BackgroundLoad;
use super::fault::Fault;
use super::settings::{DurationRange, ServiceProfile, SettingOverrides, Settings, TimeSpan};

/// The tenant of scenarios that name none.
pub const TENANT_ID: &str = "5a4c2f0e-8d1b-4e6a-9c37-1f2e3d4c5b6a";
/// The application of scenarios that name none.
pub const CLIENT_ID: &str = "0d9e8f7a-6b5c-4d3e-8f2a-1b0c9d8e7f6a";
/// Its secret. Whoever opens an emulator to others should set another one.
pub const CLIENT_SECRET: &str = "emulator-secret-that-opens-nothing-else";

/// Roles an application needs for everything the emulator offers (API notes 2.4).
pub const ALL_ROLES: [&str; 5] = [
    "Machine.LiveResponse",
    "Machine.ReadWrite.All",
    "Machine.Read.All",
    "Library.Manage",
    "AdvancedQuery.Read.All",
];

/// A scenario: everything the emulator knows at its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Scenario")]
pub struct Scenario {
    /// Name of the scenario, for people.
    pub name: String,
    /// Seed of all random choices: the same seed gives the same run.
    #[schemars(example = 7)]
    pub seed: u64,
    /// Emulated seconds that pass in each real second.
    #[schemars(range(min = 0.001, max = 1_000_000), example = 60)]
    pub factor: f64,
    /// State of the service that is emulated.
    pub profile: ServiceProfile,
    /// Settings of the service that differ from the profile.
    pub settings: SettingOverrides,
    /// Tenant id, as in the path of the token endpoint.
    #[schemars(extend(
        "pattern" = "^[A-Za-z0-9.-]+$",
        "errorMessage" = "Expected a tenant id or a domain"
    ))]
    pub tenant: String,
    /// Applications that can sign in.
    #[schemars(length(min = 1))]
    pub apps: Vec<App>,
    /// Devices, listed one by one.
    pub devices: Vec<Device>,
    /// Groups of many similar devices.
    pub fleets: Vec<Fleet>,
    /// Library files at the start.
    pub library: Vec<LibraryItem>,
    /// Outcomes of scripts that are not executed. The first match is used, those of the device before these.
    pub outcomes: Vec<ScriptOutcome>,
    /// Faults: which calls fail, when and how.
    pub faults: Vec<Fault>,
    /// Load that other users of the tenant cause.
    pub background_load: Vec<BackgroundLoad>,
    /// Rows returned for hunting queries, by query text. Extra white space in a query is ignored.
    pub hunting_results: BTreeMap<String, Vec<serde_json::Map<String, serde_json::Value>>>,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            name: String::new(),
            seed: 1,
            factor: 1.0,
            profile: ServiceProfile::default(),
            settings: SettingOverrides::default(),
            tenant: TENANT_ID.to_owned(),
            apps: vec![App::default()],
            devices: Vec::new(),
            fleets: Vec::new(),
            library: Vec::new(),
            outcomes: Vec::new(),
            faults: Vec::new(),
            background_load: Vec::new(),
            hunting_results: BTreeMap::new(),
        }
    }
}

impl Scenario {
    /// Returns the settings in force: those of the profile with the scenario's overrides.
    pub fn settings(&self) -> Settings {
        self.settings.over(self.profile)
    }
}

impl Scenario {
    /// Returns the scenario with a new random secret for every application, for an emulator that only its
    /// own process may use: anyone who knows a secret can run scripts there.
    ///
    /// # Errors
    /// The computer gives no random bytes.
    pub fn with_fresh_secrets(mut self) -> std::io::Result<Self> {
        for app in &mut self.apps {
            app.renew_secret()?;
        }
        Ok(self)
    }
}

/// An application that can sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Application")]
pub struct App {
    /// Client id of the application.
    pub id: String,
    /// Client secret.
    pub secret: String,
    /// Display name, shown as `requestor` of actions.
    pub name: String,
    /// Application permissions, as in the `roles` of its tokens.
    pub roles: Vec<String>,
    /// Time from which new tokens contain the roles, as after they were just granted. Earlier tokens have none.
    pub roles_from: TimeSpan,
    /// Whether the application can sign in with a certificate assertion instead of the secret. Form, audience
    /// and times are checked, the signature is not.
    pub certificate_sign_in: bool,
}

impl App {
    /// Gives the application a new random secret.
    pub(crate) fn renew_secret(&mut self) -> std::io::Result<()> {
        use base64::Engine as _;
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        self.secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        Ok(())
    }
}

impl Default for App {
    fn default() -> Self {
        App {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            name: "svar".to_owned(),
            roles: ALL_ROLES.map(str::to_owned).to_vec(),
            roles_from: TimeSpan::seconds(0),
            certificate_sign_in: true,
        }
    }
}

/// A time window, measured in emulated time from the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TimeWindow")]
pub struct TimeWindow {
    /// Begin of the window.
    #[serde(default)]
    pub from: TimeSpan,
    /// End of the window. Default: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<TimeSpan>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Device")]
pub struct Device {
    /// Full DNS name, in lower case.
    #[schemars(example = &"web-01.example.org")]
    pub name: String,
    /// Device id: 40 hexadecimal digits. Default: derived from the name.
    #[schemars(extend(
        "pattern" = "^[0-9A-Fa-f]{40}$",
        "errorMessage" = "Expected 40 hexadecimal digits"
    ))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Operating system as `osPlatform`: `Linux`, `macOS`, `Windows11`, `WindowsServer2022` and others.
    #[schemars(example = &"Windows11")]
    pub os: String,
    /// OS version.
    pub version: String,
    /// Device tags.
    pub tags: Vec<String>,
    /// Device group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Number of the device group.
    pub group_id: i64,
    /// Health status that the service reports.
    #[schemars(extend(
        "enum" = [
            "Active",
            "Inactive",
            "ImpairedCommunication",
            "NoSensorData",
            "NoSensorDataImpairedCommunication",
            "Unknown"
        ],
        "errorMessage" = "Expected `Active`, `Inactive` or another `healthStatus` of the service"
    ))]
    pub health: String,
    /// Onboarding status that the service reports.
    #[schemars(extend(
        "enum" = ["Onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo"],
        "errorMessage" = "Expected `Onboarded` or another `onboardingStatus` of the service"
    ))]
    pub onboarding: String,
    /// Risk score that the service reports.
    #[schemars(extend(
        "enum" = ["None", "Informational", "Low", "Medium", "High"],
        "errorMessage" = "Expected `None`, `Informational`, `Low`, `Medium` or `High`"
    ))]
    pub risk: String,
    /// Exposure level that the service reports.
    #[schemars(extend(
        "enum" = ["None", "Low", "Medium", "High"],
        "errorMessage" = "Expected `None`, `Low`, `Medium` or `High`"
    ))]
    pub exposure: String,
    /// IP address.
    pub ip: String,
    /// Time since the device was last seen, if it is offline at the start.
    pub last_seen: TimeSpan,
    /// Time windows in which the device is online. Default: always.
    pub online: Vec<TimeWindow>,
    /// Times at which the device restarts: files from PutFile are removed, and a running command fails.
    pub restarts: Vec<TimeSpan>,
    /// Status in which sessions on this device get stuck: the device is online, but never answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck_in: Option<StuckIn>,
    /// Time windows in which a person has a session from the portal: it is in no list, and starts are refused as busy.
    pub portal_sessions: Vec<TimeWindow>,
    /// Whether the device group has a remediation level; without one every start is refused.
    pub remediation: bool,
    /// Error code with which every start is refused, such as `OsPlatformNotSupported`.
    #[schemars(extend(
        "enum" = [
            "OsPlatformNotSupported",
            "ClientVersionNotSupported",
            "DisabledFeature",
            "DisallowedOperation",
            "Forbidden",
            "BadRequest"
        ],
        "errorMessage" = "Expected an error code such as `OsPlatformNotSupported`"
    ))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal_code: Option<String>,
    /// Time until the device picks up an action. Default: `settings.pickup_delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pickup_delay: Option<DurationRange>,
    /// Time from the last command to the final status. Default: `settings.wrapup_delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapup_delay: Option<DurationRange>,
    /// Files on the device at the start.
    pub files: Vec<DeviceFile>,
    /// Outcomes of scripts on this device, tried before those of the scenario.
    pub outcomes: Vec<ScriptOutcome>,
}

impl Default for Device {
    fn default() -> Self {
        Device {
            name: String::new(),
            id: None,
            os: "Linux".to_owned(),
            version: String::new(),
            tags: Vec::new(),
            group: None,
            group_id: 0,
            health: "Active".to_owned(),
            onboarding: "Onboarded".to_owned(),
            risk: "None".to_owned(),
            exposure: "Low".to_owned(),
            ip: "192.0.2.10".to_owned(),
            last_seen: TimeSpan::seconds(8 * 3600),
            online: Vec::new(),
            restarts: Vec::new(),
            stuck_in: None,
            portal_sessions: Vec::new(),
            remediation: true,
            refusal_code: None,
            pickup_delay: None,
            wrapup_delay: None,
            files: Vec::new(),
            outcomes: Vec::new(),
        }
    }
}

/// Status in which sessions get stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StuckIn {
    /// The device picks up no session: sessions wait until they time out in the queue.
    Pending,
    /// The device picks up a session and never reports: the first command reaches the time limit of scripts.
    InProgress,
}

/// Kind of operating system: which paths and scripts a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OsFamily {
    /// Drive letters and PowerShell.
    Windows,
    /// One root folder and bash.
    Unix,
}

impl Device {
    /// Creates a device with that name and operating system and defaults for the rest.
    pub fn named(name: &str, os: &str) -> Self {
        Device {
            name: name.to_owned(),
            os: os.to_owned(),
            ..Device::default()
        }
    }

    /// Returns whether its operating system is a server system.
    pub(crate) fn is_server(&self) -> bool {
        self.os.to_ascii_lowercase().contains("server")
    }

    /// Returns which paths and scripts it has.
    pub(crate) fn family(&self) -> OsFamily {
        if self.os.to_ascii_lowercase().starts_with("windows") {
            OsFamily::Windows
        } else {
            OsFamily::Unix
        }
    }
}

/// A group of many similar devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Fleet")]
pub struct Fleet {
    /// Number of devices.
    #[schemars(range(max = 1_000_000), example = 5000)]
    pub count: u32,
    /// Pattern of their names: `{n}` is replaced by the number, counted from 1, with leading zeros.
    pub name: String,
    /// Operating systems with their weights, as in `{Windows11: 9, Linux: 1}`. Default: `device.os`.
    pub os: BTreeMap<String, u32>,
    /// Share of the devices that is offline at the start, from 0 to 1; the seed decides which.
    #[schemars(range(min = 0, max = 1), example = 0.05)]
    pub offline: f64,
    /// Time at which offline devices come online. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_online: Option<DurationRange>,
    /// Everything else that the devices have in common.
    pub device: Device,
}

impl Default for Fleet {
    fn default() -> Self {
        Fleet {
            count: 0,
            name: "device-{n}.example.org".to_owned(),
            os: BTreeMap::new(),
            offline: 0.0,
            back_online: None,
            device: Device::default(),
        }
    }
}

/// A file on a device, or one that an outcome creates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "File")]
pub struct DeviceFile {
    /// Full path on the device: `C:\Users\…` or `/var/log/…`.
    pub path: String,
    /// Content as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Content in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Content as a repeated pattern of this many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Kind of file: only regular files can be collected (API notes 3.7).
    #[serde(skip_serializing_if = "FileKind::is_regular")]
    pub kind: FileKind,
    /// Whether another process keeps the file open, so that it can't be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// Whether the file is executable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// An error: the content of a file is not base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: invalid base64: {reason}")]
pub struct InvalidBase64 {
    path: String,
    reason: String,
}

/// Kind of a file on a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    #[default]
    Regular,
    /// A sparse file.
    Sparse,
    /// A reparse point.
    ReparsePoint,
    /// A placeholder of a file in the cloud.
    CloudOnly,
}

impl FileKind {
    fn is_regular(&self) -> bool {
        *self == FileKind::Regular
    }
}

impl DeviceFile {
    /// Returns the length in bytes, without creating the content.
    pub(crate) fn length(&self) -> u64 {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.len() as u64,
            // Invalid base64 counts as empty; the checks of the scenario report it.
            (None, Some(_)) => self.content().map_or(0, |content| content.len() as u64),
            (None, None) => self.size.unwrap_or(0),
        }
    }

    /// Creates a file with that text.
    pub fn text(path: &str, text: &str) -> Self {
        DeviceFile {
            path: path.to_owned(),
            text: Some(text.to_owned()),
            ..DeviceFile::default()
        }
    }

    /// Returns the content.
    ///
    /// # Errors
    /// `base64` is invalid.
    pub fn content(&self) -> Result<Vec<u8>, InvalidBase64> {
        use base64::Engine as _;
        if let Some(text) = &self.text {
            return Ok(text.clone().into_bytes());
        }
        if let Some(text) = &self.base64 {
            return base64::engine::general_purpose::STANDARD
                .decode(text.trim())
                .map_err(|error| InvalidBase64 {
                    path: self.path.clone(),
                    reason: error.to_string(),
                });
        }
        // A file of more bytes than this computer can address has as many as it can.
        let size = usize::try_from(self.size.unwrap_or(0)).unwrap_or(usize::MAX);
        const PATTERN: &[u8] = b"svar emulator pattern 0123456789\n";
        Ok(PATTERN.iter().copied().cycle().take(size).collect())
    }
}

/// A library file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Library file")]
pub struct LibraryItem {
    /// Name in the library.
    #[schemars(extend(
        "pattern" = "^[.]{0,254}[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$",
        "maxLength" = 255,
        "errorMessage" = "Expected a name of letters, digits, `-`, `_` and `.`"
    ))]
    pub name: String,
    /// Content as text. Without content the file has only a name, and outcomes decide what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Content in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The outcome of a script that is not executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "ScriptOutcome")]
pub struct ScriptOutcome {
    /// Name of the script; `*` matches any text, case is ignored.
    pub script: String,
    /// Arguments of the script; `*` matches any text.
    pub args: String,
    /// `osPlatform` of the device; `*` matches any text.
    pub os: String,
    /// Exit code of the script.
    pub exit: i64,
    /// Standard output. `{name}` is replaced by the device name, `{args}` by the arguments, `{arg1}` … by each of them.
    pub stdout: String,
    /// Standard error; the same placeholders.
    pub stderr: String,
    /// Files the script creates; placeholders work in paths and text too.
    pub files: Vec<DeviceFile>,
    /// Duration of the script.
    pub duration: TimeSpan,
    /// Error with which the command fails, as if the script had not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Default for ScriptOutcome {
    fn default() -> Self {
        ScriptOutcome {
            script: "*".to_owned(),
            args: "*".to_owned(),
            os: "*".to_owned(),
            exit: 0,
            stdout: String::new(),
            stderr: String::new(),
            files: Vec::new(),
            duration: TimeSpan::seconds(3),
            error: None,
        }
    }
}
