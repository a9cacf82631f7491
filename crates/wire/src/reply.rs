//! What can be answered.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value this version does not know, as it came.
            Other(String),
        }

        impl $name {
            /// The value as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => stringify!($variant),)+
                    $name::Other(text) => text,
                }
            }

            /// Reads a value; case does not matter.
            pub fn parse(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case(stringify!($variant)) {
                    return $name::$variant;
                })+
                $name::Other(text.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| $name::parse(&text))
            }
        }
    };
}

open_enum!(
    /// The state of a machine action (API notes 4.2). The last four known ones are final.
    ActionStatus {
        /// Waits for the device.
        Pending,
        /// Runs.
        InProgress,
        /// Every command completed.
        Succeeded,
        /// A command failed.
        Failed,
        /// Ran out of time, running or in the queue.
        TimeOut,
        /// Was cancelled.
        Cancelled,
    }
);

impl ActionStatus {
    /// Whether the service will not change it any more. An unknown state is not final.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            ActionStatus::Succeeded
                | ActionStatus::Failed
                | ActionStatus::TimeOut
                | ActionStatus::Cancelled
        )
    }
}

open_enum!(
    /// The state of one command (API notes 4.3).
    CommandStatus {
        /// Not started.
        Created,
        /// Handed to the device.
        Submitted,
        /// Waits for something on the device.
        PendingResource,
        /// Runs.
        Executing,
        /// Ended, whatever its exit code.
        Completed,
        /// Could not be done.
        Failed,
    }
);

/// A machine action (API notes 4.1). Only `id` and `status` are certain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // The names are the service's own; API notes 4.2 describes each.
pub struct MachineAction {
    #[serde(
        rename = "@odata.context",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub context: Option<String>,
    pub id: String,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub requestor: Option<String>,
    #[serde(default)]
    pub requestor_comment: Option<String>,
    pub status: ActionStatus,
    #[serde(default)]
    pub machine_id: Option<String>,
    #[serde(default)]
    pub computer_dns_name: Option<String>,
    #[serde(default)]
    pub creation_date_time_utc: Option<String>,
    #[serde(default, alias = "lastUpdateTimeUtc")]
    pub last_update_date_time_utc: Option<String>,
    #[serde(default)]
    pub cancellation_requestor: Option<String>,
    #[serde(default)]
    pub cancellation_comment: Option<String>,
    #[serde(default)]
    pub cancellation_date_time_utc: Option<String>,
    #[serde(default)]
    pub error_h_result: Option<i64>,
    #[serde(default)]
    pub scope: Option<String>,
    #[serde(default, alias = "externalID")]
    pub external_id: Option<String>,
    #[serde(default)]
    pub request_source: Option<String>,
    #[serde(default)]
    pub related_file_info: Option<serde_json::Value>,
    #[serde(default)]
    pub commands: Option<Vec<CommandEntry>>,
    #[serde(default)]
    pub troubleshoot_info: Option<serde_json::Value>,
}

/// One command inside a machine action (API notes 4.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct CommandEntry {
    pub index: u32,
    #[serde(default)]
    pub start_time: Option<String>,
    #[serde(default)]
    pub end_time: Option<String>,
    pub command_status: CommandStatus,
    #[serde(default)]
    pub errors: Vec<String>,
    #[serde(default)]
    pub command: Option<super::Command>,
}

/// A device (API notes 8.3). Only `id` is certain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Machine {
    pub id: String,
    #[serde(default)]
    pub computer_dns_name: Option<String>,
    #[serde(default)]
    pub first_seen: Option<String>,
    #[serde(default)]
    pub last_seen: Option<String>,
    #[serde(default)]
    pub os_platform: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub os_build: Option<i64>,
    #[serde(default)]
    pub os_processor: Option<String>,
    #[serde(default)]
    pub os_architecture: Option<String>,
    #[serde(default)]
    pub last_ip_address: Option<String>,
    #[serde(default)]
    pub last_external_ip_address: Option<String>,
    #[serde(default)]
    pub agent_version: Option<String>,
    #[serde(default)]
    pub health_status: Option<String>,
    #[serde(default, alias = "onboardingstatus")]
    pub onboarding_status: Option<String>,
    #[serde(default)]
    pub device_value: Option<String>,
    /// An integer on the wire, a string in the service's own table: taken as either.
    #[serde(default)]
    pub rbac_group_id: Option<serde_json::Value>,
    #[serde(default)]
    pub rbac_group_name: Option<String>,
    #[serde(default)]
    pub risk_score: Option<String>,
    #[serde(default)]
    pub exposure_level: Option<String>,
    #[serde(default)]
    pub is_aad_joined: Option<bool>,
    #[serde(default)]
    pub aad_device_id: Option<String>,
    #[serde(default)]
    pub machine_tags: Vec<String>,
    #[serde(default)]
    pub ip_addresses: Option<serde_json::Value>,
    #[serde(default)]
    pub merged_into_machine_id: Option<String>,
    #[serde(default)]
    pub is_potential_duplication: Option<bool>,
    #[serde(default)]
    pub is_excluded: Option<bool>,
    #[serde(default)]
    pub exclusion_reason: Option<String>,
    #[serde(default)]
    pub os_version: Option<String>,
    #[serde(default)]
    pub defender_av_status: Option<String>,
    #[serde(default)]
    pub managed_by: Option<String>,
    #[serde(default)]
    pub managed_by_status: Option<String>,
    /// Of no known shape.
    #[serde(default)]
    pub vm_metadata: Option<serde_json::Value>,
}

/// A file in the tenant's library (API notes 8.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LibraryFile {
    pub file_name: String,
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub creation_time: Option<String>,
    #[serde(default)]
    pub last_updated_time: Option<String>,
    #[serde(default)]
    pub created_by: Option<String>,
    #[serde(default)]
    pub has_parameters: Option<bool>,
    #[serde(default)]
    pub parameters_description: Option<String>,
}

/// A page of a list (API notes 5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection<T> {
    /// Where the metadata would be; never a base for other addresses.
    #[serde(
        rename = "@odata.context",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub context: Option<String>,
    /// How many there are in all, when asked for.
    #[serde(
        rename = "@odata.count",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub count: Option<u64>,
    /// The entries of this page.
    pub value: Vec<T>,
    /// The address of the next page.
    #[serde(
        rename = "@odata.nextLink",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub next_link: Option<String>,
}

/// The answer with a result's address (API notes 6.1). The address is a secret for half an hour.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LinkReply {
    #[serde(
        rename = "@odata.context",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub context: Option<String>,
    pub value: String,
}

/// What a script left (API notes 6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ScriptResult {
    #[serde(default)]
    pub script_name: Option<String>,
    pub exit_code: i64,
    #[serde(default)]
    pub script_output: String,
    #[serde(default)]
    pub script_errors: String,
}

/// The answer of an advanced hunting query (API notes 8.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hunt {
    /// The columns.
    #[serde(rename = "Schema", default)]
    pub schema: Vec<serde_json::Value>,
    /// The rows.
    #[serde(rename = "Results", default)]
    pub results: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The answer of the token endpoint (API notes 2.2).
#[derive(Clone, Deserialize, Serialize)]
#[allow(missing_docs)]
pub struct TokenReply {
    #[serde(default)]
    pub token_type: Option<String>,
    /// Seconds; a number on v2, text on v1.
    pub expires_in: serde_json::Value,
    #[serde(default)]
    pub ext_expires_in: Option<serde_json::Value>,
    pub access_token: String,
}

/// The shape of a refusal (API notes 9.1, 9.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What it says.
    pub error: ErrorDetail,
}

/// The inside of a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// Stable; empty for refusals of the query parser.
    #[serde(default)]
    pub code: String,
    /// Free text.
    #[serde(default)]
    pub message: String,
    /// The correlation id to quote to support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Present in refusals of the query parser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<serde_json::Value>>,
}
