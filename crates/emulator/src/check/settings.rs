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
    let rate_limits = [
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
            "every call is rejected, except sign-ins, starts, hunting queries and downloads",
        ),
        (
            "reads_per_hour",
            is_zero(settings.reads_per_hour),
            "every call is rejected, except sign-ins, starts and downloads",
        ),
        (
            "hunting_queries_per_minute",
            is_zero(settings.hunting_queries_per_minute),
            "every hunting query is rejected",
        ),
    ];
    let lifetimes = [
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
            "no session is ever picked up: each expires at once",
        ),
        (
            "results_ttl",
            is_zero_time(settings.results_ttl),
            "every result is deleted at once",
        ),
    ];
    let with_help = |help: &'static str| {
        move |(name, is_zero, message): (&'static str, bool, &'static str)| {
            (name, is_zero, message, help)
        }
    };
    let limits = (rate_limits.into_iter())
        .map(with_help("0 allows nothing."))
        .chain((lifetimes.into_iter()).map(with_help("A lifetime of 0 ends when it begins.")));
    for (name, is_zero, message, help) in limits {
        if is_zero {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::ZeroLimit,
                    format!("/settings/{name}"),
                    message,
                )
                .help(format!(
                    "{help} Remove the setting to use the value of the profile."
                )),
            );
        }
    }
}
