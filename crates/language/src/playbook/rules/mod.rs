//! What a schema can't say: one rule a file, named for its code. A file with more than one code holds
//! findings that one look gives.
//!
//! A rule reads the [`Outline`], so that it finds what there is to find while other parts of the
//! playbook are wrong. Each looks at a playbook once, from front to back.

use crate::diagnostic::Problem;

use super::outline::Outline;

mod costly_order;
mod device_id;
mod device_path;
mod doubled_backslash;
mod duplicate_id;
mod duplicate_target;
mod empty_range;
mod forbidden_characters;
mod idle_key;
mod idle_offline;
mod input_default;
mod invalid_regex;
mod large_file;
mod library_name;
mod live_escape;
mod long_comment;
mod missing_file;
mod nested_args;
mod no_time;
mod pointless_default;
mod script_type;
mod shrinking_waves;
mod small_sample;
mod unfinished_waves;
mod unjudged_exit;
mod unknown_zone;
mod unlisted_file;
mod unreachable_when;
mod unused;
mod yes_or_no;
mod zero_failures;

type Rule = fn(&Outline<'_>, &mut Vec<Problem>);

const RULES: &[Rule] = &[
    costly_order::check,
    device_path::check,
    doubled_backslash::check,
    duplicate_id::check,
    duplicate_target::check,
    empty_range::check,
    forbidden_characters::check,
    idle_key::check,
    idle_offline::check,
    input_default::check,
    invalid_regex::check,
    large_file::check,
    library_name::check,
    live_escape::check,
    long_comment::check,
    device_id::check,
    missing_file::check,
    nested_args::check,
    no_time::check,
    pointless_default::check,
    script_type::check,
    shrinking_waves::check,
    small_sample::check,
    unfinished_waves::check,
    unjudged_exit::check,
    unknown_zone::check,
    unlisted_file::check,
    unreachable_when::check,
    unused::check,
    yes_or_no::check,
    zero_failures::check,
];

/// What all rules find, in no particular order.
pub(super) fn check(outline: &Outline<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(outline, &mut found);
    }
    found
}
