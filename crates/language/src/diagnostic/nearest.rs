//! Search for the candidate that a misspelled word most resembles ("did you mean")

/// Maximum number of candidates that are compared with one word. Without it, a generated playbook with
/// thousands of names, all of them misspelled, would take quadratic time. Our choice.
const CANDIDATES_MAX: usize = 512;

/// Returns the candidate most similar to the word, if one is close enough to be a typo: at most one
/// edit, plus one for every four letters. Case is ignored. If several are equally close, one that starts
/// with the word wins, then the first. Only the first 512 candidates are compared.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let limit = 1 + length / 4;
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        // The difference in length is a lower bound of the distance, and rules out most candidates.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        // If every letter would have to change it is not a typo: `a` is not close to `b`.
        .filter(|(distance, _)| *distance <= limit && *distance < length.max(1))
        // A truncated word is more likely than a wrong letter: `fail` means `failed`.
        .min_by_key(|(distance, candidate)| (*distance, !candidate.starts_with(&word)))
        .map(|(_, candidate)| candidate)
}

/// Returns the edit distance: letters that must be changed, added, removed or swapped with their
/// neighbour. A common prefix and suffix are removed first, which makes it fast for numbered names.
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
