//! Settings of the emulated service: what the public record leaves open and what a rehearsal may want to
//! change, each with the default that the API notes state.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in emulated time: a number of seconds, or text such as `90 s`, `30 min`, `2 h`, `3 days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    /// Creates a time span of that many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        TimeSpan(Duration::from_secs(seconds))
    }

    /// Creates a time span of that many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        TimeSpan(Duration::from_millis(millis))
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.subsec_nanos() == 0 {
            serializer.serialize_u64(self.0.as_secs())
        } else {
            serializer.serialize_f64(self.0.as_secs_f64())
        }
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl serde::de::Visitor<'_> for Reader {
            type Value = TimeSpan;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of seconds, or text such as `90 s` or `2 h`")
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<TimeSpan, E> {
                Ok(TimeSpan(Duration::from_secs(seconds.min(LONGEST_S))))
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<TimeSpan, E> {
                u64::try_from(seconds)
                    .map_err(|_| E::custom("a duration can't be negative"))
                    .and_then(|seconds| self.visit_u64(seconds))
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<TimeSpan, E> {
                if !(0.0..=LONGEST_S as f64).contains(&seconds) {
                    return Err(E::custom("a duration must be a number of at least 0"));
                }
                Ok(TimeSpan(Duration::from_secs_f64(seconds)))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TimeSpan, E> {
                let signed: jiff::SignedDuration = friendly(text).ok_or_else(|| {
                    E::custom(format!(
                        "`{text}` is not a duration such as `90 s` or `2 h`"
                    ))
                })?;
                Duration::try_from(signed)
                    .map(TimeSpan)
                    .map_err(|_| E::custom("a duration can't be negative"))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A hundred years: longer spans are capped, so that no sum overflows.
const LONGEST_S: u64 = 100 * 366 * 24 * 3600;

/// Durations as text: a whole number, or one with a fraction, and its unit; several in a row.
const SPAN_PATTERN: &str = r"^ *([0-9]+(\.[0-9]+)? *(nanoseconds?|nanos?|ns|microseconds?|micros?|usecs?|us|µs|milliseconds?|millis?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|hr|h|days?|d|weeks?|wks?|w),? *)+$";

fn friendly(text: &str) -> Option<jiff::SignedDuration> {
    if let Ok(signed) = text.parse::<jiff::SignedDuration>() {
        return Some(signed);
    }
    // Days are no fixed length to jiff; here they are 24 hours.
    let span: jiff::Span = text.parse().ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A duration in emulated time: seconds, or text such as `90 s`, `30 min`, `2 h`, `3 days`.",
            "type": ["number", "string"],
            "minimum": 0,
            "maximum": LONGEST_S,
            "pattern": SPAN_PATTERN,
            "errorMessage": "Expected a duration: a number of seconds, or text such as `90 s`, `30 min`, `2 h` or `3 days`"
        })
    }
}

/// A random duration, uniform between two bounds and drawn anew each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Range")]
pub struct DurationRange {
    /// Lower bound.
    pub min: TimeSpan,
    /// Upper bound.
    pub max: TimeSpan,
}

impl DurationRange {
    /// Creates a range from `min` to `max` seconds.
    pub const fn seconds(min: u64, max: u64) -> Self {
        DurationRange {
            min: TimeSpan::seconds(min),
            max: TimeSpan::seconds(max),
        }
    }

    /// Returns the longest duration that can be drawn.
    pub(crate) fn longest(self) -> Duration {
        self.min.0.max(self.max.0)
    }

    /// Returns a duration between the bounds: the lower one for 0, the upper one for 1.
    pub(crate) fn at(self, fraction: f64) -> Duration {
        let (low, high) = (self.min.0.min(self.max.0), self.min.0.max(self.max.0));
        low + (high - low).mul_f64(fraction.clamp(0.0, 1.0))
    }
}

/// State of the service that is emulated (API notes 1). The year can also be a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub enum ServiceProfile {
    /// As documented in June 2021: 25 slots, 3 days in the queue, 200 on a start, no order rule.
    #[serde(rename = "2021")]
    Y2021,
    /// As documented at the end of 2025: 50 slots, 2 hours in the queue, 201, commands in order.
    #[default]
    #[serde(rename = "current")]
    Current,
    /// The stricter of both in every respect.
    #[serde(rename = "safe")]
    Safe,
}

impl<'de> Deserialize<'de> for ServiceProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl serde::de::Visitor<'_> for Reader {
            type Value = ServiceProfile;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`2021`, `current` or `safe`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ServiceProfile, E> {
                match name {
                    "2021" => Ok(ServiceProfile::Y2021),
                    "current" => Ok(ServiceProfile::Current),
                    "safe" => Ok(ServiceProfile::Safe),
                    other => Err(E::unknown_variant(other, &["2021", "current", "safe"])),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, year: u64) -> Result<ServiceProfile, E> {
                self.visit_str(&year.to_string())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// What happens when a rule of the service is violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ViolationPolicy {
    /// The call is rejected with 400.
    Reject,
    /// The call is accepted and the command fails on the device.
    Fail,
    /// The call is accepted and works.
    Allow,
}

/// What a second PutFile of a name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepeatedPut {
    /// It fails on the device.
    Fail,
    /// It overwrites the first file.
    Allow,
}

/// How a rate limit measures time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RateWindow {
    /// Whole minutes and hours of the clock: all calls are free again when one ends.
    Fixed,
    /// The last 60 and 3,600 seconds: a call is free again when an earlier one is that old.
    Sliding,
}

/// Who shares a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RateScope {
    /// Each application has its own.
    Application,
    /// All applications of the tenant share one.
    Tenant,
}

/// A final status of an action that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnsuccessfulStatus {
    /// `Failed`.
    Failed,
    /// `TimeOut`.
    TimeOut,
    /// `Cancelled`.
    Cancelled,
}

/// How scripts are isolated from this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Namespaces where this computer allows them, otherwise `plain`.
    Auto,
    /// User, mount, process and network namespaces; without them scripts fail.
    Namespace,
    /// An ordinary process in the device's folder, which can read this computer's files.
    Plain,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = [$current:expr, $y2021:expr, $safe:expr];)+) => {
        /// The settings in force.
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        pub struct Settings {
            $($(#[$doc])* pub $name: $type,)+
        }

        /// The settings that a scenario overrides; the rest comes from the profile.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(title = "Settings")]
        pub struct SettingOverrides {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("default" = $current))]
            pub $name: Option<$type>,)+
        }

        impl Settings {
            /// Returns the settings of a profile.
            pub fn of(profile: ServiceProfile) -> Self {
                match profile {
                    ServiceProfile::Current => Settings { $($name: $current,)+ },
                    ServiceProfile::Y2021 => Settings { $($name: $y2021,)+ },
                    ServiceProfile::Safe => Settings { $($name: $safe,)+ },
                }
            }
        }

        impl SettingOverrides {
            /// Returns the profile's settings with these overrides.
            pub(crate) fn over(&self, profile: ServiceProfile) -> Settings {
                let mut settings = Settings::of(profile);
                $(if let Some(value) = &self.$name {
                    settings.$name = value.clone();
                })+
                settings
            }
        }
    };
}

const HOUR_S: u64 = 3600;
/// It becomes a header's value: one type, and parameters if any, on one line.
const CONTENT_TYPE_PATTERN: &str =
    "^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+( *; *[A-Za-z0-9-]+=[A-Za-z0-9._+-]+)*$";

// The columns: current, 2021, safe.
settings! {
    /// Concurrent live response sessions in the tenant (API notes 1).
    slots: u32 = [50, 25, 25];
    /// Starts per minute (API notes 1.1).
    starts_per_minute: u32 = [10, 10, 10];
    /// Calls per minute, for every other row of the rate limit table (API notes 1.1).
    reads_per_minute: u32 = [100, 100, 100];
    /// Calls per hour, for every other row of the rate limit table (API notes 1.1).
    reads_per_hour: u32 = [1500, 1500, 1500];
    /// Hunting queries per minute; per hour `reads_per_hour` applies (API notes 1.1, 8.5).
    hunting_queries_per_minute: u32 = [45, 45, 45];
    /// How rate limits measure time (API notes 1.1).
    rate_window: RateWindow = [RateWindow::Fixed, RateWindow::Fixed, RateWindow::Sliding];
    /// Who shares a rate limit (API notes 1.1).
    rate_scope: RateScope = [RateScope::Application, RateScope::Application, RateScope::Tenant];
    /// Whether a 429 of a rate limit has `Retry-After` (API notes 9.3).
    retry_after_on_rate_limit: bool = [true, true, true];
    /// Time that an action waits for its device (API notes 1, 3.5).
    queue_ttl: TimeSpan = [TimeSpan::seconds(2 * HOUR_S), TimeSpan::seconds(72 * HOUR_S), TimeSpan::seconds(2 * HOUR_S)];
    /// Status of an action whose device did not pick it up in time (API notes 3.5).
    queue_expiry_status: UnsuccessfulStatus = [UnsuccessfulStatus::TimeOut, UnsuccessfulStatus::TimeOut, UnsuccessfulStatus::TimeOut];
    /// HTTP status of an accepted start: 200 or 201 (API notes 1).
    #[schemars(range(min = 200, max = 201))]
    start_status: u16 = [201, 200, 201];
    /// Whether a start accepts a device name in place of the id (API notes 3.1).
    start_by_name: bool = [false, false, false];
    /// Whether live response is enabled in the tenant; if not, starts are 403 `DisabledFeature` (API notes 3.4, 3.7).
    live_response: bool = [true, true, true];
    /// Whether live response is enabled for servers (API notes 3.7).
    live_response_for_servers: bool = [true, true, true];
    /// Whether unsigned PowerShell scripts run. A library file without content counts as signed (API notes 3.7).
    unsigned_scripts: bool = [true, true, true];
    /// Whether a pending action takes a session slot (API notes 3.5).
    pending_counts_as_session: bool = [true, true, true];
    /// Time for which a new action is invisible to reads (API notes 4.5).
    visibility_lag: DurationRange = [DurationRange::seconds(0, 3), DurationRange::seconds(0, 3), DurationRange::seconds(0, 3)];
    /// Time from the start, or from the device's return, to the first command (API notes 4.6).
    pickup_delay: DurationRange = [DurationRange::seconds(5, 120), DurationRange::seconds(5, 120), DurationRange::seconds(5, 120)];
    /// Time from the end of the last command to the final status (API notes 4.6).
    wrapup_delay: DurationRange = [DurationRange::seconds(1, 40), DurationRange::seconds(1, 40), DurationRange::seconds(1, 40)];
    /// Commands that are not in the order PutFile, RunScript, GetFile; `fail` fails the first one out of order
    /// (API notes 3.3).
    order_violation: ViolationPolicy = [ViolationPolicy::Reject, ViolationPolicy::Allow, ViolationPolicy::Reject];
    /// Arguments that contain one of `;` `&` `|` `!` `$` (API notes 3.3).
    forbidden_args: ViolationPolicy = [ViolationPolicy::Fail, ViolationPolicy::Fail, ViolationPolicy::Fail];
    /// A script or file name that is not in the library; `allow` leaves it to `outcomes` (API notes 3.3).
    unknown_script: ViolationPolicy = [ViolationPolicy::Fail, ViolationPolicy::Fail, ViolationPolicy::Fail];
    /// A second PutFile of a name that is already in the working folder (API notes 3.7).
    repeated_put: RepeatedPut = [RepeatedPut::Allow, RepeatedPut::Allow, RepeatedPut::Allow];
    /// Whether a missing or empty `Comment` is rejected (API notes 3.3).
    comment_required: bool = [true, true, true];
    /// Maximum length of `Comment`, in characters (API notes 3.3).
    comment_max: usize = [2048, 2048, 2048];
    /// Maximum length of `Args`, in characters (API notes 3.3).
    args_max: usize = [30_000, 30_000, 30_000];
    /// Maximum number of commands in a start; 0 means no limit (API notes 3.3).
    commands_max: usize = [0, 0, 0];
    /// Whether a non-zero exit code fails the command (API notes 4.4).
    nonzero_exit_fails: bool = [false, false, false];
    /// Whether commands after a failed one become `Failed`; if not, they stay `Created` (API notes 4.4).
    skipped_commands_fail: bool = [false, false, false];
    /// Time limit of a script (API notes 1). With a fast clock, a script that is executed has at least five
    /// seconds of real time, if the limit is that long (our choice).
    script_time_limit: TimeSpan = [TimeSpan::seconds(600), TimeSpan::seconds(600), TimeSpan::seconds(600)];
    /// Status of an action whose script exceeded its time limit (API notes 4.4).
    script_timeout_status: UnsuccessfulStatus = [UnsuccessfulStatus::Failed, UnsuccessfulStatus::Failed, UnsuccessfulStatus::Failed];
    /// Time for which a device stays busy after a cancel (API notes 7).
    cancel_release_delay: TimeSpan = [TimeSpan::seconds(0), TimeSpan::seconds(0), TimeSpan::seconds(0)];
    /// Whether a cancel after the last command ends the action as `Cancelled` (API notes 7).
    late_cancel_marks_cancelled: bool = [true, true, true];
    /// Error code of the 400 for cancelling a finished action (API notes 7).
    #[schemars(extend("pattern" = "^[A-Za-z]+$", "errorMessage" = "Expected a code of letters, such as `BadRequest`"))]
    cancel_after_end_code: String = ["BadRequest".to_owned(), "BadRequest".to_owned(), "BadRequest".to_owned()];
    /// Time after a start in which a second one on the same device returns the first action (API notes 3.6).
    duplicate_window: TimeSpan = [TimeSpan::seconds(0), TimeSpan::seconds(0), TimeSpan::seconds(0)];
    /// `Retry-After` when no session slot is free, in seconds; 0 omits the header (API notes 9.3).
    retry_after_on_slot_limit: u32 = [0, 0, 0];
    /// Whether a start without a free slot counts as one of the minute's starts. If so, the rate limit is
    /// reported first when both are used up (API notes 9.3).
    slot_refusals_count_as_starts: bool = [true, true, true];
    /// Lifetime of a result link (API notes 6.1).
    link_ttl: TimeSpan = [TimeSpan::seconds(1800), TimeSpan::seconds(1800), TimeSpan::seconds(1800)];
    /// Whether `&` in a link is written as `&amp;` (API notes 6.1).
    link_html_escape: bool = [false, false, false];
    /// Time after the end of an action for which its links are 404 (API notes 6.2).
    link_lag: TimeSpan = [TimeSpan::seconds(0), TimeSpan::seconds(0), TimeSpan::seconds(0)];
    /// Lifetime of results (API notes 6.1).
    results_ttl: TimeSpan = [TimeSpan::seconds(30 * 24 * HOUR_S), TimeSpan::seconds(30 * 24 * HOUR_S), TimeSpan::seconds(30 * 24 * HOUR_S)];
    /// HTTP status of a link request for a command without a result (API notes 6.2).
    #[schemars(range(min = 400, max = 499))]
    no_result_status: u16 = [404, 404, 404];
    /// Content type of results (API notes 6.3).
    #[schemars(extend("pattern" = CONTENT_TYPE_PATTERN, "errorMessage" = "Expected a content type, such as `application/gzip`"))]
    result_content_type: String = ["application/octet-stream".to_owned(), "application/octet-stream".to_owned(), "application/octet-stream".to_owned()];
    /// Host in `@odata.context`; it differs from the listener's on purpose (API notes 2.1).
    #[schemars(extend("pattern" = "^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$", "errorMessage" = "Expected a host, such as `api-eu3.securitycenter.example`, with or without a port"))]
    context_host: String = ["api-eu3.securitycenter.example".to_owned(), "api-eu3.securitycenter.example".to_owned(), "api-eu3.securitycenter.example".to_owned()];
    /// Entries on a page of a list without `$top` (API notes 5.1).
    #[schemars(range(min = 1, max = 10_000))]
    default_page_size: usize = [10_000, 10_000, 10_000];
    /// Whether a filter may use properties that are not documented for filters (API notes 5.1, 8.2).
    undocumented_filters: bool = [true, true, false];
    /// Whether a failed action that ran turns to `Succeeded` on the second read (API notes 4.4).
    status_flapping: bool = [false, false, false];
    /// Whether `Machine.Read.All` is enough to read actions, links and single machines (API notes 1, 2.4).
    read_role_is_enough: bool = [false, true, false];
    /// Maximum size of a library file, in bytes (API notes 8.6).
    library_file_max: u64 = [20 * 1024 * 1024, 20 * 1024 * 1024, 20 * 1024 * 1024];
    /// HTTP status of an upload that is too large (API notes 8.6).
    #[schemars(range(min = 400, max = 499))]
    library_too_large_status: u16 = [400, 400, 400];
    /// HTTP status of an upload whose name exists, without permission to replace it (API notes 8.6).
    #[schemars(range(min = 400, max = 499))]
    library_exists_status: u16 = [400, 400, 400];
    /// Maximum size of a file put on a device other than Windows, in bytes (API notes 1).
    put_file_max_non_windows: u64 = [10 * 1024 * 1024, 10 * 1024 * 1024, 10 * 1024 * 1024];
    /// Maximum size of a collected file, in bytes. Our choice: results stay in memory; the service's limit is 3 GB.
    collected_file_max: u64 = [256 * 1024 * 1024, 256 * 1024 * 1024, 256 * 1024 * 1024];
    /// Maximum output of a script, in bytes, for stdout and stderr each; the rest is dropped (our choice; API notes 6.3 has no limit).
    output_max: u64 = [16 * 1024 * 1024, 16 * 1024 * 1024, 16 * 1024 * 1024];
    /// Maximum number of processes of a script, each thread counted as one (our choice).
    processes_max: u32 = [512, 512, 512];
    /// Maximum memory of all processes of a script, in bytes. Each of them can reserve twice that and 1 GiB (our choice).
    memory_max: u64 = [4_294_967_296_u64, 4_294_967_296_u64, 4_294_967_296_u64];
    /// Maximum disk space of a device's files, in bytes: each file and folder counts as at least 4 KiB. It is
    /// also the maximum length of a file (our choice).
    disk_max: u64 = [1_073_741_824, 1_073_741_824, 1_073_741_824];
    /// Lifetime of a token (API notes 2.2).
    token_ttl: TimeSpan = [TimeSpan::seconds(3599), TimeSpan::seconds(3599), TimeSpan::seconds(3599)];
    /// Whether the v1 token endpoint returns `expires_in` as a string (API notes 2.2).
    v1_expires_in_as_text: bool = [true, true, true];
    /// HTTP status of a sign-in with a wrong secret or an unknown application (API notes 2.2).
    #[schemars(range(min = 400, max = 401))]
    sign_in_refusal_status: u16 = [401, 401, 401];
    /// How far the service's clock is ahead of the real time, in the times it returns, in its `Date` header, and
    /// in how it reads times (our choice).
    clock_ahead: TimeSpan = [TimeSpan::seconds(0), TimeSpan::seconds(0), TimeSpan::seconds(0)];
    /// How far the service's clock is behind the real time (our choice).
    clock_behind: TimeSpan = [TimeSpan::seconds(0), TimeSpan::seconds(0), TimeSpan::seconds(0)];
    /// How scripts are isolated from this computer.
    isolation: Isolation = [Isolation::Auto, Isolation::Auto, Isolation::Auto];
}
