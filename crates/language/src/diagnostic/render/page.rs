//! Rule pages for a terminal.

use svar_wire::text::wrap;

use super::style::WIDTH_MIN;

/// Returns a rule's page with its paragraphs and list items wrapped to `width` columns. Code blocks and
/// tables are not changed.
///
/// As in Markdown, consecutive lines are one paragraph.
pub fn page(page: &str, width: usize) -> String {
    let width = width.max(WIDTH_MIN);
    let mut text = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in page.trim().lines().chain([""]) {
        let is_fence = line.starts_with("```");
        let is_kept = in_code || is_fence || line.trim().is_empty() || line.starts_with('|');
        let is_item = line.starts_with("- ");
        if (is_kept || is_item) && !paragraph.is_empty() {
            let indent = if paragraph.starts_with("- ") { 2 } else { 0 };
            text.push_str(&wrap(&paragraph, width, 0, indent));
            text.push('\n');
            paragraph.clear();
        }
        if is_fence {
            in_code = !in_code;
        }
        if is_kept {
            text.push_str(line.trim_end());
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
