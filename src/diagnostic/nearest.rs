//! "Did you mean": the one measure of how near two words are.

/// The candidate most like the word, if one is near enough to be a slip of the hand: one edit, and
/// one more for every four letters. Case does not count. Of equally near ones the first wins, or one that goes on where the word ends.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let limit = 1 + length / 4;
    candidates
        .into_iter()
        // As many edits are needed at least: most candidates need no closer look.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
            (distance, candidate)
        })
        // A word of which nothing would be left is no slip: `a` is not near to `b`.
        .filter(|(distance, _)| *distance <= limit && *distance < length.max(1))
        // A word broken off is more likely than one with other letters: `fail` is `failed`.
        .min_by_key(|(distance, candidate)| (*distance, !candidate.starts_with(&word)))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
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
    }
}
