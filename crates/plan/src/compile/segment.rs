//! Division of steps into sessions.

use svar_language::playbook::model::Verb;

/// The properties of a step that decide where sessions start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepToCut {
    /// Kind of command.
    pub(crate) verb: Verb,
    /// Indices of the earlier steps whose results it reads.
    pub(crate) reads: Vec<usize>,
    /// Whether it must be the last step of its session: a gate, `on_fail: continue`, or `retry`.
    pub(crate) ends_session: bool,
}

/// Returns the index of the first step of each session, for the smallest number of sessions.
///
/// A session starts only where it must: where the service's order PutFile, RunScript, GetFile (API notes
/// 3.3) would be violated, where a step reads a result of the same session, and after a step that ends its
/// session. Each of these requires a boundary in a range that ends directly before a step, so starting
/// sessions as late as possible gives the smallest number.
pub(crate) fn session_starts(row: &[StepToCut]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut start = 0;
    for (at, link) in row.iter().enumerate() {
        let begins = match at.checked_sub(1).map(|before| &row[before]) {
            None => true,
            Some(before) => {
                before.ends_session
                    || link.verb < before.verb
                    || link.reads.iter().any(|read| *read >= start)
            }
        };
        if begins {
            starts.push(at);
            start = at;
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns whether sessions with these starts are allowed, written independently of [`session_starts`].
    fn is_legal(row: &[StepToCut], starts: &[usize]) -> bool {
        let session = |at: usize| starts.iter().filter(|start| **start <= at).count();
        (0..row.len()).all(|later| {
            (0..later).all(|earlier| {
                let same = session(earlier) == session(later);
                let ordered = row[earlier].verb <= row[later].verb;
                !same
                    || (ordered
                        && !row[earlier].ends_session
                        && !row[later].reads.contains(&earlier))
            })
        })
    }

    fn row() -> impl Strategy<Value = Vec<StepToCut>> {
        let link = (0..3u8, proptest::bool::weighted(0.2), any::<u32>(), 0..6u8);
        proptest::collection::vec(link, 0..9).prop_map(|links| {
            links
                .into_iter()
                .enumerate()
                .map(|(at, (verb, ends_session, read, reads))| StepToCut {
                    verb: [Verb::Put, Verb::Run, Verb::Get][usize::from(verb)],
                    ends_session,
                    reads: if at > 0 && reads < 2 {
                        vec![read as usize % at]
                    } else {
                        Vec::new()
                    },
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_cut_is_legal_and_no_other_has_fewer_sessions(row in row()) {
            let starts = session_starts(&row);
            prop_assert!(is_legal(&row, &starts));
            prop_assert_eq!(starts.first().copied(), (!row.is_empty()).then_some(0));
            let fewest = (0u32..1 << row.len().saturating_sub(1))
                .map(|bits| {
                    let starts: Vec<usize> = (0..row.len())
                        .filter(|at| *at == 0 || bits & (1 << (at - 1)) != 0)
                        .collect();
                    starts
                })
                .filter(|starts| is_legal(&row, starts))
                .map(|starts| starts.len())
                .min();
            prop_assert_eq!(Some(starts.len()), fewest);
        }
    }
}
