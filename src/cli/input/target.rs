//! `--target`: devices named on the command line.

use std::path::PathBuf;

use svar_plan::DeviceSelector;
use svar_wire::DeviceId;

use crate::cli::output::exit::CommandError;

/// Parses `id:…`, `name:…`, `tag:…` or `file:…`; without a prefix, 40 hexadecimal digits are an id
/// and everything else is a name.
///
/// # Errors
/// The id is invalid, a value is empty, or the selector is allowed in playbooks only.
pub(crate) fn parse(word: &str) -> Result<DeviceSelector<PathBuf>, CommandError> {
    let word = word.trim();
    let (kind, rest) = match word.split_once(':') {
        Some((kind @ ("id" | "name" | "tag" | "file"), rest)) => (kind, rest.trim()),
        Some((kind @ ("group" | "filter" | "hunt"), _)) => {
            return Err(CommandError::refused(format!(
                "`--target {kind}:…` is not supported; this selector is only allowed in a playbook"
            ))
            .help(format!("write `targets: {{ {kind}: … }}` in the playbook")));
        }
        _ if DeviceId::parse(word).is_ok() => ("id", word),
        _ => ("name", word),
    };
    if rest.is_empty() {
        return Err(CommandError::refused("empty value for `--target`")
            .help("use id:…, name:…, tag:… or file:…"));
    }
    Ok(match kind {
        "id" => DeviceSelector::Id(DeviceId::parse(rest).map_err(|error| {
            CommandError::refused(format!("invalid value for `--target`: {error}"))
                .help("copy the device id from the device page in the portal, or use name:…")
        })?),
        "tag" => DeviceSelector::Tag(rest.to_owned()),
        "file" => DeviceSelector::File(PathBuf::from(rest)),
        _ => DeviceSelector::Name(rest.to_owned()),
    })
}
