//! `svar explain`: the page of a rule, or the list of all.

use std::fmt::Write;

use crate::diagnostic::{self, Severity};

use super::args::ExplainArgs;
use super::exit::{Exit, Failure, Outcome};
use super::terminal::{Style, Terminal, paint, print};

pub(super) fn run(args: &ExplainArgs, terminal: &Terminal) -> Outcome {
    let color = terminal.color_out;
    let Some(id) = &args.id else {
        print(&list(color))?;
        return Ok(Exit::Done);
    };
    let Some(rule) = diagnostic::rule(id) else {
        return Err(unknown(id));
    };
    let title = paint(color, Style::Strong, rule.id);
    print(&format!(
        "{title} ({})\n{}\n\n{}\n",
        severity(rule.severity),
        rule.title,
        rule.page.trim()
    ))?;
    Ok(Exit::Done)
}

/// One line for each rule, in columns.
fn list(color: bool) -> String {
    let widest = diagnostic::rules().map(|rule| rule.id.len()).max();
    let widest = widest.unwrap_or_default();
    let mut text = String::new();
    for rule in diagnostic::rules() {
        let id = paint(color, Style::Strong, &format!("{:widest$}", rule.id));
        let severity = severity(rule.severity);
        let _ = writeln!(text, "{id}  {severity:7}  {}", rule.title);
    }
    text
}

fn unknown(id: &str) -> Failure {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
    let failure = Failure::refused(format!("no rule is called `{shown}`"));
    match diagnostic::nearest(id, diagnostic::rules().map(|rule| rule.id)) {
        Some(near) => failure.help(format!("did you mean `svar explain {near}`?")),
        None => failure.help("`svar explain` without an id lists all rules"),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}
