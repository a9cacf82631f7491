//! Checks time windows and durations.

use svar_wire::text::duration;

use super::super::scenario::TimeWindow;
use super::super::settings::DurationRange;
use super::problem::{ScenarioProblem, ScenarioProblemKind};

/// Reports windows of a list that end before they begin, and windows that overlap.
pub(super) fn check_windows(
    windows: &[TimeWindow],
    pointer: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    let mut in_order: Vec<(usize, &TimeWindow)> = windows.iter().enumerate().collect();
    in_order.sort_by_key(|(_, window)| window.from);
    for (index, window) in &in_order {
        check_window(**window, &format!("{pointer}/{index}"), problems);
    }
    for pair in in_order.windows(2) {
        let [(first, before), (second, after)] = pair else {
            continue;
        };
        if before.until.is_none_or(|until| until > after.from) {
            let key = if before.until.is_some() {
                "until"
            } else {
                "from"
            };
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::OverlappingWindows,
                    format!("{pointer}/{second}/from"),
                    "overlapping time windows",
                )
                .related(
                    format!("{pointer}/{first}/{key}"),
                    "overlaps with this window",
                )
                .help("Merge the two windows, or separate them."),
            );
        }
    }
}

/// Reports a window that ends before it begins.
pub(super) fn check_window(window: TimeWindow, pointer: &str, problems: &mut Vec<ScenarioProblem>) {
    if window.until.is_some_and(|until| until <= window.from) {
        problems.push(
            ScenarioProblem::new(
                ScenarioProblemKind::ReversedWindow,
                format!("{pointer}/until"),
                "this time window ends before it begins",
            )
            .help("Both are measured from the emulator's start; without `until` the window has no end."),
        );
    }
}

/// Reports a range whose lower bound is above its upper bound.
pub(super) fn check_range(
    range: Option<DurationRange>,
    pointer: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    if let Some(range) = range.filter(|range| range.min > range.max) {
        problems.push(
            ScenarioProblem::new(
                ScenarioProblemKind::EmptyRange,
                format!("{pointer}/min"),
                format!(
                    "`min` ({}) is above `max` ({})",
                    duration(range.min.0),
                    duration(range.max.0)
                ),
            )
            .related(format!("{pointer}/max"), "upper bound"),
        );
    }
}
