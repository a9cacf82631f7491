//! The rules that findings belong to, each with an id, a severity, a title and a page.

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Advice; nothing breaks.
    Hint,
    /// Probably a mistake, but the playbook can run.
    Warning,
    /// Mistake because of which the playbook cannot run.
    Error,
}

impl Severity {
    /// Returns the word for the severity in front of a finding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A rule: the reason why something is reported, and what `svar explain` prints about it.
///
/// Each rule is a static next to its check, and each [`Problem`](super::Problem) refers to one.
/// `svar_language::rules` lists the rules of this crate.
#[derive(Debug)]
pub struct Rule {
    /// Stable kebab-case id.
    pub id: &'static str,
    /// Severity of its findings.
    pub severity: Severity,
    /// Short phrase for what it finds, without a full stop.
    pub title: &'static str,
    /// Markdown page: why it matters, a wrong and a right example. Paragraphs are wrapped when the
    /// page is printed, code blocks and tables are not.
    pub page: &'static str,
}

/// Rules are the same if their ids are: ids are unique.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}
