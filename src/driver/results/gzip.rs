//! Unpacks gzip within limits.

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::driver::hash::hex;

use super::limits::ResultLimits;

/// Size of the buffers in bytes.
const BUFFER_BYTES: usize = 1 << 18;

/// Maximum length of the name in a gzip header, in characters.
const NAME_MAX: usize = 300;

/// The reason why a file can't be unpacked.
#[derive(Debug)]
pub(crate) enum UnpackError {
    /// The gzip is invalid.
    Invalid(io::Error),
    /// The gzip can't be read.
    Input(io::Error),
    /// The content can't be written.
    Output(io::Error),
    /// The content exceeds a limit.
    TooLarge(String),
}

/// The content of a file that was unpacked.
#[derive(Debug)]
pub(crate) struct UnpackedFile {
    /// Size of the content in bytes.
    pub(crate) size: u64,
    /// SHA-256 of the content.
    pub(crate) sha256: String,
    /// The name inside the gzip header, at most 300 characters, not made safe.
    pub(crate) name: Option<String>,
}

/// Unpacks the gzip file `packed` of `packed_size` bytes into `content`, within the limits.
///
/// # Errors
/// The gzip is invalid, the content exceeds a limit, or the disk fails.
pub(crate) fn unpack(
    packed: &mut File,
    packed_size: u64,
    content: &mut File,
    limits: ResultLimits,
) -> Result<UnpackedFile, UnpackError> {
    let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(BUFFER_BYTES, packed));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut size = 0_u64;
    let mut hash = Sha256::new();
    loop {
        let length = decoder.read(&mut buffer).map_err(|error| {
            // The decoder's own errors have no code of the system.
            if error.raw_os_error().is_some() {
                UnpackError::Input(error)
            } else {
                UnpackError::Invalid(error)
            }
        })?;
        if length == 0 {
            break;
        }
        size += length as u64;
        if size > limits.content_bytes {
            return Err(UnpackError::TooLarge(format!(
                "the file unpacks to more than the {} bytes that are allowed",
                limits.content_bytes
            )));
        }
        if size > limits.ratio_from && size / limits.ratio > packed_size {
            return Err(UnpackError::TooLarge(format!(
                "the file unpacks to more than {} times the size of its download",
                limits.ratio
            )));
        }
        hash.update(&buffer[..length]);
        content
            .write_all(&buffer[..length])
            .map_err(UnpackError::Output)?;
    }
    let name = decoder
        .header()
        .and_then(|header| header.filename())
        .map(|name| {
            String::from_utf8_lossy(name)
                .chars()
                .take(NAME_MAX)
                .collect()
        });
    Ok(UnpackedFile {
        size,
        sha256: hex(&hash.finalize()),
        name,
    })
}

/// Returns whether bytes begin with the magic number of gzip.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_error_of_the_disk_is_not_one_of_the_gzip() {
        // Opening a folder succeeds and reading it fails.
        let folder = tempfile::tempdir().expect("a folder");
        let mut unreadable = File::open(folder.path()).expect("opened");
        let mut content = tempfile::tempfile().expect("a file");
        let limits = ResultLimits::default();
        let error = unpack(&mut unreadable, 1, &mut content, limits).expect_err("a folder");
        assert!(matches!(error, UnpackError::Input(_)), "{error:?}");

        let mut invalid = tempfile::tempfile().expect("a file");
        invalid.write_all(b"no gzip at all").expect("written");
        io::Seek::rewind(&mut invalid).expect("at its start");
        let error = unpack(&mut invalid, 14, &mut content, limits).expect_err("no gzip");
        assert!(matches!(error, UnpackError::Invalid(_)), "{error:?}");
    }
}
