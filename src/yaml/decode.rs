//! Bytes of a file -> text.

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

/// The bytes as a text under that name.
///
/// # Errors
/// A problem at the first byte that is not UTF-8; its source shows the rest as well as it can.
pub fn decode(name: impl Into<String>, bytes: Vec<u8>) -> Result<SourceText, Box<Problem>> {
    let name = name.into();
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok(SourceText::new(name, text)),
        Err(error) => error.into_bytes(),
    };
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes[..] {
        let source = SourceText::new(name, utf16(&bytes));
        let problem = Problem::new(
            "not-utf8",
            &source,
            Span::new(0, 0),
            "the file is UTF-16, not UTF-8",
        );
        return Err(Box::new(problem.help(
            "save it as UTF-8; PowerShell's `>` writes UTF-16 where `Set-Content -Encoding utf8` does not",
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
        "not-utf8",
        &source,
        place,
        format!("the byte 0x{byte:02X} is not UTF-8"),
    );
    Err(Box::new(problem.help(
        "save the file as UTF-8; most editors offer it as \"save with encoding\"",
    )))
}

/// Enough of a UTF-16 text to be recognized by its author.
fn utf16(bytes: &[u8]) -> String {
    let is_little = bytes[0] == 0xFF;
    let units = bytes[2..].chunks_exact(2).take(2_000).map(|pair| {
        if is_little {
            u16::from_le_bytes([pair[0], pair[1]])
        } else {
            u16::from_be_bytes([pair[0], pair[1]])
        }
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
