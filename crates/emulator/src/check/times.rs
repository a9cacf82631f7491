//! Stretches and lengths of time.

use super::super::knobs::Between;
use super::super::scenario::Window;
use super::Flaw;

/// Stretches of time, one by one and together. `several` tells whether they are a list.
pub(super) fn windows(windows: &[Window], at: &str, several: bool, flaws: &mut Vec<Flaw>) {
    let place_of = |place: usize, key: &str| match several {
        true => format!("{at}/{place}/{key}"),
        false => format!("{at}/{key}"),
    };
    let mut in_order: Vec<(usize, &Window)> = windows.iter().enumerate().collect();
    in_order.sort_by_key(|(_, window)| window.from);
    for (place, window) in &in_order {
        if window.until.is_some_and(|until| until <= window.from) {
            flaws.push(
                Flaw::new(
                    "window-order",
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
            flaws.push(
                Flaw::new(
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

pub(super) fn between(range: Option<Between>, at: &str, flaws: &mut Vec<Flaw>) {
    if let Some(range) = range.filter(|range| range.min > range.max) {
        flaws.push(
            Flaw::new(
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
