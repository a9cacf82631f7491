//! Response bodies.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// Unknown value, as it was received.
            Other(String),
        }

        impl $name {
            /// Returns the value as it is written in JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => stringify!($variant),)+
                    $name::Other(text) => text,
                }
            }

            /// Parses a value without regard to case. Never fails: an unknown value is kept as text.
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
    /// Status of a machine action (API notes 4.2). The last four known values are final.
    ActionStatus {
        /// Waiting for the device.
        Pending,
        /// Running on the device.
        InProgress,
        /// Ended, and every command completed.
        Succeeded,
        /// Ended, and a command failed.
        Failed,
        /// Ended because its time ran out, in the queue or on the device.
        TimeOut,
        /// Ended by a cancel.
        Cancelled,
    }
);

impl ActionStatus {
    /// Returns whether the status is final. An unknown status is not.
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
    /// Status of one command (API notes 4.3).
    CommandStatus {
        /// Not started.
        Created,
        /// Sent to the device.
        Submitted,
        /// Waiting for something on the device.
        PendingResource,
        /// Running.
        Executing,
        /// Ended, with any exit code.
        Completed,
        /// Not done, or not to its end.
        Failed,
    }
);

/// Machine action: one session on one device (API notes 4.1). Only `id` and `status` are certain.
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

/// One command of a machine action (API notes 4.3).
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

/// Device, as the API describes it (API notes 8.3). Only `id` is certain.
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
    /// Documented as a string and sent as an integer, so both are accepted.
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
    /// Undocumented, so any JSON is accepted.
    #[serde(default)]
    pub vm_metadata: Option<serde_json::Value>,
}

/// File in the tenant's library (API notes 8.6).
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

/// Page of a list (API notes 5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection<T> {
    /// Address of the metadata. May name another host, so no address is built from it.
    #[serde(
        rename = "@odata.context",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub context: Option<String>,
    /// Number of entries on all pages, if it was asked for.
    #[serde(
        rename = "@odata.count",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub count: Option<u64>,
    /// Entries of this page.
    pub value: Vec<T>,
    /// Absolute address of the next page.
    #[serde(
        rename = "@odata.nextLink",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub next_link: Option<String>,
}

/// Response with the address of a result (API notes 6.1). The address is a secret for half an hour,
/// so there is no `Debug`.
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

/// Result of a script (API notes 6.3).
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

/// Response to an advanced hunting query (API notes 8.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HuntReply {
    /// Columns, with name and type.
    #[serde(rename = "Schema", default)]
    pub schema: Vec<serde_json::Value>,
    /// Rows, each with a value for every column.
    #[serde(rename = "Results", default)]
    pub results: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Response of the token endpoint (API notes 2.2). Holds a secret, so there is no `Debug`.
#[derive(Clone, Deserialize, Serialize)]
#[allow(missing_docs)]
pub struct TokenReply {
    #[serde(default)]
    pub token_type: Option<String>,
    /// Life of the token in seconds: a number from the v2 endpoint, text from v1.
    pub expires_in: serde_json::Value,
    #[serde(default)]
    pub ext_expires_in: Option<serde_json::Value>,
    pub access_token: String,
}

/// Body of an error response (API notes 9.1, 9.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Error.
    pub error: ErrorDetail,
}

/// Error of an [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// Stable code; empty in errors of the query parser.
    #[serde(default)]
    pub code: String,
    /// Free text that may change.
    #[serde(default)]
    pub message: String,
    /// Correlation id that Microsoft support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Present in errors of the query parser only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<serde_json::Value>>,
}
