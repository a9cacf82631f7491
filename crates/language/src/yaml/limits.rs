//! How much YAML is too much.

/// Bounds that keep hostile or broken files from costing memory or time.
///
/// The numbers are our choice: a hundred times what the largest sensible playbook needs, and small
/// enough that reading a file which meets them all takes well under a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YamlLimits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Lists and maps inside one another; what an alias stands for counts where it is used.
    pub depth: usize,
    /// Keys and values in all.
    pub nodes: usize,
    /// Keys and values that exist only because an alias repeats them.
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
