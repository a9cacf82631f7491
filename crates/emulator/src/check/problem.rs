//! The problems that a check reports.

/// A problem of a scenario: something that is wrong or has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioProblem {
    /// The kind of the problem.
    pub kind: ScenarioProblemKind,
    /// Location of the problem, as a JSON pointer.
    pub pointer: String,
    /// Message without a full stop.
    pub message: String,
    /// Another location that belongs to the problem.
    pub related: Option<RelatedLocation>,
    /// Help: a way to solve the problem.
    pub help: Option<String>,
    /// Values that may have been meant instead.
    pub candidates: Vec<String>,
}

/// A second location of a problem, such as the first use of a duplicate name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedLocation {
    /// Location, as a JSON pointer.
    pub pointer: String,
    /// Label of the location; empty if it needs none.
    pub label: &'static str,
}

/// The kinds of problems a scenario can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScenarioProblemKind {
    /// A required key is missing.
    MissingKey,
    /// Two keys can't be used together.
    ConflictingKeys,
    /// A list that needs an entry is empty.
    EmptyList,
    /// The lower bound of a range is above the upper one.
    EmptyRange,
    /// Two devices have the same id, or the same name and no id.
    DuplicateDevice,
    /// Two applications have the same id, or two library files the same name.
    DuplicateName,
    /// All devices of a fleet have the same name.
    FleetNamePattern,
    /// A time window ends before it begins.
    ReversedWindow,
    /// Two time windows overlap.
    OverlappingWindows,
    /// A fault is for a device that the scenario does not have.
    UnknownDevice,
    /// A fault can never trigger, or a key of it has no effect.
    IneffectiveFault,
    /// An earlier outcome always matches first.
    UnusedOutcome,
    /// A setting has no effect together with the others.
    IneffectiveSetting,
    /// An outcome is for a script that is not in the library.
    UnknownScript,
    /// A limit of zero allows nothing.
    ZeroLimit,
    /// The operating system is not known.
    UnknownOs,
    /// A device can't have a file at that path.
    InvalidDeviceFile,
    /// The content is not base64.
    InvalidBase64,
}

impl ScenarioProblem {
    pub(super) fn new(
        kind: ScenarioProblemKind,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        ScenarioProblem {
            kind,
            pointer: pointer.into(),
            message: message.into(),
            related: None,
            help: None,
            candidates: Vec::new(),
        }
    }

    pub(super) fn related(mut self, pointer: impl Into<String>, label: &'static str) -> Self {
        self.related = Some(RelatedLocation {
            pointer: pointer.into(),
            label,
        });
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
