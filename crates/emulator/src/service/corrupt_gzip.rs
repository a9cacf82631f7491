//! Damages the gzip data of collected files, in ways that a hostile or broken device could (API
//! notes 6.3, 11).

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status, read::GzDecoder};

use super::super::fault::FaultKind;

/// Returns the damaged body, or `None` if the fault is of another kind or the body is not gzip.
pub(super) fn corrupt(kind: FaultKind, status: u16, body: &Bytes) -> Option<Bytes> {
    // A part of a file is not gzip data of its own.
    if status != 200 || !body.starts_with(&[0x1F, 0x8B]) || body.len() < 18 {
        return None;
    }
    match kind {
        FaultKind::GzipTruncated => Some(body.slice(..body.len() / 2)),
        FaultKind::GzipBadChecksum => {
            let mut bytes = body.to_vec();
            let checksum = bytes.len() - 8;
            bytes[checksum] ^= 0xFF;
            Some(bytes.into())
        }
        FaultKind::GzipUnsafeName => Some(with_unsafe_name(body)),
        FaultKind::NotGzipped => {
            let mut content = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut content).ok()?;
            Some(content.into())
        }
        FaultKind::GzipBomb => bomb(),
        _ => None,
    }
}

/// A file name that leaves its folder in both notations, names a drive, and contains a terminal
/// escape code and a line end. None of it may reach a path or a screen.
const UNSAFE_NAME: &[u8] = b"..\\..\\../../../C:\\Windows\\\x1B[31mevil\r\n.exe\0";
/// The length of a gzip header without optional fields.
const HEADER_LENGTH: usize = 10;
/// The flag of a header with a file name.
const FLAG_NAME: u8 = 8;

/// Replaces the file name in the gzip header.
fn with_unsafe_name(body: &[u8]) -> Bytes {
    let mut bytes = body[..HEADER_LENGTH].to_vec();
    // Of the optional header fields, only the name is ever present: no extra field, comment or
    // header checksum.
    let has_name = bytes[3] & FLAG_NAME != 0;
    let rest = &body[HEADER_LENGTH..];
    let old_name_length = if has_name {
        let end = rest.iter().position(|byte| *byte == 0);
        end.expect("internal error: the name in a gzip header has no end") + 1
    } else {
        0
    };
    bytes[3] |= FLAG_NAME;
    bytes.extend_from_slice(UNSAFE_NAME);
    bytes.extend_from_slice(&rest[old_name_length..]);
    bytes.into()
}

const MEBIBYTE: usize = 1024 * 1024;

/// Returns 1 GiB of zeros in about a megabyte: a compressed mebibyte, repeated 1,024 times. Each
/// piece resets the compressor's state, so that it decompresses to the same bytes at any position.
fn bomb() -> Option<Bytes> {
    let zeros = vec![0; MEBIBYTE];
    let mut compressor = Compress::new(Compression::best(), false);
    let mut piece = Vec::with_capacity(64 * 1024);
    let compressed = compressor.compress_vec(&zeros, &mut piece, FlushCompress::Full);
    if !matches!(compressed, Ok(Status::Ok)) || compressor.total_in() != MEBIBYTE as u64 {
        return None;
    }
    let mut checksum = Crc::new();
    checksum.update(&zeros);
    // Ten doublings are a factor of 1,024.
    for _ in 0..10 {
        let half = checksum;
        checksum = Crc::new();
        checksum.combine(&half);
        checksum.combine(&half);
    }
    let mut bytes = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..1024 {
        bytes.write_all(&piece).ok()?;
    }
    // An empty last block, then the checksum and the length.
    bytes.extend_from_slice(&[3, 0]);
    bytes.extend_from_slice(&checksum.sum().to_le_bytes());
    bytes.extend_from_slice(&(1024 * MEBIBYTE as u32).to_le_bytes());
    Some(bytes.into())
}
