//! "Did you mean": the one measure of how near two words are.

/// The candidate most like the word, if one is near enough to be a slip of the hand: one edit, and
/// one more for every four letters. Case does not count. Of equally near ones the first wins.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let limit = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
            (distance, candidate)
        })
        // A word of which nothing would be left is no slip: `a` is not near to `b`.
        .filter(|(distance, _)| *distance <= limit && *distance < word.chars().count().max(1))
        .min_by_key(|(distance, _)| *distance)
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
        assert_eq!(nearest("hostname", known), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", known), None);
    }
}
