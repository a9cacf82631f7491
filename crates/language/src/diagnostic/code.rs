//! What a rule is: a code with its severity, its title and its page.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing breaks.
    Advice,
    /// Probably not what was meant.
    Warning,
    /// The playbook can't run like this.
    Error,
}

/// A rule: what `svar explain` knows about a code.
#[derive(Debug)]
pub struct Rule {
    /// Stable kebab-case id.
    pub id: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// One line: what it finds.
    pub title: &'static str,
    /// The page: why it matters, a wrong and a right example. Markdown.
    pub page: &'static str,
}
