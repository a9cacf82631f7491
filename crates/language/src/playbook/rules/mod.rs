//! Rules about the meaning of a playbook, which a schema cannot express: one file for each rule, named
//! after its id.
//!
//! Each file has the [`Rule`] and its check. A check reads the [`Outline`], so that
//! it works if other parts of the playbook are wrong, and takes linear time.

use crate::diagnostic::{Problem, Rule};

use super::outline::Outline;

mod ambiguous_boolean;
mod costly_order;
mod doubled_backslash;
mod duplicate_id;
mod duplicate_target;
pub(crate) mod empty_range;
mod escaped_windows_path;
mod forbidden_characters;
pub(crate) mod incomplete_waves;
mod ineffective_offline;
mod invalid_default;
mod invalid_device_id;
mod invalid_library_name;
mod invalid_regex;
mod large_file;
mod long_comment;
mod missing_file;
mod nested_args;
mod not_a_single_file;
mod pointless_default;
mod relative_path;
mod shrinking_waves;
mod small_sample;
mod unchecked_exit_code;
mod unknown_time_zone;
mod unlisted_file;
mod unreachable_when;
mod unsupported_script;
mod unused_input;
mod unused_key;
mod unused_library;
mod unused_names;
mod unused_var;
mod wrong_os_path;
mod zero_duration;
mod zero_failures;

/// Check of one rule, which adds its findings.
type Check = fn(&Outline<'_>, &mut Vec<Problem>);

/// Registers rules by their modules: one line each.
macro_rules! register {
    ($($module:ident,)*) => {
        /// Rules about the meaning of a playbook, in the order of `svar explain`. A playbook with such a
        /// finding can still be read, so the finding can be suppressed.
        pub(crate) static RULES: &[&Rule] = &[$(&$module::RULE),*];

        const CHECKS: &[Check] = &[$($module::check),*];
    };
}

register! {
    ambiguous_boolean,
    costly_order,
    doubled_backslash,
    duplicate_id,
    duplicate_target,
    empty_range,
    escaped_windows_path,
    forbidden_characters,
    incomplete_waves,
    ineffective_offline,
    invalid_default,
    invalid_device_id,
    invalid_library_name,
    invalid_regex,
    large_file,
    long_comment,
    missing_file,
    nested_args,
    not_a_single_file,
    pointless_default,
    relative_path,
    shrinking_waves,
    small_sample,
    unchecked_exit_code,
    unknown_time_zone,
    unlisted_file,
    unreachable_when,
    unsupported_script,
    unused_input,
    unused_key,
    unused_library,
    unused_var,
    wrong_os_path,
    zero_duration,
    zero_failures,
}

/// Returns the findings of all rules, in no particular order.
pub(super) fn check(outline: &Outline<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    for check in CHECKS {
        check(outline, &mut found);
    }
    found
}
