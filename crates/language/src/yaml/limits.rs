//! Limits of YAML documents.

/// Limits on the memory and time that a hostile or broken file can use.
///
/// The numbers are our choice: a hundred times what a large playbook needs, and low enough that a file that
/// reaches all of them is parsed in well under a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YamlLimits {
    /// Size of the text in bytes.
    pub bytes: usize,
    /// Depth of nested lists and maps, including those repeated by aliases.
    pub depth: usize,
    /// Number of keys and values.
    pub nodes: usize,
    /// Number of keys and values that are repeated by aliases.
    pub alias_nodes: usize,
}

impl Default for YamlLimits {
    fn default() -> Self {
        YamlLimits {
            bytes: 8 * 1024 * 1024,
            depth: 64,
            nodes: 1_000_000,
            alias_nodes: 50_000,
        }
    }
}
