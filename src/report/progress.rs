//! A run while it goes on: live lines on a terminal, plain ones in a log.
//!
//! On a terminal there is a line for each active machine with what it does or waits for, and below
//! them the total. In a log each ended machine gets a line, and every half minute the sums get one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};

use crate::engine::{EndState, Fleet, LaneId, LaneView, Leg, Phase, Tally, Waiting};
use crate::moment::Moment;
use crate::plan::{OnStop, Plan, SessionKind};

use super::text::Sheet;
use super::words::{clean, duration, fit, many, pad};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Lines that are drawn over.
    Live,
    /// One line for each event.
    Plain,
    /// Not at all.
    Quiet,
}

/// Most machines that are shown at one time.
const ROWS: usize = 12;
/// Columns of the bar.
const BAR: usize = 20;
/// In fleets up to this size every ended machine gets a line on the terminal; in larger ones only
/// those that did not end well.
const SMALL: usize = 40;
/// Pause between two looks at the fleet.
const LOOK: Duration = Duration::from_millis(80);
/// Pause between two sums in a log.
const SUMS: Duration = Duration::from_secs(30);

/// Shows a run.
pub struct Progress {
    style: ProgressStyle,
    sheet: Sheet,
    plan: Arc<Plan>,
    began: Instant,
    looked: Option<Instant>,
    summed: Instant,
    told: Vec<bool>,
    told_count: u32,
    wave: Option<usize>,
    stopped: bool,
    closed: Option<Moment>,
    screen: Option<Screen>,
}

/// The lines on a terminal.
struct Screen {
    all: MultiProgress,
    rows: Vec<ProgressBar>,
    total: ProgressBar,
}

impl Progress {
    /// Begins to show a run of this plan on standard error.
    pub fn new(style: ProgressStyle, plan: Arc<Plan>, sheet: Sheet) -> Self {
        let screen = (style == ProgressStyle::Live).then(|| Screen::new(&plan, sheet));
        Progress {
            style,
            sheet,
            began: Instant::now(),
            looked: None,
            summed: Instant::now(),
            told: vec![false; plan.machines.len()],
            told_count: 0,
            wave: None,
            stopped: false,
            closed: None,
            plan,
            screen,
        }
    }

    /// Looks at the fleet. Cheap enough to be called after each event: it looks away if it has
    /// looked a moment ago.
    pub fn look(&mut self, now: Moment, fleet: &Fleet) {
        if self.style == ProgressStyle::Quiet {
            return;
        }
        let recent = self.looked.is_some_and(|at| at.elapsed() < LOOK);
        if recent && !fleet.is_done() {
            return;
        }
        self.looked = Some(Instant::now());
        let tally = fleet.tally();
        if tally.finished() != self.told_count {
            self.tell_ended(fleet);
        }
        self.tell_turns(now, fleet);
        if self.screen.is_some() {
            self.draw(now, fleet, &tally);
        } else if self.summed.elapsed() >= SUMS {
            self.summed = Instant::now();
            self.line(&self.sums(&tally));
        }
    }

    /// Writes a line that stays, above the live ones.
    pub fn line(&self, text: &str) {
        match (&self.screen, self.style) {
            (_, ProgressStyle::Quiet) => {}
            (Some(screen), _) => {
                let _ = screen.all.println(text);
            }
            (None, _) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }

    /// Takes the live lines away.
    pub fn finish(&mut self) {
        if let Some(screen) = self.screen.take() {
            let _ = screen.all.clear();
        }
    }

    fn tell_ended(&mut self, fleet: &Fleet) {
        let total = self.plan.machines.len();
        let large = self.screen.is_some() && total > SMALL;
        for view in fleet.lanes() {
            let (Some(told), Some(end)) = (self.told.get_mut(view.lane.0 as usize), &view.end)
            else {
                continue;
            };
            if std::mem::replace(told, true) {
                continue;
            }
            self.told_count += 1;
            if large && matches!(end.state, EndState::Ok | EndState::NotStarted) {
                continue;
            }
            let name = self.label(view.lane);
            let state = self.sheet.state(end.state, end.state.as_str());
            let mark = self.sheet.state(end.state, self.sheet.mark(end.state));
            let why = end.why.as_deref().map(clean);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let line = format!("{mark} {name}  {state}{why}");
            match self.screen {
                Some(_) => self.line(&fit_painted(&line, self.sheet)),
                None => self.line(&format!("{line} ({} of {total})", self.told_count)),
            }
        }
    }

    /// What concerns the whole run, once each time it changes: a new wave, the fall of the stop
    /// rule, the end and the beginning of the hours in which sessions may be started.
    fn tell_turns(&mut self, now: Moment, fleet: &Fleet) {
        let waves = self.plan.policy.waves.len();
        let (wave, limit) = fleet.wave();
        if waves > 1 && self.wave != Some(wave) && wave < waves {
            self.wave = Some(wave);
            let limit = many(limit as usize, "machine");
            self.line(&format!(
                "wave {} of {waves}: up to {limit} in all",
                wave + 1
            ));
        }
        // Where the last machine has ended by itself there was nothing left to stop.
        let tally = fleet.tally();
        let kept = tally.of(EndState::NotStarted) + tally.of(EndState::Cancelled);
        let going = tally.finished() < tally.total || kept > 0;
        let stopped = fleet.stopped().filter(|stopped| going && !stopped.ordered);
        if let Some(stopped) = stopped
            && !std::mem::replace(&mut self.stopped, true)
        {
            let then = match stopped.how {
                OnStop::Drain => "sessions that run finish",
                OnStop::CancelQueued => "sessions that wait are cancelled, those that run finish",
                OnStop::Abort => "own sessions are cancelled",
            };
            let rule = fleet.would_stop();
            self.line(&format!("stopped: {rule}; no new starts, {then}"));
        }
        let opens = fleet.opens_at();
        if opens.is_some() != self.closed.is_some()
            && let Some(hours) = &self.plan.policy.window
        {
            self.line(&match opens {
                Some(at) => format!(
                    "outside {hours}: sessions are started again from {}",
                    clock(at, now)
                ),
                None => format!("within {hours}: sessions are started again"),
            });
        }
        self.closed = opens;
    }

    fn sums(&self, tally: &Tally) -> String {
        let fine = tally.of(EndState::Ok) + tally.of(EndState::Skipped);
        let bad = match tally.finished() - fine {
            0 => String::new(),
            bad => format!(", {bad} not ok"),
        };
        let left = self
            .left(tally)
            .map(|left| format!(", about {} left", whole(left)))
            .unwrap_or_default();
        format!(
            "{} of {} done{bad}, {} active, {} waiting{left}",
            tally.finished(),
            many(tally.total as usize, "machine"),
            tally.active,
            tally.waiting
        )
    }

    /// The time that is left by the pace so far, in real time.
    fn left(&self, tally: &Tally) -> Option<Duration> {
        let finished = tally.finished();
        let open = tally.total.saturating_sub(finished);
        let enough = finished >= 2 && open > 0 && self.began.elapsed() > Duration::from_secs(1);
        enough.then(|| {
            self.began
                .elapsed()
                .mul_f64(f64::from(open) / f64::from(finished))
        })
    }

    fn draw(&self, now: Moment, fleet: &Fleet, tally: &Tally) {
        let Some(screen) = &self.screen else { return };
        let mut views: Vec<LaneView> = fleet.active().take(ROWS).collect();
        if views.len() < ROWS && tally.waiting as usize <= SMALL {
            let waiting = fleet.lanes().filter(|view| view.phase == Phase::Waiting);
            views.extend(waiting.take(ROWS - views.len()));
        }
        let label = views
            .iter()
            .map(|view| self.label(view.lane).width())
            .max()
            .unwrap_or(0)
            .min(self.sheet.width / 3);
        for (place, row) in screen.rows.iter().enumerate() {
            let Some(view) = views.get(place) else {
                row.set_message("");
                continue;
            };
            let name = pad(&fit(&self.label(view.lane), label), label);
            let at = format!("{:>8}", whole(now.since(view.since)));
            let room = self.sheet.width.saturating_sub(label + 2 + 10 + 3);
            let words = pad(&fit(&self.doing(view, now), room), room);
            row.set_message(format!("  {name}  {words} {}", self.sheet.paint("2", &at)));
        }
        screen.total.set_position(tally.finished().into());
        let room = self.sheet.width.saturating_sub(BAR + 4);
        screen.total.set_message(fit(&self.sums(tally), room));
    }

    /// What a machine does, or waits for.
    fn doing(&self, view: &LaneView, now: Moment) -> String {
        let session = match &view.phase {
            Phase::Session { session, .. } | Phase::Between { session } => Some(*session),
            _ => None,
        };
        let work = session
            .map(|session| self.steps(view.lane, session))
            .unwrap_or_default();
        let waits = view
            .waiting
            .as_ref()
            .map(|waiting| self.waits(waiting, now));
        match (&view.phase, waits) {
            (Phase::Session { at, .. }, waits) => match at {
                Leg::Starting => match waits {
                    Some(waits) => format!("{waits}, then {work}"),
                    None => format!("starts {work}"),
                },
                Leg::Searching => "looks for a start whose answer was lost".to_owned(),
                Leg::Queued => match view.waiting {
                    Some(Waiting::Offline { .. }) => waits.unwrap_or_default(),
                    _ => format!("waits for the device, then {work}"),
                },
                Leg::Running => format!("runs {work}"),
                Leg::Cancelling => format!("cancels {work}"),
                Leg::Collecting => format!("fetches what {work} left"),
            },
            (_, Some(waits)) => waits,
            (Phase::Between { .. }, None) => format!("next {work}"),
            (Phase::Waiting, None) => "waits".to_owned(),
            (Phase::Ended, None) => "is over".to_owned(),
        }
    }

    /// The steps of a session by name: `put, collect, zip`.
    fn steps(&self, lane: LaneId, session: u16) -> String {
        let planned = self.plan.machines.get(lane.0 as usize);
        let Some(session) = planned.and_then(|machine| machine.sessions.get(usize::from(session)))
        else {
            return String::new();
        };
        if session.kind == SessionKind::Cleanup {
            return "cleanup".to_owned();
        }
        let names: Vec<&str> = (session.commands.iter())
            .filter_map(|command| self.plan.steps.get(usize::from(command.step)))
            .map(|step| step.name.as_str())
            .collect();
        names.join(", ")
    }

    fn waits(&self, waiting: &Waiting, now: Moment) -> String {
        let until = |until: &Moment| clock(*until, now);
        match waiting {
            Waiting::Turn => "waits for its turn".to_owned(),
            Waiting::Slot { used, of } => format!("waits for a slot {used}/{of}"),
            Waiting::Rate { row, until: at } => format!("waits for the {row} rate, {}", until(at)),
            Waiting::Wave { wave } => format!("waits for the end of wave {}", wave + 1),
            Waiting::Hours { until: at } => format!("waits for its hours, from {}", until(at)),
            Waiting::Offline { until: at } => format!("offline, waits until {}", until(at)),
            Waiting::Busy { until: at } => {
                format!("busy with another session, until {}", until(at))
            }
            Waiting::Retry { until: at } => format!("tries again at {}", until(at)),
            Waiting::Visibility { until: at } => format!("lost start, known by {}", until(at)),
            Waiting::Device => "waits for the device".to_owned(),
            Waiting::Session => "waits for the session".to_owned(),
            Waiting::Resume => "waits to be resumed".to_owned(),
        }
    }

    fn label(&self, lane: LaneId) -> String {
        let machine = self.plan.machines.get(lane.0 as usize);
        machine.map_or_else(String::new, |machine| clean(machine.target.label()))
    }
}

impl Screen {
    fn new(plan: &Plan, sheet: Sheet) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12));
        let count = plan.machines.len().min(ROWS);
        let plain = || BarStyle::with_template("{msg}").unwrap_or_else(|_| BarStyle::default_bar());
        let rows = (0..count)
            .map(|_| all.add(ProgressBar::new(0).with_style(plain())))
            .collect();
        let template = match sheet.color {
            true => "  {bar:20.green/dim} {msg}",
            false => "  {bar:20} {msg}",
        };
        let bar = BarStyle::with_template(template)
            .unwrap_or_else(|_| BarStyle::default_bar())
            .progress_chars(match sheet.unicode {
                true => "━━─",
                false => "==-",
            });
        let total = all.add(ProgressBar::new(plan.machines.len() as u64).with_style(bar));
        Screen { all, rows, total }
    }
}

/// A length of time without parts of a second, which would only flicker.
fn whole(time: Duration) -> String {
    duration(Duration::from_secs(time.as_secs().max(1)))
}

/// A moment as a clock on the wall shows it; with its day where that is another one.
fn clock(at: Moment, now: Moment) -> String {
    let zone = jiff::tz::TimeZone::system();
    let local = |at: Moment| {
        jiff::Timestamp::from_millisecond(at.millis())
            .map(|stamp| stamp.to_zoned(zone.clone()))
            .ok()
    };
    match (local(at), local(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M").to_string(),
        (Some(at), _) => at.strftime("%a %H:%M").to_string(),
        (None, _) => "the end".to_owned(),
    }
}

/// The line cut to the sheet; escape codes do not count.
fn fit_painted(line: &str, sheet: Sheet) -> String {
    let mut out = String::new();
    let mut columns = 0;
    let mut code = false;
    for letter in line.chars() {
        code |= letter == '\u{1b}';
        if !code {
            columns += 1;
            if columns >= sheet.width {
                out.push('…');
                break;
            }
        }
        out.push(letter);
        code &= letter != 'm';
    }
    out
}
