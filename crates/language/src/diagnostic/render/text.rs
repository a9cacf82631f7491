//! Findings as text for people.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use svar_wire::text::visible;

use crate::diagnostic::{Problem, Severity};

use super::excerpt;
use super::style::{RenderStyle, wrapped};

/// Returns each finding with its excerpt, help and fix, and a blank line after each.
pub fn text(problems: &[Problem], style: &RenderStyle) -> String {
    let mut out = String::new();
    for problem in problems {
        draw(&mut out, problem, style);
        out.push('\n');
    }
    out
}

fn draw(out: &mut String, problem: &Problem, style: &RenderStyle) {
    let word = problem.severity.as_str();
    let color = match problem.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Hint => "1;36",
    };
    let head = format!("{word}[{}]:", problem.rule.id);
    let message = wrapped(&visible(&problem.message), style.width, head.width() + 1, 2);
    // Writing into a string can't fail.
    let _ = writeln!(
        out,
        "{} {}",
        style.paint(color, &head),
        style.paint("1", &message)
    );
    excerpt::draw(out, problem, style);
    if let Some(help) = &problem.help {
        footer(out, style, "help", help);
    }
    if let Some(fix) = &problem.fix {
        footer(out, style, "fix", &fix.title);
    }
}

fn footer(out: &mut String, style: &RenderStyle, word: &str, text: &str) {
    const INDENT: usize = 8;
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| wrapped(&visible(line), style.width, INDENT, INDENT))
        .collect();
    let label = format!("{word:>6}:");
    let _ = writeln!(
        out,
        "{} {}",
        style.paint("36", &label),
        lines.join(&format!("\n{}", " ".repeat(INDENT)))
    );
}
