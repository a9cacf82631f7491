//! Selection of devices: the selectors of a playbook, evaluated.

use svar_language::diagnostic::Problem;
use svar_language::playbook::model::{Exclude, Targets};
use svar_language::playbook::{Loaded, Templated};
use svar_wire::DeviceId;

use super::evaluator::Evaluator;
use super::setting::Settings;
use crate::inputs::Inputs;
use crate::result::RunNames;
use crate::rules;

/// Selector of devices. `F` is a file of ids and names: its path, or its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceSelector<F = TargetsFile> {
    /// Device with this id.
    Id(DeviceId),
    /// Device with this DNS name, or with this first label of it.
    Name(String),
    /// Devices with this tag.
    Tag(String),
    /// Devices of this device group.
    Group(String),
    /// Devices that match this OData filter.
    Filter(String),
    /// Devices that this advanced hunting query returns.
    Hunt(String),
    /// Devices in a file of ids and names, one on each line.
    File(F),
}

/// Content of a file of ids and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetsFile {
    /// Path, as the user named it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Selection of devices: those of `include` without those of `exclude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSelection<F = TargetsFile> {
    /// Selectors of the devices.
    pub include: Vec<DeviceSelector<F>>,
    /// Selectors of devices to leave out.
    pub exclude: Vec<DeviceSelector<F>>,
    /// Minimum number of devices.
    pub min: Option<u32>,
    /// Maximum number of devices.
    pub max: Option<u32>,
}

impl<F> Default for DeviceSelection<F> {
    fn default() -> Self {
        DeviceSelection {
            include: Vec::new(),
            exclude: Vec::new(),
            min: None,
            max: None,
        }
    }
}

impl<F> DeviceSelector<F> {
    /// Converts the file of the selector, if it has one, with `read`.
    ///
    /// # Errors
    /// The error of `read`.
    pub fn read_file<G, E>(
        self,
        read: impl FnOnce(F) -> Result<G, E>,
    ) -> Result<DeviceSelector<G>, E> {
        Ok(match self {
            DeviceSelector::Id(id) => DeviceSelector::Id(id),
            DeviceSelector::Name(name) => DeviceSelector::Name(name),
            DeviceSelector::Tag(tag) => DeviceSelector::Tag(tag),
            DeviceSelector::Group(group) => DeviceSelector::Group(group),
            DeviceSelector::Filter(filter) => DeviceSelector::Filter(filter),
            DeviceSelector::Hunt(query) => DeviceSelector::Hunt(query),
            DeviceSelector::File(file) => DeviceSelector::File(read(file)?),
        })
    }
}

impl DeviceSelection<String> {
    /// Evaluates `targets` of a playbook, with paths of files as they are written. Returns an empty selection if
    /// there is no `targets`.
    ///
    /// # Errors
    /// Selectors with invalid values, each at its place.
    pub fn of(
        loaded: &Loaded,
        inputs: &Inputs,
        names: &RunNames,
    ) -> Result<DeviceSelection<String>, Vec<Problem>> {
        let (Some(document), Some(playbook)) = (&loaded.document, &loaded.playbook) else {
            return Err(loaded.problems.clone());
        };
        let Some(targets) = &playbook.targets else {
            return Ok(DeviceSelection::default());
        };
        let evaluator = Evaluator::new(document, playbook, inputs, names)?;
        let mut reader = SelectionReader {
            settings: Settings {
                evaluator: &evaluator,
                problems: Vec::new(),
            },
        };
        let selection = reader.selection(targets);
        match reader.settings.problems {
            problems if problems.is_empty() => Ok(selection),
            problems => Err(problems),
        }
    }
}

struct SelectionReader<'v> {
    settings: Settings<'v>,
}

impl SelectionReader<'_> {
    fn selection(&mut self, targets: &Targets) -> DeviceSelection<String> {
        let mut include = Vec::new();
        self.read_selectors(&targets.ids, &mut include, Self::id);
        self.read_selectors(&targets.names, &mut include, |_, _, name| {
            Some(DeviceSelector::Name(name))
        });
        self.read_selectors(targets.tag.iter(), &mut include, |_, _, tag| {
            Some(DeviceSelector::Tag(tag))
        });
        self.read_selectors(targets.group.iter(), &mut include, |_, _, group| {
            Some(DeviceSelector::Group(group))
        });
        self.read_selectors(&targets.filter, &mut include, |_, _, filter| {
            Some(DeviceSelector::Filter(filter))
        });
        self.read_selectors(&targets.hunt, &mut include, |_, _, query| {
            Some(DeviceSelector::Hunt(query))
        });
        self.read_selectors(&targets.file, &mut include, |_, _, path| {
            Some(DeviceSelector::File(path))
        });
        let mut exclude = Vec::new();
        if let Some(Exclude {
            tag,
            group,
            ids,
            names,
            file,
        }) = &targets.exclude
        {
            self.read_selectors(ids, &mut exclude, Self::id);
            self.read_selectors(names, &mut exclude, |_, _, name| {
                Some(DeviceSelector::Name(name))
            });
            self.read_selectors(tag.iter(), &mut exclude, |_, _, tag| {
                Some(DeviceSelector::Tag(tag))
            });
            self.read_selectors(group.iter(), &mut exclude, |_, _, group| {
                Some(DeviceSelector::Group(group))
            });
            self.read_selectors(file, &mut exclude, |_, _, path| {
                Some(DeviceSelector::File(path))
            });
        }
        let expect = targets.expect.as_ref();
        DeviceSelection {
            include,
            exclude,
            min: self
                .settings
                .evaluate_optional(expect.and_then(|expect| expect.min.as_ref())),
            max: self
                .settings
                .evaluate_optional(expect.and_then(|expect| expect.max.as_ref())),
        }
    }

    fn read_selectors<'t>(
        &mut self,
        written: impl IntoIterator<Item = &'t Templated<String>>,
        selectors: &mut Vec<DeviceSelector<String>>,
        read: fn(&mut Self, &Templated<String>, String) -> Option<DeviceSelector<String>>,
    ) {
        for one in written {
            let Some(text) = self.settings.evaluate(one) else {
                continue;
            };
            let text = text.trim().to_owned();
            if text.is_empty() {
                let evaluator = self.settings.evaluator;
                let problem =
                    evaluator.problem(&rules::INVALID_SETTING, one.node(), "this value is empty");
                self.settings.problems.push(problem);
            } else if let Some(selector) = read(self, one, text) {
                selectors.push(selector);
            }
        }
    }

    fn id(&mut self, written: &Templated<String>, text: String) -> Option<DeviceSelector<String>> {
        match DeviceId::parse(&text) {
            Ok(id) => Some(DeviceSelector::Id(id)),
            Err(error) => {
                let evaluator = self.settings.evaluator;
                let problem =
                    evaluator.problem(&rules::INVALID_SETTING, written.node(), error.to_string());
                self.settings.problems.push(problem);
                None
            }
        }
    }
}
