//! Exit codes and the error that a subcommand ends with.

use std::process::ExitCode;

/// All exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success; after a run: every device is `ok`.
    Success = 0,
    /// The run finished, but not every device is `ok`, or its summary could not be printed.
    NotAllOk = 1,
    /// Invalid playbook, input or argument; nothing was sent.
    Refused = 2,
    /// The tenant can't be reached or refuses access; nothing was sent.
    TenantUnusable = 3,
    /// The run was interrupted and can be resumed, or the process that drives it has not accepted a
    /// request in time.
    Interrupted = 4,
    /// Internal error.
    InternalError = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The error that a subcommand ends with: its cause and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// Exit code.
    pub exit: Exit,
    /// Description of the problem without a full stop; empty if it has been printed already.
    pub cause: String,
    /// The next step.
    pub help: Option<String>,
}

impl CommandError {
    /// Creates an error with its cause.
    pub fn new(exit: Exit, cause: impl Into<String>) -> Self {
        CommandError {
            exit,
            cause: cause.into(),
            help: None,
        }
    }

    /// Creates an error about a playbook, input or argument.
    pub fn refused(cause: impl Into<String>) -> Self {
        CommandError::new(Exit::Refused, cause)
    }

    /// Creates an error about the tenant.
    pub fn tenant(cause: impl Into<String>) -> Self {
        CommandError::new(Exit::TenantUnusable, cause)
    }

    /// Creates an error whose message has been printed already.
    pub fn printed(exit: Exit) -> Self {
        CommandError::new(exit, "")
    }

    /// Sets the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The result of a subcommand.
pub(crate) type CommandResult = Result<Exit, CommandError>;
