//! Decoding of the bytes of a file to text.

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

use super::rules;

/// Decodes the bytes as UTF-8 to a source text with this name.
///
/// # Errors
/// The bytes are not UTF-8: a problem at the first invalid byte, in a lossily decoded source.
pub fn decode(name: impl Into<String>, bytes: Vec<u8>) -> Result<SourceText, Box<Problem>> {
    let name = name.into();
    let order = utf16_byte_order(&bytes);
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if order.is_none() => return Ok(SourceText::new(name, text)),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if let Some(order) = order {
        let source = SourceText::new(name, utf16(&bytes, order));
        let problem = Problem::new(
            &rules::NOT_UTF8,
            &source,
            Span::new(0, 0),
            "the file is UTF-16, not UTF-8",
        );
        return Err(Box::new(problem.help(
            "save it as UTF-8; PowerShell's `>` writes UTF-16, `Set-Content -Encoding utf8` does not",
        )));
    }
    // The valid prefix is unchanged in the decoded text, so the offset is the same there.
    let valid = match std::str::from_utf8(&bytes) {
        Ok(_) => 0,
        Err(error) => error.valid_up_to(),
    };
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let source = SourceText::new(name, String::from_utf8_lossy(&bytes));
    let start = valid as u32;
    let place = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8() as u32);
    let problem = Problem::new(
        &rules::NOT_UTF8,
        &source,
        place,
        format!("the byte 0x{byte:02X} is not UTF-8"),
    );
    Err(Box::new(problem.help(
        "save the file as UTF-8; most editors have \"save with encoding\"",
    )))
}

/// Byte order of UTF-16.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// Returns the byte order if the text is UTF-16: from its byte order mark, or else from the first eight
/// characters, which are ASCII in a playbook, so that every second byte is zero.
fn utf16_byte_order(bytes: &[u8]) -> Option<ByteOrder> {
    match bytes {
        [0xFF, 0xFE, ..] => return Some(ByteOrder::Little),
        [0xFE, 0xFF, ..] => return Some(ByteOrder::Big),
        _ => {}
    }
    let (pairs, _) = bytes.get(..16)?.as_chunks::<2>();
    let all = |fits: fn(&[u8; 2]) -> bool| pairs.iter().all(fits);
    if all(|[first, second]| *first == 0 && *second != 0) {
        return Some(ByteOrder::Big);
    }
    all(|[first, second]| *first != 0 && *second == 0).then_some(ByteOrder::Little)
}

/// Decodes the first 2,000 units of a UTF-16 text, lossily, to be shown with the problem.
fn utf16(bytes: &[u8], order: ByteOrder) -> String {
    let bytes = match bytes {
        [0xFF, 0xFE, rest @ ..] | [0xFE, 0xFF, rest @ ..] => rest,
        all => all,
    };
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().take(2_000).map(|pair| match order {
        ByteOrder::Little => u16::from_le_bytes(*pair),
        ByteOrder::Big => u16::from_be_bytes(*pair),
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
