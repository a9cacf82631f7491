//! `relative-path`, `foreign-path`, `not-one-file`: what can't be the path of one file on a device.

use crate::diagnostic::Problem;
use crate::playbook::accept::is_windows_path;
use crate::playbook::model::{Os, Verb};
use crate::playbook::outline::{Outline, is_template, literal_parts};
use crate::yaml::NodeId;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((Verb::Get, entry)) = step.verb else {
            continue;
        };
        let path = outline.text(entry.value);
        if path.is_empty() || outline.document.node(entry.value).is_collection() {
            continue;
        }
        found.extend(relative(outline, entry.value, path));
        if let Some(systems) = &step.systems {
            found.extend(foreign(outline, entry.value, path, systems));
        }
        found.extend(not_one_file(outline, entry.value, path));
    }
}

fn relative(outline: &Outline<'_>, node: NodeId, path: &str) -> Option<Problem> {
    // A control character comes from an escape that was not meant: that is a finding of its own.
    let is_garbled = path.contains(|c: char| c.is_control());
    if is_windows_path(path) || path.starts_with('/') || path.starts_with("${{") || is_garbled {
        return None;
    }
    let problem = outline.problem(
        "relative-path",
        outline.span(node),
        format!("`{}` is no full path", shown(path)),
    );
    let has_variable = path.starts_with('%') || path.starts_with('$') || path.starts_with('~');
    Some(problem.help(if has_variable {
        r"The service resolves no variables and no `~`: write the path out, such as `C:\Windows\Temp\a.zip`."
    } else {
        r"Begin with a drive (`C:\…`), a share (`\\server\…`) or the root (`/…`): a device has no folder that a path could start from."
    }))
}

fn foreign(outline: &Outline<'_>, node: NodeId, path: &str, systems: &[Os]) -> Option<Problem> {
    if path.starts_with("${{") || systems.is_empty() {
        return None;
    }
    let on_windows = is_windows_path(path);
    let on_others = path.starts_with('/');
    let fits = systems.iter().any(|os| {
        if *os == Os::Windows {
            on_windows
        } else {
            on_others
        }
    });
    if fits || !(on_windows || on_others) {
        return None;
    }
    let names: Vec<&str> = systems.iter().map(|os| os.as_str()).collect();
    let kind = if on_windows {
        "a Windows path"
    } else {
        "no Windows path"
    };
    Some(
        outline
            .problem(
                "foreign-path",
                outline.span(node),
                format!(
                    "this is {kind}, and the step is for {}",
                    names.join(" and ")
                ),
            )
            .help("Correct the path, or `os` or `when`, which say what the step is for."),
    )
}

fn not_one_file(outline: &Outline<'_>, node: NodeId, path: &str) -> Option<Problem> {
    let skip = if path.starts_with(r"\\?\") { 4 } else { 0 };
    let wildcard = literal_parts(path).into_iter().find_map(|part| {
        let start = part.start.max(skip).min(part.end);
        path[start..part.end].find(['*', '?']).map(|at| start + at)
    });
    if let Some(at) = wildcard {
        let sign = &path[at..=at];
        return Some(
            outline
                .problem(
                    "not-one-file",
                    outline.document.source_span(node, at..at + 1),
                    format!("`get` collects one file, and `{sign}` stands for many"),
                )
                .help("Let a script pack the files into an archive, and collect that."),
        );
    }
    (path.ends_with(['\\', '/']) && !is_template(path)).then(|| {
        outline
            .problem(
                "not-one-file",
                outline.span(node),
                "`get` collects one file, and this is a folder",
            )
            .help("Let a script pack the folder into an archive, and collect that.")
    })
}

fn shown(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(60).collect()
}
