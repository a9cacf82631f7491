//! Knobs: none is turned so far that nothing gets through.

use super::super::knobs::{KnobSettings, Span};
use super::Flaw;
use super::times::between;

pub(super) fn check(knobs: &KnobSettings, flaws: &mut Vec<Flaw>) {
    let ranges = [
        ("visibility_lag", knobs.visibility_lag),
        ("pickup_delay", knobs.pickup_delay),
        ("wrapup_delay", knobs.wrapup_delay),
    ];
    for (name, range) in ranges {
        between(range, &format!("/knobs/{name}"), flaws);
    }
    let none = |number: Option<u32>| number == Some(0);
    let no_time = |length: Option<Span>| length == Some(Span::seconds(0));
    let limits = [
        ("slots", none(knobs.slots), "no session can ever start"),
        (
            "starts_per_minute",
            none(knobs.starts_per_minute),
            "no session can ever start",
        ),
        (
            "reads_per_minute",
            none(knobs.reads_per_minute),
            "every call but a start is refused",
        ),
        (
            "reads_per_hour",
            none(knobs.reads_per_hour),
            "every call but a start is refused",
        ),
        (
            "hunts_per_minute",
            none(knobs.hunts_per_minute),
            "no hunting query is ever answered",
        ),
        (
            "token_ttl",
            no_time(knobs.token_ttl),
            "every token has expired when it is made",
        ),
        (
            "link_ttl",
            no_time(knobs.link_ttl),
            "every link has expired when it is made",
        ),
        (
            "queue_ttl",
            no_time(knobs.queue_ttl),
            "no device ever comes in time",
        ),
        (
            "results_kept",
            no_time(knobs.results_kept),
            "no result is ever there",
        ),
    ];
    for (name, is_none, message) in limits {
        if is_none {
            flaws.push(
                Flaw::new("nothing-passes", format!("/knobs/{name}"), message)
                    .help("Here 0 is none at all, not no limit. Leave the knob out for what the profile says."),
            );
        }
    }
}
