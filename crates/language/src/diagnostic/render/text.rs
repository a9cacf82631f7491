//! Findings as text for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use unicode_width::UnicodeWidthStr as _;

use svar_wire::text::{visible, wrap};

use crate::diagnostic::{Problem, Severity};

use super::excerpt;

/// Settings for drawing findings. The caller queries the terminal; nothing here does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderStyle {
    /// Whether to use colour, by escape codes.
    pub color: bool,
    /// Whether to use box-drawing characters instead of plain ASCII.
    pub unicode: bool,
    /// Width of the terminal in columns.
    pub width: usize,
    /// Folder that file names are relative to. If it is set, file names are terminal hyperlinks.
    pub links: Option<PathBuf>,
}

impl RenderStyle {
    /// Returns the style without colour and links, in 80 columns of ASCII: for simple terminals and files.
    pub fn plain() -> Self {
        RenderStyle {
            color: false,
            unicode: false,
            width: 80,
            links: None,
        }
    }

    /// Returns the style with box-drawing characters in 80 columns, without colour and links.
    pub fn unicode() -> Self {
        RenderStyle {
            unicode: true,
            ..RenderStyle::plain()
        }
    }

    pub(super) fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

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

/// Minimum width that text is wrapped to, in columns, even if the terminal is narrower.
pub(super) const WIDTH_MIN: usize = 40;

/// Returns the text wrapped to `width` columns, but at least [`WIDTH_MIN`]; see [`wrap`].
pub(super) fn wrapped(text: &str, width: usize, first_indent: usize, indent: usize) -> String {
    wrap(text, width.max(WIDTH_MIN), first_indent, indent)
}
