//! Checks time windows and durations.

use svar_wire::text::duration;

use super::super::scenario::TimeWindow;
use super::super::settings::DurationRange;
use super::{ScenarioProblem, ScenarioProblemKind};

/// Checks time windows, one by one and together. `several` is `true` if they are a list.
pub(super) fn windows(
    windows: &[TimeWindow],
    at: &str,
    several: bool,
    problems: &mut Vec<ScenarioProblem>,
) {
    let place_of = |place: usize, key: &str| match several {
        true => format!("{at}/{place}/{key}"),
        false => format!("{at}/{key}"),
    };
    let mut in_order: Vec<(usize, &TimeWindow)> = windows.iter().enumerate().collect();
    in_order.sort_by_key(|(_, window)| window.from);
    for (place, window) in &in_order {
        if window.until.is_some_and(|until| until <= window.from) {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::ReversedWindow,
                    place_of(*place, "until"),
                    "this time window ends before it begins",
                )
                .help("Both are measured from the emulator's start; without `until` the window has no end."),
            );
        }
    }
    for pair in in_order.windows(2) {
        let [(first, before), (second, after)] = pair else {
            continue;
        };
        if before.until.is_none_or(|until| until > after.from) {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::OverlappingWindows,
                    place_of(*second, "from"),
                    "overlapping time windows",
                )
                .also(
                    place_of(
                        *first,
                        if before.until.is_some() {
                            "until"
                        } else {
                            "from"
                        },
                    ),
                    "overlaps with this window",
                )
                .help("Merge the two windows, or separate them."),
            );
        }
    }
}

pub(super) fn between(range: Option<DurationRange>, at: &str, problems: &mut Vec<ScenarioProblem>) {
    if let Some(range) = range.filter(|range| range.min > range.max) {
        problems.push(
            ScenarioProblem::new(
                ScenarioProblemKind::EmptyRange,
                format!("{at}/min"),
                format!(
                    "`min` ({}) is above `max` ({})",
                    duration(range.min.0),
                    duration(range.max.0)
                ),
            )
            .also(format!("{at}/max"), "upper bound"),
        );
    }
}
