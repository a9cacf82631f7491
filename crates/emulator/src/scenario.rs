//! What is played: the tenant, its applications, devices, library, and the faults that are to come.
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

/// Everything the emulator needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Scenario")]
pub struct Scenario {
    /// A name for people.
    pub name: String,
    /// Every choice by chance follows from this number.
    #[schemars(example = 7)]
    pub seed: u64,
    /// How many emulated seconds pass in a real one.
    #[schemars(range(min = 0.001, max = 1_000_000), example = 60)]
    pub factor: f64,
    /// Which state of the service is played.
    pub profile: ServiceProfile,
    /// What differs from the profile.
    pub settings: SettingOverrides,
    /// The tenant's id, as it stands in the token endpoint's path.
    #[schemars(extend(
        "pattern" = "^[A-Za-z0-9.-]+$",
        "errorMessage" = "Wants a tenant's id or domain, as it can stand in a path"
    ))]
    pub tenant: String,
    /// The applications that may sign in.
    #[schemars(length(min = 1))]
    pub apps: Vec<App>,
    /// Devices, one by one.
    pub devices: Vec<Device>,
    /// Devices by pattern.
    pub fleets: Vec<Fleet>,
    /// What is in the library at the start.
    pub library: Vec<LibraryItem>,
    /// What scripts do where they are not to be executed; the first that fits counts. A device's own come first.
    pub outcomes: Vec<ScriptOutcome>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Others who use the same tenant.
    pub background_load: Vec<BackgroundLoad>,
    /// Answers to hunting queries, by query text (blanks at the ends and between words don't count).
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
    /// The settings in force: the profile's, with the scenario's own turned.
    pub fn settings(&self) -> Settings {
        self.settings.over(self.profile)
    }
}

impl Scenario {
    /// The same with a new secret for every application: for an emulator that only its own process
    /// is to use, since whoever knows a secret can run scripts there.
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

/// An application that may sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Application")]
pub struct App {
    /// The client id it signs in with.
    pub id: String,
    /// The client secret that goes with it.
    pub secret: String,
    /// The display name: what actions show as `requestor`.
    pub name: String,
    /// Application permissions, as they stand in the token's `roles`.
    pub roles: Vec<String>,
    /// From when on tokens carry the roles, as just after they were granted: a token from before has none.
    pub roles_from: TimeSpan,
    /// Whether a certificate assertion is taken instead of the secret. Its shape, audience and times are
    /// checked, its signature is not.
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

/// A stretch of emulated time, counted from the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TimeWindow")]
pub struct TimeWindow {
    /// When it begins.
    #[serde(default)]
    pub from: TimeSpan,
    /// When it ends; none means for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<TimeSpan>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Device")]
pub struct Device {
    /// The full DNS name, in lower case.
    #[schemars(example = &"web-01.example.org")]
    pub name: String,
    /// The id: 40 hexadecimal digits. Left out, it follows from the name.
    #[schemars(extend(
        "pattern" = "^[0-9A-Fa-f]{40}$",
        "errorMessage" = "Wants 40 hexadecimal digits"
    ))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The `osPlatform`: `Linux`, `macOS`, `Windows11`, `WindowsServer2022` and others.
    #[schemars(example = &"Windows11")]
    pub os: String,
    /// The OS version shown.
    pub version: String,
    /// The tags it has.
    pub tags: Vec<String>,
    /// The device group it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The group's number.
    pub group_id: i64,
    /// What the service says about its health.
    #[schemars(extend(
        "enum" = [
            "Active",
            "Inactive",
            "ImpairedCommunication",
            "NoSensorData",
            "NoSensorDataImpairedCommunication",
            "Unknown"
        ],
        "errorMessage" = "Wants `Active`, `Inactive` or another `healthStatus` of the service"
    ))]
    pub health: String,
    /// Whether the service has it.
    #[schemars(extend(
        "enum" = ["Onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo"],
        "errorMessage" = "Wants `Onboarded` or another `onboardingStatus` of the service"
    ))]
    pub onboarding: String,
    /// How endangered the service takes it for.
    #[schemars(extend(
        "enum" = ["None", "Informational", "Low", "Medium", "High"],
        "errorMessage" = "Wants `None`, `Informational`, `Low`, `Medium` or `High`"
    ))]
    pub risk: String,
    /// How exposed the service takes it for.
    #[schemars(extend(
        "enum" = ["None", "Low", "Medium", "High"],
        "errorMessage" = "Wants `None`, `Low`, `Medium` or `High`"
    ))]
    pub exposure: String,
    /// The address it has.
    pub ip: String,
    /// How long before the start it was last seen, if it is not online at the start.
    pub last_seen: TimeSpan,
    /// When it can be reached. Empty: always.
    pub online: Vec<TimeWindow>,
    /// When it restarts: files that PutFile brought are gone, and a command that runs fails.
    pub restarts: Vec<TimeSpan>,
    /// How it never answers, if it doesn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck_in: Option<StuckIn>,
    /// When a person holds it from the portal: such a session is in no list, and makes starts answer "busy".
    pub portal_sessions: Vec<TimeWindow>,
    /// Whether its device group has a remediation level; without one, starts are refused for good.
    pub remediation: bool,
    /// The code of a refusal all starts get, such as `OsPlatformNotSupported`.
    #[schemars(extend(
        "enum" = [
            "OsPlatformNotSupported",
            "ClientVersionNotSupported",
            "DisabledFeature",
            "DisallowedOperation",
            "Forbidden",
            "BadRequest"
        ],
        "errorMessage" = "Wants the code of a refusal, such as `OsPlatformNotSupported`"
    ))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal_code: Option<String>,
    /// How long it takes to fetch an action, if not as long as the setting says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pickup_delay: Option<DurationRange>,
    /// How long it takes to end an action, if not as long as the setting says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapup_delay: Option<DurationRange>,
    /// Files on it at the start.
    pub files: Vec<DeviceFile>,
    /// What scripts do on it, before the scenario's own outcomes.
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

/// How a device never answers, although it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StuckIn {
    /// It fetches nothing: sessions wait until their time in the queue is over.
    Pending,
    /// It fetches a session and tells nothing more: the first command runs into the scripts' time limit.
    InProgress,
}

/// Which sort of paths and scripts a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OsFamily {
    /// Drive letters, PowerShell.
    Windows,
    /// One root, bash.
    Unix,
}

impl Device {
    /// A device with that name and operating system, the rest by default.
    pub fn named(name: &str, os: &str) -> Self {
        Device {
            name: name.to_owned(),
            os: os.to_owned(),
            ..Device::default()
        }
    }

    /// Whether its system is one of servers.
    pub fn is_server(&self) -> bool {
        self.os.to_ascii_lowercase().contains("server")
    }

    /// Which sort of paths and scripts it has.
    pub fn family(&self) -> OsFamily {
        if self.os.to_ascii_lowercase().starts_with("windows") {
            OsFamily::Windows
        } else {
            OsFamily::Unix
        }
    }
}

/// Many devices of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Fleet")]
pub struct Fleet {
    /// How many there are.
    #[schemars(range(max = 1_000_000), example = 5000)]
    pub count: u32,
    /// Their names; `{n}` stands for the number from 1 on, with leading zeros for all of one length.
    pub name: String,
    /// Operating systems with their shares, as in `{Windows11: 9, Linux: 1}`. Empty: the device's own.
    pub os: BTreeMap<String, u32>,
    /// The share that is offline at the start, from 0 to 1, chosen under the seed.
    #[schemars(range(min = 0, max = 1), example = 0.05)]
    pub offline: f64,
    /// When those that are offline come back. Left out: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_online: Option<DurationRange>,
    /// Everything else they have in common.
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

/// A file on a device, or one that a scripted outcome makes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "File")]
pub struct DeviceFile {
    /// The path as the device knows it: `C:\Users\…` or `/var/log/…`.
    pub path: String,
    /// What is in it, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is in it, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// So many bytes of a repeated pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// How it lies there: only plain files can be collected (API notes 3.7).
    #[serde(skip_serializing_if = "FileKind::is_regular")]
    pub kind: FileKind,
    /// Whether somebody keeps it open, so that it can't be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// Whether it can be executed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// How a file lies on its device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// As files do.
    #[default]
    Regular,
    /// With holes.
    Sparse,
    /// A reparse point: it stands for something else.
    ReparsePoint,
    /// In the cloud, with a placeholder on the device.
    CloudOnly,
}

impl FileKind {
    fn is_regular(&self) -> bool {
        *self == FileKind::Regular
    }
}

impl DeviceFile {
    /// How many bytes it has, without making them.
    pub fn length(&self) -> u64 {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.len() as u64,
            (None, Some(_)) => self.content().map_or(0, |content| content.len() as u64),
            (None, None) => self.size.unwrap_or(0),
        }
    }

    /// A file with that text.
    pub fn text(path: &str, text: &str) -> Self {
        DeviceFile {
            path: path.to_owned(),
            text: Some(text.to_owned()),
            ..DeviceFile::default()
        }
    }

    /// The content.
    ///
    /// # Errors
    /// The base64 text is none.
    pub fn content(&self) -> Result<Vec<u8>, String> {
        use base64::Engine as _;
        if let Some(text) = &self.text {
            return Ok(text.clone().into_bytes());
        }
        if let Some(text) = &self.base64 {
            return base64::engine::general_purpose::STANDARD
                .decode(text.trim())
                .map_err(|error| format!("{}: the content is no base64: {error}", self.path));
        }
        let size = usize::try_from(self.size.unwrap_or(0)).unwrap_or(usize::MAX);
        const PATTERN: &[u8] = b"svar emulator pattern 0123456789\n";
        Ok(PATTERN.iter().copied().cycle().take(size).collect())
    }
}

/// A file of the library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Library file")]
pub struct LibraryItem {
    /// What it is called in the library.
    #[schemars(extend(
        "pattern" = "^[.]{0,254}[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$",
        "maxLength" = 255,
        "errorMessage" = "Wants a name of letters, digits, `-`, `_` and `.`"
    ))]
    pub name: String,
    /// What is in it, as text. Left out: the emulator only knows the name, and scripted outcomes say what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is in it, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// What it says about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a script does instead of being executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "ScriptOutcome")]
pub struct ScriptOutcome {
    /// The script's name; `*` stands for any text, case does not matter.
    pub script: String,
    /// The argument text; `*` stands for any text.
    pub args: String,
    /// Only on devices with this sort of `osPlatform`; `*` stands for any text.
    pub os: String,
    /// The exit code it ends with.
    pub exit: i64,
    /// What it prints. `{name}` is the device's name, `{args}` the argument text, `{arg1}` … its words.
    pub stdout: String,
    /// What it prints as errors; the same placeholders.
    pub stderr: String,
    /// Files it leaves; placeholders in their paths and text, too.
    pub files: Vec<DeviceFile>,
    /// How long it takes.
    pub duration: TimeSpan,
    /// The command fails with this error line, as if the script had not run.
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
