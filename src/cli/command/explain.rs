//! `svar explain`: the page of a rule, or the list of all.

use std::fmt::Write;

use svar_language::diagnostic::{self, Severity, render};

use crate::cli::args::ExplainArgs;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Style, Terminal, paint, print};

pub(crate) fn run(args: &ExplainArgs, terminal: &Terminal) -> Outcome {
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
        laid_out(rule.page.trim(), terminal.width_out)
    ))?;
    Ok(Exit::Done)
}

/// The page with its running text in lines that fit; code and tables stay as they are.
fn laid_out(page: &str, width: usize) -> String {
    let mut text = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in page.lines().chain([""]) {
        let is_fence = line.starts_with("```");
        let is_kept = in_code || is_fence || line.is_empty() || line.starts_with(['|', ' ']);
        let begins = line.starts_with("- ");
        if (is_kept || begins) && !paragraph.is_empty() {
            let indent = if paragraph.starts_with("- ") { 2 } else { 0 };
            text.push_str(&render::wrapped(&paragraph, width, 0, indent));
            text.push('\n');
            paragraph.clear();
        }
        in_code ^= is_fence;
        if is_kept {
            text.push_str(line);
            text.push('\n');
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    text.trim_end().to_owned()
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
