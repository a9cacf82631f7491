//! A scenario file, read with the same care as a playbook.

use std::path::Path;

use crate::diagnostic::{Problem, render};
use crate::emulator::Scenario;
use crate::source::SourceText;
use crate::yaml::Document;

use super::discover;
use super::exit::{Exit, Failure};
use super::terminal::{Terminal, say};

/// Reads a scenario.
///
/// # Errors
/// What is wrong with it has been drawn.
pub(super) fn load(path: &Path, terminal: &Terminal) -> Result<Scenario, Failure> {
    let read = match discover::read(path) {
        Ok(source) => parse(&source),
        Err(problem) => Err(vec![*problem]),
    };
    read.map_err(|problems| {
        say(&render::text(&problems, &terminal.finding_style()));
        Failure::said(Exit::Refused)
    })
}

fn parse(source: &SourceText) -> Result<Scenario, Vec<Problem>> {
    let document = Document::parse(source)?;
    document.deserialize(document.root()).map_err(|error| {
        let span = document.span(error.node.unwrap_or(document.root()));
        let problem = Problem::new("scenario", source, span, error.message);
        vec![problem.help("`svar explain scenario` shows a small one")]
    })
}
