//! Unpacks gzip within limits.

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::driver::hash::hex;

use super::limits::ResultLimits;

/// The reason why a file can't be unpacked.
pub(crate) enum UnpackError {
    Input(io::Error),
    Output(io::Error),
    TooLarge(String),
}

/// Unpacks gzip from file to file, within the limits. Returns the content's size, its hash, and the
/// name in the header.
pub(crate) fn unpack(
    from: &mut File,
    packed: u64,
    into: &mut File,
    caps: ResultLimits,
) -> Result<(u64, String, Option<String>), UnpackError> {
    let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, from));
    let mut piece = vec![0; 1 << 18];
    let mut size = 0_u64;
    let mut hash = Sha256::new();
    loop {
        let length = decoder.read(&mut piece).map_err(UnpackError::Input)?;
        if length == 0 {
            break;
        }
        size += length as u64;
        if size > caps.content_bytes {
            return Err(UnpackError::TooLarge(format!(
                "the file unpacks to more than the {} bytes that are allowed",
                caps.content_bytes
            )));
        }
        if size > caps.ratio_from && size / caps.ratio > packed {
            return Err(UnpackError::TooLarge(format!(
                "the file unpacks to more than {} times what came over the wire",
                caps.ratio
            )));
        }
        hash.update(&piece[..length]);
        into.write_all(&piece[..length])
            .map_err(UnpackError::Output)?;
    }
    let name = decoder
        .header()
        .and_then(|header| header.filename())
        .map(|name| String::from_utf8_lossy(name).chars().take(300).collect());
    Ok((size, hex(&hash.finalize()), name))
}

/// Returns whether bytes begin with the magic number of gzip.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}
