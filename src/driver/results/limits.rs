//! How much a device may send back.

/// How much a device may send back.
#[derive(Debug, Clone, Copy)]
pub struct ResultLimits {
    /// Most bytes over the wire for a file. The service's own limit is 3 GB (API notes 1).
    pub wire_bytes: u64,
    /// Most bytes of a file's content.
    pub content_bytes: u64,
    /// From [`ResultLimits::ratio_from`] bytes on, content may be at most this many times what came over
    /// the wire. Packed zeros reach a thousand.
    pub ratio: u64,
    /// Contents up to this size may have any ratio.
    pub ratio_from: u64,
    /// Most bytes of a script's result, packed or not: it is read into memory.
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
