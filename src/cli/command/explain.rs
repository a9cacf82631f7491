//! `svar explain`: the page of a rule, or the list of all.

use std::fmt::Write;

use svar_language::diagnostic::{nearest, render};

use crate::cli::args::ExplainArgs;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Style, Terminal, paint, print};
use crate::cli::rules;

pub(crate) fn run(args: &ExplainArgs, terminal: &Terminal) -> Outcome {
    let color = terminal.color_out;
    let Some(id) = &args.id else {
        print(&list(color))?;
        return Ok(Exit::Done);
    };
    let Some(rule) = rules::find(id) else {
        return Err(unknown(id));
    };
    let title = paint(color, Style::Strong, rule.id);
    print(&format!(
        "{title} ({})\n{}\n\n{}\n",
        rule.severity.as_str(),
        rule.title,
        render::page(rule.page, terminal.width_out)
    ))?;
    Ok(Exit::Done)
}

/// One line for each rule, in columns.
fn list(color: bool) -> String {
    let widest = rules::all().map(|rule| rule.id.len()).max();
    let widest = widest.unwrap_or_default();
    let mut text = String::new();
    for rule in rules::all() {
        let id = paint(color, Style::Strong, &format!("{:widest$}", rule.id));
        let severity = rule.severity.as_str();
        let _ = writeln!(text, "{id}  {severity:7}  {}", rule.title);
    }
    text
}

fn unknown(id: &str) -> Failure {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
    let failure = Failure::refused(format!("unknown rule `{shown}`"));
    match nearest(id, rules::all().map(|rule| rule.id)) {
        Some(near) => failure.help(format!("did you mean `svar explain {near}`?")),
        None => failure.help("`svar explain` without an id lists all rules"),
    }
}
