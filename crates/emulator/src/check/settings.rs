//! Checks settings for empty ranges and limits of zero.

use super::super::settings::{SettingOverrides, TimeSpan};
use super::times::between;
use super::{ScenarioProblem, ScenarioProblemKind};

pub(super) fn check(settings: &SettingOverrides, problems: &mut Vec<ScenarioProblem>) {
    let ranges = [
        ("visibility_lag", settings.visibility_lag),
        ("pickup_delay", settings.pickup_delay),
        ("wrapup_delay", settings.wrapup_delay),
    ];
    for (name, range) in ranges {
        between(range, &format!("/settings/{name}"), problems);
    }
    let none = |number: Option<u32>| number == Some(0);
    let no_time = |length: Option<TimeSpan>| length == Some(TimeSpan::seconds(0));
    let limits = [
        ("slots", none(settings.slots), "no session can ever start"),
        (
            "starts_per_minute",
            none(settings.starts_per_minute),
            "no session can ever start",
        ),
        (
            "reads_per_minute",
            none(settings.reads_per_minute),
            "every call except a start is rejected",
        ),
        (
            "reads_per_hour",
            none(settings.reads_per_hour),
            "every call except a start is rejected",
        ),
        (
            "hunting_queries_per_minute",
            none(settings.hunting_queries_per_minute),
            "every hunting query is rejected",
        ),
        (
            "token_ttl",
            no_time(settings.token_ttl),
            "every token expires at once",
        ),
        (
            "link_ttl",
            no_time(settings.link_ttl),
            "every link expires at once",
        ),
        (
            "queue_ttl",
            no_time(settings.queue_ttl),
            "every session times out in the queue",
        ),
        (
            "results_ttl",
            no_time(settings.results_ttl),
            "every result is deleted at once",
        ),
    ];
    for (name, is_none, message) in limits {
        if is_none {
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
