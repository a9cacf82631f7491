//! The terminal and the two output streams.
//!
//! Results (a plan, a page, a report) go to standard output. Everything else, including findings
//! and progress, goes to standard error. A closed pipe (`svar explain | head -1`) is not an error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::report::OutputStyle;
use svar_language::diagnostic::render;

use crate::cli::args::ColorChoice;
use crate::cli::output::exit::CommandError;

/// The capabilities of standard error and standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard error shows colour.
    pub color: bool,
    /// Whether standard output shows colour.
    pub color_out: bool,
    /// Whether characters beyond ASCII are shown.
    pub unicode: bool,
    /// Width of standard error in columns.
    pub width: usize,
    /// Width of standard output in columns; 80 for a file.
    pub width_out: usize,
    /// Whether standard error is a log, whose lines are not wrapped.
    pub is_log: bool,
    /// Whether standard error can show lines that are redrawn: on a terminal, but not in the log of
    /// a build server.
    pub live: bool,
    /// Whether the operator can be asked a question.
    pub interactive: bool,
}

/// Width of a terminal of unknown width in columns.
const DEFAULT_WIDTH: usize = 100;

impl Terminal {
    /// Detects the capabilities of the process's streams.
    pub fn detect(choice: ColorChoice) -> Self {
        let err = io::stderr().is_terminal();
        let out = io::stdout().is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let color = |is_terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if is_set("NO_COLOR") => false,
            ColorChoice::Auto if is_set("CLICOLOR_FORCE") => true,
            ColorChoice::Auto => is_terminal && !dumb,
        };
        Terminal {
            color: color(err),
            color_out: color(out),
            unicode: !dumb && has_utf8_locale(),
            width: width().clamp(40, 200),
            width_out: if out { width().clamp(40, 200) } else { 80 },
            is_log: !err,
            live: err && !dumb && !ci,
            interactive: err && io::stdin().is_terminal() && !ci,
        }
    }

    /// Returns the style of findings on standard error.
    pub fn finding_style(&self) -> render::RenderStyle {
        render::RenderStyle {
            color: self.color,
            unicode: self.unicode,
            width: self.width,
            links: None,
        }
    }

    /// Returns the style of reports on standard error.
    pub fn output_style(&self) -> OutputStyle {
        OutputStyle {
            color: self.color,
            unicode: self.unicode,
            width: self.width,
        }
    }

    /// Returns the style of progress on standard error. Lines of a log are not wrapped.
    pub fn event_style(&self) -> OutputStyle {
        let mut style = self.output_style();
        if self.is_log {
            style.width = usize::MAX;
        }
        style
    }

    /// Returns the style of reports on standard output.
    pub fn stdout_style(&self) -> OutputStyle {
        OutputStyle {
            color: self.color_out,
            ..self.output_style()
        }
    }

    /// Returns text for standard error, coloured if colour is on.
    pub fn paint(&self, style: TextStyle, text: &str) -> String {
        if self.color {
            style.paint(text)
        } else {
            text.to_owned()
        }
    }

    /// Returns text for standard output, coloured if colour is on.
    pub fn paint_out(&self, style: TextStyle, text: &str) -> String {
        if self.color_out {
            style.paint(text)
        } else {
            text.to_owned()
        }
    }

    /// Prints an error.
    pub fn error(&self, error: &CommandError) {
        if error.cause.is_empty() {
            return;
        }
        let mut text = format!("{} {}\n", self.paint(TextStyle::Bad, "error:"), error.cause);
        if let Some(help) = &error.help {
            text.push_str(&format!(
                "  {} {help}\n",
                self.paint(TextStyle::Note, "help:")
            ));
        }
        eprint(&self.output_style().replace_unsupported(&text));
    }
}

/// The meaning of a text, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStyle {
    /// Success.
    Good,
    /// An error.
    Bad,
    /// A warning.
    Warn,
    /// Advice.
    Note,
    /// Less important.
    Dim,
    /// More important.
    Strong,
}

impl TextStyle {
    fn paint(self, text: &str) -> String {
        let code = match self {
            TextStyle::Good => "32",
            TextStyle::Bad => "1;31",
            TextStyle::Warn => "33",
            TextStyle::Note => "36",
            TextStyle::Dim => "2",
            TextStyle::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Prints to standard error. Errors are ignored, because they can't be reported anywhere.
pub(crate) fn eprint(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a JSON document to standard output.
///
/// # Errors
/// As for [`print()`].
pub(crate) fn print_json(document: &serde_json::Value) -> Result<(), CommandError> {
    print(&format!("{document:#}\n"))
}

/// Prints the result of a command to standard output.
///
/// # Errors
/// Standard output can't be written; a closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::refused(format!(
            "cannot write to standard output: {error}"
        ))
        .help("check the disk, or the program that reads the output")),
        _ => Ok(()),
    }
}

fn width() -> usize {
    if let Some(columns) = env::var("COLUMNS").ok().and_then(|text| text.parse().ok()) {
        return columns;
    }
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((terminal_size::Width(columns), _)) if columns > 0 => columns.into(),
        _ => DEFAULT_WIDTH,
    }
}

/// Returns whether the locale is UTF-8. Containers and services have no locale, but their logs are
/// UTF-8.
fn has_utf8_locale() -> bool {
    if cfg!(windows) {
        return true;
    }
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}
