//! The folder of all runs, and the names of runs in commands.

use std::path::{Path, PathBuf};

use crate::driver::RunFolder;

use crate::cli::settings::Settings;

/// The default folder of all runs.
const DEFAULT_FOLDER: &str = "svar-runs";

/// Returns the folder of all runs: from the command line, the settings, or the default.
pub(crate) fn choose(argument: Option<&Path>, settings: &Settings) -> PathBuf {
    argument
        .or(settings.runs.as_deref())
        .unwrap_or(Path::new(DEFAULT_FOLDER))
        .to_owned()
}

/// Returns the argument that names a run on the command line: its id if it is in the default
/// folder, else its path.
pub(crate) fn argument_of(folder: &RunFolder) -> String {
    let path = folder.path();
    if path.parent() == Some(Path::new(DEFAULT_FOLDER)) {
        folder.header().run.to_string()
    } else {
        path.display().to_string()
    }
}
