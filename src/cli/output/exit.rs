//! What svar's end means to the shell, and how a refusal is worded.

use std::process::ExitCode;

/// The exit codes, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for is done; after a run: every device is `ok`.
    Done = 0,
    /// The run is over and some device is not `ok`, or its summary could not be written to standard
    /// output.
    NotAllOk = 1,
    /// Playbook, inputs or arguments are wrong; nothing was sent.
    Refused = 2,
    /// The tenant can't be used: sign-in, permission, network. Nothing was sent.
    TenantUnusable = 3,
    /// The run was interrupted and can be resumed.
    Interrupted = 4,
    /// A mistake in svar itself.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ends without its result: the cause and the next step, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code svar ends with.
    pub exit: Exit,
    /// What is wrong, without a full stop; empty when everything has been said already.
    pub cause: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// A failure with its cause.
    pub fn new(exit: Exit, cause: impl Into<String>) -> Self {
        Failure {
            exit,
            cause: cause.into(),
            help: None,
        }
    }

    /// Something the caller handed in is wrong.
    pub fn refused(cause: impl Into<String>) -> Self {
        Failure::new(Exit::Refused, cause)
    }

    /// The tenant can't be used.
    pub fn tenant(cause: impl Into<String>) -> Self {
        Failure::new(Exit::TenantUnusable, cause)
    }

    /// A failure whose words are on the screen already.
    pub fn said(exit: Exit) -> Self {
        Failure::new(exit, "")
    }

    /// The next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a subcommand gives back.
pub(crate) type Outcome = Result<Exit, Failure>;
