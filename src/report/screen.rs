//! Draws lines on a terminal and redraws them.

use std::io;
use std::sync::Mutex;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::text::OutputStyle;

/// Maximum number of redraws in a second.
const REDRAWS_PER_SECOND: u8 = 12;

/// Rows and a bar with the totals below them.
pub(super) struct Screen {
    all: MultiProgress,
    rows: Vec<ProgressBar>,
    total: ProgressBar,
}

impl Screen {
    /// Draws rows on standard error, and a bar of `columns` columns that is full at `length`.
    pub(super) fn new(rows: usize, length: u64, columns: usize, output: OutputStyle) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(
            Box::new(UnpaddedTerminal::new()),
            REDRAWS_PER_SECOND,
        );
        let all = MultiProgress::with_draw_target(target);
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let rows = (0..rows)
            .map(|_| all.add(ProgressBar::new(0).with_style(style("{msg}"))))
            .collect();
        let template = if output.color {
            format!("  {{bar:{columns}.green/dim}} {{msg}}")
        } else {
            format!("  {{bar:{columns}}} {{msg}}")
        };
        let signs = if output.unicode { "━━─" } else { "==-" };
        let bar = style(&template).progress_chars(signs);
        let total = all.add(ProgressBar::new(length).with_style(bar));
        // The last line must always be one that is redrawn, or the next output would be appended to
        // it.
        total.tick();
        Screen { all, rows, total }
    }

    /// Redraws everything.
    pub(super) fn show(&self, lines: Vec<String>, position: u64, total: String) {
        let mut lines = lines.into_iter();
        for row in &self.rows {
            row.set_message(lines.next().unwrap_or_default());
        }
        self.total.set_position(position);
        self.total.set_message(total);
    }

    /// Prints a permanent line above the others.
    pub(super) fn print(&self, text: &str) {
        let _ = self.all.println(text);
    }

    /// Removes the lines.
    pub(super) fn clear(self) {
        // Dropping a bar may leave its line on the screen.
        for bar in self.rows.iter().chain([&self.total]) {
            bar.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}

/// A terminal whose last line is not padded with spaces. Padding would leave the cursor at the
/// edge, and the `^C` that the terminal prints on Ctrl-C would start another line, which would not
/// be removed.
#[derive(Debug)]
struct UnpaddedTerminal {
    term: Term,
    held: Mutex<HeldBlanks>,
}

/// Spaces that are written only if something follows them.
#[derive(Debug, Default)]
struct HeldBlanks {
    blanks: usize,
    last: Written,
}

/// The kind of the last output on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Written {
    /// Nothing, spaces, or the end of a line.
    #[default]
    Blank,
    /// Visible text.
    Text,
}

impl UnpaddedTerminal {
    fn new() -> Self {
        UnpaddedTerminal {
            term: Term::buffered_stderr(),
            held: Mutex::new(HeldBlanks::default()),
        }
    }

    /// Writes the held spaces, before output of the kind `next`.
    fn release(&self, next: Written) -> io::Result<()> {
        let blanks = match self.held.lock() {
            Ok(mut held) => {
                held.last = next;
                std::mem::take(&mut held.blanks)
            }
            Err(_) => 0,
        };
        self.term.write_str(&" ".repeat(blanks))
    }
}

impl TermLike for UnpaddedTerminal {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.release(Written::Blank)?;
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let is_filler = !text.is_empty() && text.bytes().all(|byte| byte == b' ');
        if is_filler
            && let Ok(mut held) = self.held.lock()
            && held.last == Written::Text
        {
            held.blanks = text.len();
            return Ok(());
        }
        self.release(if is_filler || text.is_empty() {
            Written::Blank
        } else {
            Written::Text
        })?;
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        if let Ok(mut held) = self.held.lock() {
            *held = HeldBlanks::default();
        }
        self.term.flush()
    }
}
