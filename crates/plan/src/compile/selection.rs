//! Which devices a playbook names: its selectors with their templates evaluated.

use svar_language::diagnostic::Problem;
use svar_language::playbook::model::{Exclude, Targets};
use svar_language::playbook::{Loaded, Templated};
use svar_wire::DeviceId;

use super::scope::Values;
use super::setting::Settings;
use crate::inputs::Inputs;
use crate::result::RunNames;
use crate::rules;

/// One way to name devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The device with this id.
    Id(DeviceId),
    /// The device with this DNS name, or this first label of one.
    Name(String),
    /// The devices with this tag.
    Tag(String),
    /// The devices of this device group.
    Group(String),
    /// The devices that fit this OData filter.
    Filter(String),
    /// The devices that this advanced hunting query names.
    Hunt(String),
    /// The ids and names in this file beside the playbook, one on each line.
    File(String),
}

/// Which devices: all that a selector names, less those that one of `exclude` names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Who is in.
    pub include: Vec<Selector>,
    /// Who is out, whoever selected him.
    pub exclude: Vec<Selector>,
    /// The fewest devices there should be.
    pub min: Option<u32>,
    /// The most devices there should be.
    pub max: Option<u32>,
}

impl Selection {
    /// What `targets` of a playbook says; empty where it says nothing.
    ///
    /// # Errors
    /// Selectors whose evaluated values do not do, each at its place.
    pub fn of(
        loaded: &Loaded,
        inputs: &Inputs,
        names: &RunNames,
    ) -> Result<Selection, Vec<Problem>> {
        let (Some(document), Some(playbook)) = (&loaded.document, &loaded.playbook) else {
            return Err(loaded.problems.clone());
        };
        let Some(targets) = &playbook.targets else {
            return Ok(Selection::default());
        };
        let values = Values::new(document, playbook, inputs, names)?;
        let mut reader = Reader {
            settings: Settings {
                values: &values,
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

struct Reader<'v> {
    settings: Settings<'v>,
}

impl Reader<'_> {
    fn selection(&mut self, targets: &Targets) -> Selection {
        let mut include = Vec::new();
        self.each(&targets.ids, &mut include, Self::id);
        self.each(&targets.names, &mut include, |_, _, name| {
            Some(Selector::Name(name))
        });
        self.each(targets.tag.iter(), &mut include, |_, _, tag| {
            Some(Selector::Tag(tag))
        });
        self.each(targets.group.iter(), &mut include, |_, _, group| {
            Some(Selector::Group(group))
        });
        self.each(&targets.filter, &mut include, |_, _, filter| {
            Some(Selector::Filter(filter))
        });
        self.each(&targets.hunt, &mut include, |_, _, query| {
            Some(Selector::Hunt(query))
        });
        self.each(&targets.file, &mut include, |_, _, path| {
            Some(Selector::File(path))
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
            self.each(ids, &mut exclude, Self::id);
            self.each(names, &mut exclude, |_, _, name| Some(Selector::Name(name)));
            self.each(tag.iter(), &mut exclude, |_, _, tag| {
                Some(Selector::Tag(tag))
            });
            self.each(group.iter(), &mut exclude, |_, _, group| {
                Some(Selector::Group(group))
            });
            self.each(file, &mut exclude, |_, _, path| Some(Selector::File(path)));
        }
        let expect = targets.expect.as_ref();
        Selection {
            include,
            exclude,
            min: self
                .settings
                .optional(expect.and_then(|expect| expect.min.as_ref())),
            max: self
                .settings
                .optional(expect.and_then(|expect| expect.max.as_ref())),
        }
    }

    fn each<'t>(
        &mut self,
        written: impl IntoIterator<Item = &'t Templated<String>>,
        selectors: &mut Vec<Selector>,
        read: fn(&mut Self, &Templated<String>, String) -> Option<Selector>,
    ) {
        for one in written {
            let Some(text) = self.settings.settle(one) else {
                continue;
            };
            let text = text.trim().to_owned();
            if text.is_empty() {
                let values = self.settings.values;
                let problem =
                    values.problem(&rules::INVALID_SETTING, one.node(), "this names nothing");
                self.settings.problems.push(problem);
            } else if let Some(selector) = read(self, one, text) {
                selectors.push(selector);
            }
        }
    }

    fn id(&mut self, written: &Templated<String>, text: String) -> Option<Selector> {
        match DeviceId::parse(&text) {
            Ok(id) => Some(Selector::Id(id)),
            Err(error) => {
                let values = self.settings.values;
                let problem =
                    values.problem(&rules::INVALID_SETTING, written.node(), error.to_string());
                self.settings.problems.push(problem);
                None
            }
        }
    }
}
