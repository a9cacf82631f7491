//! Starts svar: hands the arguments to the command line room and its exit code to the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    svar::cli::main()
}
