//! Checks settings for empty ranges and limits of zero.

use super::super::settings::{SettingOverrides, TimeSpan};
use super::problem::{ScenarioProblem, ScenarioProblemKind};
use super::times::check_range;

/// Checks the settings that the scenario overrides.
pub(super) fn check_settings(settings: &SettingOverrides, problems: &mut Vec<ScenarioProblem>) {
    let ranges = [
        ("visibility_lag", settings.visibility_lag),
        ("pickup_delay", settings.pickup_delay),
        ("wrapup_delay", settings.wrapup_delay),
    ];
    for (name, range) in ranges {
        check_range(range, &format!("/settings/{name}"), problems);
    }
    let is_zero = |number: Option<u32>| number == Some(0);
    let is_zero_time = |length: Option<TimeSpan>| length == Some(TimeSpan::seconds(0));
    let limits = [
        (
            "slots",
            is_zero(settings.slots),
            "no session can ever start",
        ),
        (
            "starts_per_minute",
            is_zero(settings.starts_per_minute),
            "no session can ever start",
        ),
        (
            "reads_per_minute",
            is_zero(settings.reads_per_minute),
            "every call except a start is rejected",
        ),
        (
            "reads_per_hour",
            is_zero(settings.reads_per_hour),
            "every call except a start is rejected",
        ),
        (
            "hunting_queries_per_minute",
            is_zero(settings.hunting_queries_per_minute),
            "every hunting query is rejected",
        ),
        (
            "token_ttl",
            is_zero_time(settings.token_ttl),
            "every token expires at once",
        ),
        (
            "link_ttl",
            is_zero_time(settings.link_ttl),
            "every link expires at once",
        ),
        (
            "queue_ttl",
            is_zero_time(settings.queue_ttl),
            "every session times out in the queue",
        ),
        (
            "results_ttl",
            is_zero_time(settings.results_ttl),
            "every result is deleted at once",
        ),
    ];
    for (name, is_zero, message) in limits {
        if is_zero {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::ZeroLimit,
                    format!("/settings/{name}"),
                    message,
                )
                .help("0 allows nothing. Remove the setting to use the value of the profile."),
            );
        }
    }
}
