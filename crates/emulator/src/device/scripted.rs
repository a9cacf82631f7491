//! Selects the outcomes of scripts that are not executed, and fills in their text.

use super::super::scenario::{Device, DeviceFile, OsFamily, Scenario, ScriptOutcome};
use super::arguments::{posix_words, powershell_words};
use super::outcome::CommandOutcome;

/// Returns the first outcome that matches: the device's own, then the scenario's.
pub(super) fn find_outcome<'a>(
    scenario: &'a Scenario,
    device: &'a Device,
    script: &str,
    args: &str,
) -> Option<&'a ScriptOutcome> {
    device
        .outcomes
        .iter()
        .chain(&scenario.outcomes)
        .find(|outcome| {
            matches_pattern(&outcome.script, script)
                && matches_pattern(&outcome.args, args)
                && matches_pattern(&outcome.os, &device.os)
        })
}

/// Returns the outcome for this device and these arguments, and the files it creates.
pub(super) fn render(
    scripted: &ScriptOutcome,
    device: &Device,
    name: &str,
    script: &str,
    args: &str,
) -> (CommandOutcome, Vec<DeviceFile>) {
    let words = match device.family() {
        OsFamily::Windows => powershell_words(args),
        OsFamily::Unix => posix_words(args),
    };
    let filled = |text: &str| fill_placeholders(text, name, args, &words);
    if let Some(error) = &scripted.error {
        let mut outcome = CommandOutcome::failed(filled(error));
        outcome.duration_min = scripted.duration.0;
        return (outcome, Vec::new());
    }
    let mut outcome = CommandOutcome::script(
        device.family(),
        script,
        scripted.exit,
        &filled(&scripted.stdout),
        &filled(&scripted.stderr),
    );
    outcome.duration_min = scripted.duration.0;
    let files = scripted
        .files
        .iter()
        .map(|file| DeviceFile {
            path: filled(&file.path),
            text: file.text.as_deref().map(filled),
            ..file.clone()
        })
        .collect();
    (outcome, files)
}

/// Returns whether a pattern, in which `*` stands for any text, matches the whole text. Case is ignored. The time is linear in
/// the length of the text times the number of stars.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts
        .next()
        .expect("internal error: a split text has no parts");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Fills in `{name}`, `{args}`, `{arg1}` …. Other text in braces is kept.
fn fill_placeholders(text: &str, name: &str, args: &str, words: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = rest.find('}') else {
            break;
        };
        let key = &rest[1..close];
        let value = match key {
            "name" => Some(name),
            "args" => Some(args),
            _ => key
                .strip_prefix("arg")
                .and_then(|number| number.parse::<usize>().ok())
                .and_then(|number| number.checked_sub(1))
                // An argument that is missing is empty.
                .map(|index| words.get(index).map_or("", String::as_str)),
        };
        match value {
            Some(value) => {
                out.push_str(value);
                rest = &rest[close + 1..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{fill_placeholders, matches_pattern};

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("triage*.ps1", "Triage-1f2e.PS1", true),
            ("triage*.ps1", "triage.sh", false),
            ("*a*a", "ba", false),
            ("*a*a", "bcaca", true),
            ("a", "ab", false),
            ("", "", true),
        ] {
            assert_eq!(
                matches_pattern(pattern, text),
                expected,
                "{pattern:?} on {text:?}"
            );
        }
    }

    #[test]
    fn placeholders() {
        let words = ["one".to_owned(), "{arg1}".to_owned()];
        let filled = fill_placeholders(
            "{name} {arg1}{arg2}{arg3} {{x} {",
            "web-01",
            "one two",
            &words,
        );
        assert_eq!(filled, "web-01 one{arg1} {{x} {");
    }
}
