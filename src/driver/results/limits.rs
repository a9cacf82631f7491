//! Limits for the results that a device sends.

/// Limits for the results that a device sends.
#[derive(Debug, Clone, Copy)]
pub struct ResultLimits {
    /// Maximum download size of a file in bytes. The service's own limit is 3 GB (API notes 1).
    pub wire_bytes: u64,
    /// Maximum size of a file's content in bytes.
    pub content_bytes: u64,
    /// Maximum ratio of content to download, for contents above [`ResultLimits::ratio_from`]
    /// bytes. Packed zeros reach a thousand.
    pub ratio: u64,
    /// Size in bytes up to which contents may have any ratio.
    pub ratio_from: u64,
    /// Maximum size of a script's result in bytes, packed or not, because it is read into memory.
    pub script_bytes: u64,
}

impl Default for ResultLimits {
    fn default() -> Self {
        ResultLimits {
            wire_bytes: 4 << 30,
            content_bytes: 8 << 30,
            ratio: 200,
            ratio_from: 1 << 30,
            script_bytes: 64 << 20,
        }
    }
}
