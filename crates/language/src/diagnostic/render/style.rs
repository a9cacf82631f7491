//! Style of drawn findings.

use std::path::PathBuf;

use svar_wire::text::wrap;

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

/// Minimum width that text is wrapped to, in columns, even if the terminal is narrower.
pub(super) const WIDTH_MIN: usize = 40;

/// Returns the text wrapped to `width` columns, but at least [`WIDTH_MIN`]; see [`wrap`].
pub(super) fn wrapped(text: &str, width: usize, first_indent: usize, indent: usize) -> String {
    wrap(text, width.max(WIDTH_MIN), first_indent, indent)
}
