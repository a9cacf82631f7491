//! `--target`: devices named on the command line.

use std::path::PathBuf;

use svar_plan::DeviceSelector;
use svar_wire::DeviceId;

use crate::cli::output::exit::Failure;

/// Reads one word: `id:…`, `name:…`, `tag:…`, `file:…`; 40 hexadecimal digits alone are an id,
/// any other word a name.
///
/// # Errors
/// The id is none, or a word is empty.
pub(crate) fn parse(word: &str) -> Result<DeviceSelector<PathBuf>, Failure> {
    let word = word.trim();
    let (kind, rest) = match word.split_once(':') {
        Some((kind @ ("id" | "name" | "tag" | "file"), rest)) => (kind, rest.trim()),
        Some((kind @ ("group" | "filter" | "hunt"), _)) => {
            return Err(Failure::refused(format!(
                "--target knows no `{kind}:`; that selector stands in a playbook only"
            ))
            .help(format!("write it under `targets: {{ {kind}: … }}`")));
        }
        _ if DeviceId::parse(word).is_ok() => ("id", word),
        _ => ("name", word),
    };
    if rest.is_empty() {
        return Err(
            Failure::refused("--target names nothing").help("write id:…, name:…, tag:… or file:…")
        );
    }
    Ok(match kind {
        "id" => DeviceSelector::Id(DeviceId::parse(rest).map_err(|error| {
            Failure::refused(format!("--target: {error}"))
                .help("copy the device id from the device's page, or use name:…")
        })?),
        "tag" => DeviceSelector::Tag(rest.to_owned()),
        "file" => DeviceSelector::File(PathBuf::from(rest)),
        _ => DeviceSelector::Name(rest.to_owned()),
    })
}
