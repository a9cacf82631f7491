//! Finds the word that was probably meant ("did you mean")

/// Most candidates that are looked at for one word. A playbook with thousands of names, each of them
/// misspelt, is one that a program wrote wrongly: its author is not helped by a search of all names
/// for each, which would take longer the more of both there are. Our choice.
const CANDIDATES_MAX: usize = 512;

/// Returns the candidate most like the word, if one is close enough to be a typing mistake: one
/// edit, and one more for every four letters. Case does not count. Of equally near ones the first
/// wins, or one that goes on where the word ends. Only the first 512 candidates are looked at.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let limit = 1 + length / 4;
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        // As many edits are needed at least: most candidates need no closer look.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        // A word of which nothing would be left is no slip: `a` is not near to `b`.
        .filter(|(distance, _)| *distance <= limit && *distance < length.max(1))
        // A word broken off is more likely than one with other letters: `fail` is `failed`.
        .min_by_key(|(distance, candidate)| (*distance, !candidate.starts_with(&word)))
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be changed, added, removed or swapped with their neighbour.
/// What two words begin and end with needs no look; names of a series have little else.
fn distance(a: &str, b: &str) -> usize {
    let shared = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs
            .take_while(|(a, b)| a == b)
            .map(|(letter, _)| letter.len_utf8())
            .sum()
    };
    let start = shared(&mut a.chars().zip(b.chars()));
    let (a, b) = (&a[start..], &b[start..]);
    let end = shared(&mut a.chars().rev().zip(b.chars().rev()));
    strsim::osa_distance(&a[..a.len() - end], &b[..b.len() - end])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["exit", "stdout", "stderr", "json"];
        assert_eq!(nearest("exti", known), Some("exit"));
        assert_eq!(nearest("StdOut", known), Some("stdout"));
        assert_eq!(nearest("stdrr", known), Some("stderr"));
        assert_eq!(nearest("fail", ["all", "failed", "none"]), Some("failed"));
        assert_eq!(nearest("hostname", known), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", known), None);
        // One edit away, whether before, in or after what both share.
        for word in [
            "xstdout", "stdxout", "stdoutx", "tsdout", "stdotu", "tdout", "stdou",
        ] {
            assert_eq!(nearest(word, known), Some("stdout"), "{word}");
        }
    }

    #[test]
    fn a_search_ends_however_many_candidates_there_are() {
        let looked = Cell::new(0);
        let endless = std::iter::repeat("inputnumber").inspect(|_| looked.set(looked.get() + 1));
        assert_eq!(nearest("inputnumbr", endless), Some("inputnumber"));
        assert!(looked.get() <= 512);
    }
}
