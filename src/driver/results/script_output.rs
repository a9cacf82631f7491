//! Reads the result of a script, as leniently as other clients found necessary.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::error::{CollectError, corrupt_gzip};
use super::gzip::is_gzip;

/// Returns a script's result as text: unpacked if it is gzip, without a byte order mark.
pub(crate) fn unpack_text(bytes: Vec<u8>, bytes_max: u64) -> Result<String, CollectError> {
    let bytes = if is_gzip(&bytes) {
        let mut content = Vec::new();
        MultiGzDecoder::new(&bytes[..])
            .take(bytes_max + 1)
            .read_to_end(&mut content)
            .map_err(|error| corrupt_gzip(&error))?;
        if content.len() as u64 > bytes_max {
            return Err(CollectError::TooLarge(format!(
                "the script's result unpacks to more than the {bytes_max} bytes that are allowed"
            )));
        }
        content
    } else {
        bytes
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        all => String::from_utf8_lossy(all).into_owned(),
    };
    Ok(text)
}

/// The result of a script (API notes 6.3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScriptOutput {
    pub(crate) exit: Option<i64>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ScriptOutput {
    /// Parses a result; `None` if it does not have the documented form.
    pub(crate) fn parse(text: &str) -> Option<ScriptOutput> {
        let Ok(Value::Object(result)) = serde_json::from_str(text.trim_end_matches('\0').trim())
        else {
            return None;
        };
        if !result.contains_key("exit_code") && !result.contains_key("script_output") {
            return None;
        }
        let field = |key: &str| match result.get(key) {
            Some(Value::String(text)) => text.trim_end_matches('\0').to_owned(),
            Some(Value::Array(lines)) => {
                let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
                lines.join("\n")
            }
            _ => String::new(),
        };
        let exit = match result.get("exit_code") {
            Some(Value::Number(code)) => code.as_i64(),
            Some(Value::String(code)) => code.trim().parse().ok(),
            _ => None,
        };
        Some(ScriptOutput {
            exit,
            stdout: without_transcript_line(field("script_output")),
            stderr: field("script_errors"),
        })
    }

    /// Returns a result of unknown form, with the whole text as output.
    pub(crate) fn unparsed(text: &str) -> ScriptOutput {
        ScriptOutput {
            exit: None,
            stdout: text.trim_end_matches('\0').to_owned(),
            stderr: String::new(),
        }
    }
}

/// Removes the first line if it names a transcript file, which Windows adds (API notes 6.3).
fn without_transcript_line(output: String) -> String {
    if output.starts_with("Transcript started") {
        match output.split_once('\n') {
            Some((_, rest)) => rest.to_owned(),
            None => String::new(),
        }
    } else {
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_results_are_read_in_every_form_that_was_seen() {
        let rows = [
            (
                r#"{"script_name":"a.ps1","exit_code":0,"script_output":"Transcript started, output file is C:\\x.txt\nhello\n\u0000\u0000","script_errors":""}"#,
                Some(0),
                "hello\n",
            ),
            (r#"{"exit_code":"3","script_output":"x"}"#, Some(3), "x"),
            (r#"{"script_output":null}"#, None, ""),
            ("{\"exit_code\":-1}\0\0", Some(-1), ""),
        ];
        for (text, exit, stdout) in rows {
            let output = ScriptOutput::parse(text).expect("a result");
            assert_eq!((output.exit, output.stdout.as_str()), (exit, stdout));
        }
        for text in ["plain words\0", "", "[1]", r#"{"error":{"code":"x"}}"#] {
            assert_eq!(ScriptOutput::parse(text), None, "{text}");
        }
        assert_eq!(ScriptOutput::unparsed("words\0").stdout, "words");
    }

    #[test]
    fn marks_and_wide_letters_at_the_beginning_are_undone() {
        for bytes in [
            b"\xef\xbb\xbfhe".to_vec(),
            b"\xff\xfeh\0e\0".to_vec(),
            b"he".to_vec(),
        ] {
            assert_eq!(unpack_text(bytes, 100).expect("text"), "he");
        }
    }
}
