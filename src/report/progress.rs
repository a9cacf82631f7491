//! Shows the progress of a run: live lines on a terminal, plain lines in a log.
//!
//! A terminal has a line for each active device with its activity, and the totals below them. A log
//! has a line for each device when it has ended, and a line with the totals every half minute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthChar;

use svar_engine::{
    DeviceIndex, DeviceView, EndState, Fleet, Phase, SessionIndex, SessionPhase, Standstill,
    StoppedBy, Tally, Waiting,
};
use svar_plan::{OnStop, Plan, SessionKind};
use svar_wire::Moment;
use svar_wire::text::{columns, count, duration, pad, wrap};

use super::format::{clean, clock};
use super::screen::Screen;
use super::text::OutputStyle;

/// The form in which progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Lines that are redrawn.
    Live,
    /// One line for each event.
    Plain,
    /// Nothing.
    Quiet,
}

/// Maximum number of devices that are shown at the same time.
const ROWS_MAX: usize = 12;
/// Width of the bar in columns, on a wide and on a narrow terminal.
const BAR_COLUMNS: usize = 20;
const NARROW_BAR_COLUMNS: usize = 10;
/// Number of columns from which a terminal is wide.
const WIDE_FROM_COLUMNS: usize = 100;
/// Columns that stay free after the total. A terminal prints `^C` there, and a line that wraps
/// because of it would not be removed completely.
const CTRL_C_COLUMNS: usize = 6;
/// Width of a duration in columns: `59m59s`.
const TIME_COLUMNS: usize = 6;
/// Maximum size of a fleet for which the terminal has a line for every device that has ended. In
/// larger fleets only devices that did not end `ok` have one.
const SMALL_FLEET_MAX: usize = 40;
/// Minimum interval between two updates.
const UPDATE_EVERY: Duration = Duration::from_millis(80);
/// Interval of the totals in a log.
const TOTALS_EVERY: Duration = Duration::from_secs(30);

/// The state of a run at the first update.
#[derive(Debug, Clone, Copy)]
struct ProgressStart {
    /// The time, by the run's own clock.
    at: Moment,
    /// Number of devices that had ended.
    finished: u32,
}

/// The work that waits for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClosedFor {
    /// New sessions and cleanup.
    Everything,
    /// Only cleanup.
    Cleanup,
}

/// Shows the progress of a run on standard error.
pub struct Progress {
    style: ProgressStyle,
    output: OutputStyle,
    plan: Arc<Plan>,
    start: Option<ProgressStart>,
    updated_at: Option<Instant>,
    totals_at: Instant,
    reported: Vec<bool>,
    reported_count: u32,
    wave: Option<usize>,
    stopped: bool,
    /// The wait for the window that was last reported, until it is over.
    closed: Option<ClosedFor>,
    screen: Option<Screen>,
}

impl Progress {
    /// Creates the progress of a run of this plan. Live lines appear at once.
    pub fn new(style: ProgressStyle, plan: Arc<Plan>, output: OutputStyle) -> Self {
        let screen = (style == ProgressStyle::Live).then(|| {
            let devices = plan.devices.len();
            Screen::new(
                devices.min(ROWS_MAX),
                devices as u64,
                bar_columns(output),
                output,
            )
        });
        Progress {
            style,
            output,
            start: None,
            updated_at: None,
            totals_at: Instant::now(),
            reported: vec![false; plan.devices.len()],
            reported_count: 0,
            wave: None,
            stopped: false,
            closed: None,
            plan,
            screen,
        }
    }

    /// Shows the state of the fleet at `now`. Cheap enough to be called after each event: does
    /// nothing within 80 ms of the last update unless the run has finished.
    pub fn update(&mut self, now: Moment, fleet: &Fleet) {
        self.start.get_or_insert_with(|| ProgressStart {
            at: now,
            finished: fleet.tally().finished(),
        });
        if self.style == ProgressStyle::Quiet {
            return;
        }
        let recent = self
            .updated_at
            .is_some_and(|at| at.elapsed() < UPDATE_EVERY);
        if recent && !fleet.is_done() {
            return;
        }
        self.updated_at = Some(Instant::now());
        let tally = fleet.tally();
        if tally.finished() != self.reported_count {
            self.report_ended(fleet);
        }
        self.report_changes(now, fleet);
        if self.screen.is_some() {
            self.draw(now, fleet, &tally);
        } else if self.totals_at.elapsed() >= TOTALS_EVERY {
            self.totals_at = Instant::now();
            self.line(&self.totals(now, fleet, &tally, usize::MAX));
        }
    }

    /// Prints a note above the live lines, wrapped on a terminal.
    pub fn note(&self, text: &str) {
        self.line(&match self.output.width {
            usize::MAX => text.to_owned(),
            width => wrap(text, width, 0, 2),
        });
    }

    /// Prints a line above the live ones.
    fn line(&self, text: &str) {
        let text = &self.output.replace_unsupported(text);
        match (&self.screen, self.style) {
            (_, ProgressStyle::Quiet) => {}
            (Some(screen), _) => screen.print(text),
            (None, _) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }

    /// Removes the live lines.
    pub fn finish(&mut self) {
        if let Some(screen) = self.screen.take() {
            screen.clear();
        }
    }

    fn report_ended(&mut self, fleet: &Fleet) {
        let total = self.plan.devices.len();
        let large = self.screen.is_some() && total > SMALL_FLEET_MAX;
        for view in fleet.devices() {
            let (Some(reported), Some(end)) =
                (self.reported.get_mut(view.device.place()), &view.end)
            else {
                continue;
            };
            if std::mem::replace(reported, true) {
                continue;
            }
            self.reported_count += 1;
            if large && matches!(end.state, EndState::Ok | EndState::NotStarted) {
                continue;
            }
            let name = self.label(view.device);
            let state = self.output.state(end.state, end.state.as_str());
            let mark = self.output.state(end.state, self.output.mark(end.state));
            let why = end.why.as_deref().map(clean);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let line = format!("{mark} {name}  {state}{why}");
            match self.screen {
                Some(_) => self.line(&fit_painted(&line, self.output)),
                None => self.line(&format!("{line} ({} of {total})", self.reported_count)),
            }
        }
    }

    /// Reports changes of the whole run: a new wave, the stop rule, the end and the beginning of
    /// the window in which sessions may be started.
    fn report_changes(&mut self, now: Moment, fleet: &Fleet) {
        let waves = self.plan.policy.waves.len();
        let (wave, limit) = fleet.wave();
        if waves > 1 && self.wave != Some(wave) && wave < waves {
            self.wave = Some(wave);
            let limit = count(limit, "device");
            self.note(&format!(
                "wave {} of {waves}: up to {limit} in total",
                wave + 1
            ));
        }
        // If the last device has ended by itself, there is nothing to stop.
        let tally = fleet.tally();
        let not_run = tally.of(EndState::NotStarted) + tally.of(EndState::Cancelled);
        let going = tally.finished() < tally.total || not_run > 0;
        let stopped = fleet
            .stopped()
            .filter(|stopped| going && stopped.by == StoppedBy::Rule);
        if let Some(stopped) = stopped
            && !std::mem::replace(&mut self.stopped, true)
        {
            let then = match stopped.how {
                OnStop::Drain => "running ones finish",
                OnStop::CancelQueued => "queued ones are cancelled, running ones finish",
                OnStop::Abort => "queued and running ones are cancelled",
            };
            let rule = fleet.stop_rule_status();
            self.note(&format!("stopped: {rule}; no new sessions, {then}"));
        }
        let Some(hours) = &self.plan.policy.window else {
            return;
        };
        match fleet.standstill() {
            Some(Standstill::Hours {
                until,
                only_cleanup,
            }) => {
                let closed = if only_cleanup {
                    ClosedFor::Cleanup
                } else {
                    ClosedFor::Everything
                };
                if self.closed.replace(closed) == Some(closed) {
                    return;
                }
                let from = clock(until, now);
                self.note(&match closed {
                    ClosedFor::Cleanup => format!("outside {hours}: cleanup waits until {from}"),
                    ClosedFor::Everything => {
                        format!("outside {hours}: no new sessions until {from}")
                    }
                });
            }
            _ if fleet.opens_at().is_some() => {}
            _ => match self.closed.take() {
                Some(ClosedFor::Everything) => {
                    self.note(&format!("within {hours}: starting sessions again"))
                }
                Some(ClosedFor::Cleanup) => {
                    self.note(&format!("within {hours}: cleanup continues"))
                }
                None => {}
            },
        }
    }

    /// Returns the totals in at most `room` columns. Leaves out the least important ones if they
    /// don't fit.
    fn totals(&self, now: Moment, fleet: &Fleet, tally: &Tally, room: usize) -> String {
        let standstill = fleet.standstill();
        let finished = tally.finished();
        let done = |total: String| format!("{finished} of {total} done");
        let mut parts = vec![
            (
                finished - tally.of(EndState::Ok) - tally.of(EndState::Skipped),
                "not ok",
            ),
            (tally.offline, "offline"),
            (tally.active, "active"),
            (tally.waiting, "waiting"),
        ];
        if let Some(Standstill::Offline { .. }) = standstill {
            parts.remove(1);
        }
        let outlook = self.outlook(now, standstill, tally);
        let sums = |done: &str, parts: &[(u32, &str)]| {
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: String = parts
                .map(|(count, word)| format!(", {count} {word}"))
                .collect();
            format!("{done}{parts}{outlook}")
        };
        let mut text = sums(&done(count(tally.total, "device")), &parts);
        while columns(&text) > room {
            text = sums(&done(tally.total.to_string()), &parts);
            if parts.pop().is_none() {
                return self.output.fit(&text, room);
            }
        }
        text
    }

    /// Returns what the run waits for, or the estimated time that is left.
    fn outlook(&self, now: Moment, standstill: Option<Standstill>, tally: &Tally) -> String {
        let clock = |at| clock(at, now);
        match standstill {
            Some(Standstill::Hours {
                until,
                only_cleanup: false,
            }) => format!("; waiting for the window at {}", clock(until)),
            Some(Standstill::Hours {
                until,
                only_cleanup: true,
            }) => format!("; cleanup waits for the window at {}", clock(until)),
            Some(Standstill::Soak { wave, until }) => {
                format!("; soak until {}, then wave {}", clock(until), wave + 1)
            }
            Some(Standstill::Offline { until }) => {
                format!(
                    ", {} offline, waiting until {}",
                    tally.offline,
                    clock(until)
                )
            }
            Some(Standstill::Ending) => String::new(),
            None => match (self.time_left(now, tally), tally.offline) {
                (None, _) => String::new(),
                (Some(left), 0) => format!(", about {} left", whole_seconds(left)),
                (Some(left), _) => format!(", about {} left for the others", whole_seconds(left)),
            },
        }
    }

    /// Returns the estimated time that is left on the run's clock, without offline devices.
    fn time_left(&self, now: Moment, tally: &Tally) -> Option<Duration> {
        let start = self.start?;
        let finished = tally.finished().saturating_sub(start.finished);
        let open = tally.active + tally.waiting;
        let elapsed = now.since(start.at);
        let enough = finished >= 2 && open > 0 && elapsed > Duration::from_secs(1);
        enough.then(|| elapsed.mul_f64(f64::from(open) / f64::from(finished)))
    }

    fn draw(&self, now: Moment, fleet: &Fleet, tally: &Tally) {
        let Some(screen) = &self.screen else { return };
        let total = self.total(now, fleet);
        screen.show(self.rows(now, fleet), tally.finished().into(), total);
    }

    /// Returns a line for each active device, and in small fleets for each waiting device, within
    /// the width of the output.
    pub fn rows(&self, now: Moment, fleet: &Fleet) -> Vec<String> {
        let tally = fleet.tally();
        let mut views: Vec<DeviceView> = fleet.active().take(ROWS_MAX).collect();
        if views.len() < ROWS_MAX && (tally.waiting + tally.offline) as usize <= SMALL_FLEET_MAX {
            let waiting = fleet.devices().filter(|view| view.phase == Phase::Waiting);
            views.extend(waiting.take(ROWS_MAX - views.len()));
        }
        let label = views
            .iter()
            .map(|view| columns(&self.label(view.device)))
            .max()
            .unwrap_or(0)
            .min(self.output.width / 3);
        let row = |view: &DeviceView| {
            let name = pad(&self.output.fit(&self.label(view.device), label), label);
            let at = format!("{:>TIME_COLUMNS$}", whole_seconds(now.since(view.since)));
            let room = self.output.width.saturating_sub(label + TIME_COLUMNS + 6);
            let words = pad(&self.output.fit(&self.activity(view, now), room), room);
            format!("  {name}  {words} {}", self.output.paint("2", &at))
        };
        views.iter().map(row).collect()
    }

    /// Returns the text beside the bar, within the width of the output.
    pub fn total(&self, now: Moment, fleet: &Fleet) -> String {
        let beside = 2 + bar_columns(self.output) + 1 + CTRL_C_COLUMNS;
        let room = self.output.width.saturating_sub(beside);
        self.totals(now, fleet, &fleet.tally(), room)
    }

    /// Returns the current activity of a device, or what it waits for.
    fn activity(&self, view: &DeviceView, now: Moment) -> String {
        let session = match &view.phase {
            Phase::Session { session, .. } | Phase::Between { session } => Some(*session),
            _ => None,
        };
        let work = session
            .map(|session| self.steps(view.device, session))
            .unwrap_or_default();
        let waits = view
            .waiting
            .as_ref()
            .map(|waiting| self.waiting_text(waiting, now));
        match (&view.phase, waits) {
            (Phase::Session { at, .. }, waits) => match at {
                SessionPhase::Starting => match waits {
                    Some(waits) => format!("{waits}, then {work}"),
                    None => format!("starting {work}"),
                },
                SessionPhase::Searching => "checking whether the last start arrived".to_owned(),
                SessionPhase::Queued => match view.waiting {
                    Some(Waiting::Offline { until }) => {
                        format!("offline, {work} queued until {}", clock(until, now))
                    }
                    _ => format!("waiting for the device, then {work}"),
                },
                SessionPhase::Running => format!("running {work}"),
                SessionPhase::Cancelling => format!("cancelling {work}"),
                SessionPhase::Collecting => format!("collecting results of {work}"),
            },
            (_, Some(waits)) => waits,
            (Phase::Between { .. }, None) => format!("next: {work}"),
            (Phase::Waiting, None) => "waiting".to_owned(),
            (Phase::Ended, None) => "done".to_owned(),
        }
    }

    /// Returns the names of the steps of a session, such as `put, collect, zip`; `cleanup` for a
    /// session that cleans up.
    fn steps(&self, device: DeviceIndex, session: SessionIndex) -> String {
        let planned = device.get(&self.plan.devices);
        let session = planned
            .and_then(|device| session.get(&device.sessions))
            .expect("internal error: a session that is not in the plan");
        if session.kind == SessionKind::Cleanup {
            return "cleanup".to_owned();
        }
        let names: Vec<&str> = (session.commands.iter())
            .filter_map(|command| command.step.get(&self.plan.steps))
            .map(|step| step.name.as_str())
            .collect();
        names.join(", ")
    }

    fn waiting_text(&self, waiting: &Waiting, now: Moment) -> String {
        let until = |until: &Moment| clock(*until, now);
        match waiting {
            Waiting::Turn => "waiting for its turn".to_owned(),
            Waiting::Slot { used, of } => format!("waiting for a slot ({used} of {of} in use)"),
            Waiting::Rate {
                endpoint,
                until: at,
            } => format!("waiting for the {endpoint} rate limit until {}", until(at)),
            Waiting::Wave { wave } => format!("waiting for the end of wave {}", wave + 1),
            Waiting::Soak { wave, until: at } => {
                format!("soak: wave {} from {}", wave + 1, until(at))
            }
            Waiting::Hours { until: at } => format!("waiting for the window at {}", until(at)),
            Waiting::Offline { until: at } => format!("offline, waiting until {}", until(at)),
            Waiting::Busy { until: at } => {
                format!("busy with another session, waiting until {}", until(at))
            }
            Waiting::Retry { until: at } => format!("retrying at {}", until(at)),
            Waiting::LostStart { until: at } => {
                format!("checking until {} whether the start arrived", until(at))
            }
            Waiting::Pickup => "waiting for the device".to_owned(),
            Waiting::SessionEnd => "waiting for the session".to_owned(),
            Waiting::Resume => "waiting to be resumed".to_owned(),
        }
    }

    fn label(&self, device: DeviceIndex) -> String {
        let device = (device.get(&self.plan.devices))
            .expect("internal error: a device that is not in the plan");
        clean(device.target.label())
    }
}

fn bar_columns(output: OutputStyle) -> usize {
    if output.width >= WIDE_FROM_COLUMNS {
        BAR_COLUMNS
    } else {
        NARROW_BAR_COLUMNS
    }
}

/// Returns a duration in whole seconds, at least one, because fractions would only flicker.
fn whole_seconds(time: Duration) -> String {
    duration(Duration::from_secs(time.as_secs().max(1)))
}

/// Escape code that ends a color.
const RESET: &str = "\u{1b}[0m";

/// Cuts a line to the width of the output, not counting escape codes. A cut inside a painted part
/// ends its color.
fn fit_painted(line: &str, output: OutputStyle) -> String {
    let mut out = String::new();
    let mut used = 0;
    let mut code = false;
    let mut painted = false;
    let mark = output.ellipsis();
    for letter in line.chars() {
        code |= letter == '\u{1b}';
        if !code {
            used += letter.width().unwrap_or(0);
            if used + columns(mark) > output.width {
                out.push_str(mark);
                if painted {
                    out.push_str(RESET);
                }
                break;
            }
        }
        out.push(letter);
        if code && letter == 'm' {
            code = false;
            painted = !out.ends_with(RESET);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_inside_a_painted_part_ends_its_color() {
        let output = OutputStyle {
            width: 6,
            ..OutputStyle::FILE
        };
        let mark = output.ellipsis();
        let cut = fit_painted("a \u{1b}[31mfailed\u{1b}[0m: why", output);
        assert!(cut.ends_with(&format!("{mark}{RESET}")), "{cut:?}");
        let cut = fit_painted("\u{1b}[31ma\u{1b}[0m: a long reason", output);
        assert!(cut.ends_with(mark), "{cut:?}");
    }
}
