//! Operating systems for which a condition can hold, as far as its text shows.
//!
//! Only plain comparisons joined by `and` are recognized; for anything else the answer is unknown.

use std::ops::Range;

use super::model::Os;

/// One comparison of `target.family` with a quoted word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FamilyComparison {
    /// Whether the comparison is `!=`.
    pub(super) is_negated: bool,
    /// Word without quotes.
    pub(super) word: String,
    /// Bytes of the word in the condition's text.
    pub(super) range: Range<usize>,
}

impl FamilyComparison {
    /// Returns whether it holds for an operating system.
    pub(super) fn holds(&self, os: Os) -> bool {
        (os.as_str() == self.word) != self.is_negated
    }
}

/// Returns the comparisons with `target.family` that must all hold for the condition to hold; `None` if
/// the condition is not a conjunction of plain comparisons.
pub(super) fn family_comparisons(text: &str) -> Option<Vec<FamilyComparison>> {
    let mut family_comparisons = Vec::new();
    if !text.contains("target.family") {
        return Some(family_comparisons);
    }
    let opaque = [" or ", " not ", "not(", "(", "[", " if ", "|"];
    let inner = expression_range(text);
    let words = &text[inner.clone()];
    if opaque.iter().any(|sign| words.contains(sign)) || words.trim_start().starts_with("not ") {
        return None;
    }
    let mut start = inner.start;
    for part in words.split(" and ") {
        if part.contains("target.family") {
            family_comparisons.push(family_comparison(part, start)?);
        }
        start += part.len() + " and ".len();
    }
    Some(family_comparisons)
}

/// Returns the bytes of the expression in a text that may have `${{ }}` around it.
pub(super) fn expression_range(text: &str) -> Range<usize> {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    match trimmed
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
    {
        Some(inner) => start + 3..start + 3 + inner.len(),
        None => start..start + trimmed.len(),
    }
}

fn family_comparison(part: &str, offset: usize) -> Option<FamilyComparison> {
    let is_negated = !part.contains("==");
    let (left, right) = part.split_once(if is_negated { "!=" } else { "==" })?;
    let (side, side_start) = match (left.trim(), right.trim()) {
        ("target.family", _) => (right, left.len() + 2),
        (_, "target.family") => (left, 0),
        _ => return None,
    };
    let quoted = side.trim();
    let quote = quoted.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let word = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if word.contains(['\'', '"', '\\']) {
        return None;
    }
    let at = offset + side_start + side.find(quote)? + 1;
    Some(FamilyComparison {
        is_negated,
        word: word.to_owned(),
        range: at..at + word.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::family_comparisons;
    use crate::playbook::model::Os;

    fn systems(text: &str) -> Option<Vec<Os>> {
        let comparisons = family_comparisons(text)?;
        let holds = |os: &Os| comparisons.iter().all(|comparison| comparison.holds(*os));
        Some(Os::ALL.into_iter().filter(holds).collect())
    }

    #[test]
    fn plain_comparisons_are_read() {
        assert_eq!(
            systems("target.family == 'windows'"),
            Some(vec![Os::Windows])
        );
        assert_eq!(
            systems("${{ \"linux\" == target.family }}"),
            Some(vec![Os::Linux])
        );
        assert_eq!(
            systems("target.family != 'windows' and inputs.deep"),
            Some(vec![Os::Linux, Os::Macos])
        );
        assert_eq!(systems("inputs.deep"), Some(Os::ALL.to_vec()));
    }

    #[test]
    fn what_is_not_plain_is_left_open() {
        assert_eq!(systems("target.family == 'windows' or inputs.deep"), None);
        assert_eq!(systems("not target.family == 'windows'"), None);
        assert_eq!(systems("target.family in ['linux', 'macos']"), None);
        assert_eq!(systems("target.family == inputs.family"), None);
    }

    #[test]
    fn words_are_found_at_their_place() {
        let word = |text: &'static str| {
            let comparisons = family_comparisons(text).unwrap_or_default();
            comparisons
                .first()
                .map(|comparison| &text[comparison.range.clone()])
        };
        assert_eq!(word("  ${{ target.family == 'Windows' }}"), Some("Windows"));
        assert_eq!(
            word("inputs.deep and 'linux' == target.family"),
            Some("linux")
        );
    }
}
