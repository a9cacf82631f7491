//! Where words go: what the terminal can show, and the two streams.
//!
//! Standard output carries what was asked for (a plan, a page, a report); everything that happens
//! on the way, findings and progress included, goes to standard error. A reader that goes away
//! (`svar explain | head -1`) is no error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::report::Sheet;
use svar_language::diagnostic::render;

use crate::cli::args::ColorChoice;
use crate::cli::output::exit::Failure;

/// What standard error can show; standard output's colour beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Colour on standard error.
    pub color: bool,
    /// Colour on standard output.
    pub color_out: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
    /// Columns to write in.
    pub width: usize,
    /// Columns of standard output: its terminal's, or 80 in a file.
    pub width_out: usize,
    /// Standard error is a log, whose lines have no end.
    pub is_log: bool,
    /// Lines that are drawn over: a real terminal, not a log of a build server.
    pub live: bool,
    /// Somebody can answer a question.
    pub interactive: bool,
}

/// Columns where nobody says how many there are.
const WIDTH: usize = 100;

impl Terminal {
    /// Looks at the process's streams and environment.
    pub fn detect(choice: ColorChoice) -> Self {
        let err = io::stderr().is_terminal();
        let out = io::stdout().is_terminal();
        let said = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let color = |is_terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if said("NO_COLOR") => false,
            ColorChoice::Auto if said("CLICOLOR_FORCE") => true,
            ColorChoice::Auto => is_terminal && !dumb,
        };
        Terminal {
            color: color(err),
            color_out: color(out),
            unicode: !dumb && speaks_utf8(),
            width: width().clamp(40, 200),
            width_out: match out {
                true => width().clamp(40, 200),
                false => 80,
            },
            is_log: !err,
            live: err && !dumb && !ci,
            interactive: err && io::stdin().is_terminal() && !ci,
        }
    }

    /// How findings are drawn on standard error.
    pub fn finding_style(&self) -> render::Style {
        render::Style {
            color: self.color,
            unicode: self.unicode,
            width: self.width,
            links: None,
        }
    }

    /// How reports are laid out on standard error.
    pub fn sheet(&self) -> Sheet {
        Sheet {
            color: self.color,
            unicode: self.unicode,
            width: self.width,
        }
    }

    /// How what happens is told on standard error: in a log each thing has one line.
    pub fn sheet_of_events(&self) -> Sheet {
        match self.is_log {
            true => Sheet {
                width: usize::MAX,
                ..self.sheet()
            },
            false => self.sheet(),
        }
    }

    /// How reports are laid out on standard output.
    pub fn sheet_out(&self) -> Sheet {
        Sheet {
            color: self.color_out,
            ..self.sheet()
        }
    }

    /// Words for people on standard error, painted where colour is on.
    pub fn paint(&self, style: Style, text: &str) -> String {
        paint(self.color, style, text)
    }

    /// The failure as people read it.
    pub fn failure(&self, failure: &Failure) {
        if failure.cause.is_empty() {
            return;
        }
        let mut text = format!("{} {}\n", self.paint(Style::Bad, "error:"), failure.cause);
        if let Some(help) = &failure.help {
            text.push_str(&format!("  {} {help}\n", self.paint(Style::Note, "help:")));
        }
        say(&self.sheet().signs(&text));
    }
}

/// What a piece of text is, as far as its colour goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Deserves a look.
    Warn,
    /// A way on.
    Note,
    /// Of lesser weight.
    Dim,
    /// Of greater weight.
    Strong,
}

/// The text in its colour, or as it is.
pub(crate) fn paint(color: bool, style: Style, text: &str) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match style {
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Warn => "33",
        Style::Note => "36",
        Style::Dim => "2",
        Style::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Writes words for people. Nobody can be told when this fails, so nobody is.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes what was asked for.
///
/// # Errors
/// Standard output can't be written; a reader that has gone away does not count.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::refused(format!(
            "standard output can't be written: {error}"
        ))
        .help("check the disk or the program that the output is sent to")),
        _ => Ok(()),
    }
}

fn width() -> usize {
    if let Some(columns) = env::var("COLUMNS").ok().and_then(|text| text.parse().ok()) {
        return columns;
    }
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((terminal_size::Width(columns), _)) if columns > 0 => columns.into(),
        _ => WIDTH,
    }
}

/// Whether the locale takes UTF-8. An environment without any locale is a container or a service,
/// whose log takes it.
fn speaks_utf8() -> bool {
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
