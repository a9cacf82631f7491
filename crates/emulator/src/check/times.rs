//! Stretches and lengths of time.

use super::super::scenario::TimeWindow;
use super::super::settings::DurationRange;
use super::ScenarioProblem;

/// Stretches of time, one by one and together. `several` tells whether they are a list.
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
                    "reversed-window",
                    place_of(*place, "until"),
                    "this stretch of time ends before it begins",
                )
                .help("Both count from the emulator's start; without `until` it has no end."),
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
                    "overlapping-windows",
                    place_of(*second, "from"),
                    "this stretch of time begins while another one lasts",
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
                    "until then",
                )
                .help("Make one of the two, or move them apart."),
            );
        }
    }
}

pub(super) fn between(range: Option<DurationRange>, at: &str, problems: &mut Vec<ScenarioProblem>) {
    if let Some(range) = range.filter(|range| range.min > range.max) {
        problems.push(
            ScenarioProblem::new(
                "empty-range",
                format!("{at}/min"),
                format!(
                    "`min` is {:?} and above `max`, which is {:?}",
                    range.min.0, range.max.0
                ),
            )
            .also(format!("{at}/max"), "the longest there is"),
        );
    }
}
