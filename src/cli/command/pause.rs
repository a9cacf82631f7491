//! `svar pause`: asks the process that drives a run to pause it.

use crate::cli::args::PauseArgs;
use crate::cli::existing_run;
use crate::cli::input::inputs;
use crate::cli::output::exit::{CommandResult, Exit};
use crate::cli::runs_folder;
use crate::cli::settings::Settings;
use crate::driver::{ControlRequest, RequestKind};

use super::cancel::{RequestState, hand_over, print_accepted, print_state};

pub(crate) fn run(args: &PauseArgs) -> CommandResult {
    let format = args.output.format;
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.runs.as_deref(), &settings);
    let folder = existing_run::find_or_newest_unfinished(&root, args.run.as_deref())?;
    let run = &folder.header().run;
    if folder.is_finished() {
        folder
            .check_journal_end()
            .map_err(|error| existing_run::folder_error(&error))?;
        let message = format!("run {run} has already finished");
        print_state(format, run, RequestState::Finished, &message)?;
        return Ok(Exit::Success);
    }
    let request = ControlRequest {
        request: RequestKind::Pause,
        by: inputs::operator(None, settings.operator.as_deref()),
    };
    match hand_over(&folder, &request)? {
        Some(accepted) => print_accepted(format, run, &accepted)?,
        None => {
            let message = format!(
                "run {run} is not active; continue it with `svar resume {}`",
                runs_folder::argument_of(&folder)
            );
            print_state(format, run, RequestState::NotActive, &message)?;
        }
    }
    Ok(Exit::Success)
}
