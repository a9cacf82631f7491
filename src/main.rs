//! Starts svar: runs the command line and returns its exit code to the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    svar::cli::main()
}
