//! Bytes of a file -> text.

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

use super::rules;

/// Returns the bytes as a text under that name.
///
/// # Errors
/// A problem at the first byte that is not UTF-8; its source shows the rest as well as it can.
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
    // What is valid stands in front unchanged, so the offset is the same in the text that is shown.
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

/// Which byte of a pair comes first.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// Returns the order of the bytes if the text is UTF-16: by its mark, or where it has none by the
/// first eight letters, which in a playbook are ASCII and have a zero beside each.
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

/// Enough of a UTF-16 text to be recognized by its author.
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
