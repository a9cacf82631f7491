//! `svar explain`: explains a rule, or lists all rules.

use std::fmt::Write;

use serde_json::{Value, json};

use svar_language::diagnostic::{Rule, nearest, render};
use svar_wire::text;

use crate::cli::args::{ExplainArgs, OutputFormat};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, print, print_json};
use crate::cli::rules;

pub(crate) fn run(args: &ExplainArgs, terminal: &Terminal) -> CommandResult {
    let Some(id) = &args.id else {
        match args.output.format {
            OutputFormat::Text => print(&list(terminal))?,
            OutputFormat::Json => {
                let rules: Vec<Value> = rules::all().map(entry).collect();
                print_json(&json!({ "version": 1, "rules": rules }))?;
            }
        }
        return Ok(Exit::Success);
    };
    let Some(rule) = rules::find(id) else {
        return Err(unknown(id));
    };
    if args.output.format == OutputFormat::Json {
        let mut document = json!({ "version": 1 });
        if let (Some(document), Value::Object(rule)) = (document.as_object_mut(), entry(rule)) {
            document.extend(rule);
        }
        print_json(&document)?;
        return Ok(Exit::Success);
    }
    let title = terminal.paint_out(TextStyle::Strong, rule.id);
    print(&format!(
        "{title} ({})\n{}\n\n{}\n",
        rule.severity.as_str(),
        rule.title,
        render::page(rule.page, terminal.width_out)
    ))?;
    Ok(Exit::Success)
}

fn entry(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "severity": rule.severity.as_str(),
        "title": rule.title,
        "page": rule.page.trim(),
    })
}

/// Lists all rules, one line each.
fn list(terminal: &Terminal) -> String {
    let widest = rules::all().map(|rule| rule.id.len()).max();
    let widest = widest.unwrap_or_default();
    let mut text = String::new();
    for rule in rules::all() {
        let id = terminal.paint_out(TextStyle::Strong, &format!("{:widest$}", rule.id));
        let severity = rule.severity.as_str();
        let _ = writeln!(text, "{id}  {severity:7}  {}", rule.title);
    }
    text
}

fn unknown(id: &str) -> CommandError {
    let failure = CommandError::refused(format!("unknown rule `{}`", text::one_line(id, 60)));
    match nearest(id, rules::all().map(|rule| rule.id)) {
        Some(near) => failure.help(format!("did you mean `svar explain {near}`?")),
        None => failure.help("`svar explain` lists all rules"),
    }
}
