//! Writes plain data as JSON. Its keys are texts and its numbers are finite, so writing can't fail.

use serde::Serialize;

/// Appends a value as JSON.
pub(crate) fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value)
        .expect("internal error: plain data can always be written as JSON");
}

/// Returns a value as JSON.
pub(crate) fn to_vec(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, value);
    out
}

/// Returns a value as JSON text.
pub(crate) fn to_string(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("internal error: plain data can always be written as JSON")
}
