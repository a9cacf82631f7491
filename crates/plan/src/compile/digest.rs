//! The digest of a plan: the same for the same work, on any computer.

use std::fmt::Write;

use serde_json::json;
use sha2::{Digest, Sha256};

use svar_language::playbook::Loaded;

use super::evaluator::target_field;
use super::prepare::PreparedPlaybook;
use crate::inputs::Inputs;
use crate::limits::Limits;
use crate::model::{DevicePlan, PlannedFile};

/// Name and version of the digest format.
const FORMAT: &str = "svar plan digest 1";

/// Returns `sha256:` and 64 hexadecimal digits over the playbook's bytes, the inputs without secret
/// ones, the library files, the limits and the target set in order.
///
/// For a target, its id and the fields that the playbook uses are included. Paths on this computer and the
/// id, case and operator of the run are not.
pub(crate) fn digest(
    prepared: &PreparedPlaybook,
    loaded: &Loaded,
    inputs: &Inputs,
    library: &[PlannedFile],
    limits: &Limits,
    devices: &[DevicePlan],
) -> String {
    let mut hash = Sha256::new();
    // Each part is preceded by its length, so that different lists of parts never have the same bytes.
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(FORMAT.as_bytes());
    part(loaded.source.text().as_bytes());

    let mut shown: Vec<_> = inputs.iter().filter(|input| !input.secret).collect();
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    let shown: Vec<_> = shown
        .iter()
        .map(|input| json!([input.name, input.value]))
        .collect();
    part(json!(shown).to_string().as_bytes());
    let mut secret: Vec<_> = (inputs.iter())
        .filter(|input| input.secret)
        .map(|input| (&input.name, first_hash_byte(&input.name, &input.value)))
        .collect();
    secret.sort();
    if !secret.is_empty() {
        part(json!(secret).to_string().as_bytes());
    }

    let mut files: Vec<_> = library
        .iter()
        .map(|file| (&file.key, &file.name, &file.sha256))
        .collect();
    files.sort();
    part(json!(files).to_string().as_bytes());
    part(json!(limits).to_string().as_bytes());

    // A playbook with `os` skips devices of other families.
    let mut fields = prepared.needs.target.clone();
    if prepared.os.is_some() {
        fields.insert("family");
    }
    for device in devices {
        let target = &device.target;
        part(target.id.as_str().as_bytes());
        for field in &fields {
            part(target_field(target, field).to_string().as_bytes());
        }
    }
    let mut text = "sha256:".to_owned();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns the first byte of a secret's hash. A resume with another secret is detected with a probability of
/// 255/256, and the digest reveals almost nothing about the secret.
fn first_hash_byte(name: &str, value: &serde_json::Value) -> u8 {
    Sha256::digest(format!("{name}\n{value}"))[0]
}
