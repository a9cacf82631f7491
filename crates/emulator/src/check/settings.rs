//! Settings: none is turned so far that nothing gets through.

use super::super::settings::{SettingOverrides, TimeSpan};
use super::ScenarioProblem;
use super::times::between;

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
            "every call but a start is refused",
        ),
        (
            "reads_per_hour",
            none(settings.reads_per_hour),
            "every call but a start is refused",
        ),
        (
            "hunting_queries_per_minute",
            none(settings.hunting_queries_per_minute),
            "no hunting query is ever answered",
        ),
        (
            "token_ttl",
            no_time(settings.token_ttl),
            "every token has expired when it is made",
        ),
        (
            "link_ttl",
            no_time(settings.link_ttl),
            "every link has expired when it is made",
        ),
        (
            "queue_ttl",
            no_time(settings.queue_ttl),
            "no device ever comes in time",
        ),
        (
            "results_ttl",
            no_time(settings.results_ttl),
            "no result is ever there",
        ),
    ];
    for (name, is_none, message) in limits {
        if is_none {
            problems.push(
                ScenarioProblem::new("zero-limit", format!("/settings/{name}"), message)
                    .help("Here 0 is none at all, not no limit. Leave the setting out for what the profile says."),
            );
        }
    }
}
