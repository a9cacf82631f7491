//! Emulated time, which begins at the computer's time and runs at a configurable speed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use svar_wire::Moment;

/// The clock of a running emulator. Nothing else in the crate reads the time of day.
#[derive(Debug)]
pub(super) struct Clock(Mutex<ClockState>);

/// The emulated time at one instant, and the speed at which it has passed since.
#[derive(Debug, Clone, Copy)]
struct ClockState {
    origin: Moment,
    began: Instant,
    factor: f64,
}

impl ClockState {
    fn now(self) -> Moment {
        self.origin + self.began.elapsed().mul_f64(self.factor)
    }
}

impl Clock {
    /// Starts a clock at the computer's time. `factor` has the meaning of [`Clock::set_factor`].
    pub(super) fn start(factor: f64) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Clock(Mutex::new(ClockState {
            origin: Moment::EPOCH + since_epoch,
            began: Instant::now(),
            factor: usable_factor(factor),
        }))
    }

    /// Returns the emulated time.
    pub(super) fn now(&self) -> Moment {
        self.state().now()
    }

    /// Makes `factor` emulated seconds pass in each real second from now on. A factor that is not a
    /// positive number counts as 1, and others are limited to 0.001 to 1,000,000.
    pub(super) fn set_factor(&self, factor: f64) {
        let mut state = self.state();
        *state = ClockState {
            origin: state.now(),
            began: Instant::now(),
            factor: usable_factor(factor),
        };
    }

    /// Moves the clock forward to `moment`, unless that has passed already.
    pub(super) fn skip_to(&self, moment: Moment) {
        let mut state = self.state();
        let ahead = moment.since(state.now());
        state.origin = state.origin + ahead;
    }

    /// Returns the real duration of an emulated one. A duration that can't be expressed counts as a year.
    pub(super) fn to_real(&self, emulated: Duration) -> Duration {
        let seconds = emulated.as_secs_f64() / self.state().factor;
        Duration::try_from_secs_f64(seconds).unwrap_or(A_YEAR)
    }

    /// Returns the real time until `moment`, or a day if that is shorter, plus a millisecond, so that
    /// after a wait of less than a day `moment` has come.
    pub(super) fn real_time_until(&self, moment: Moment) -> Duration {
        let wait = self.to_real(moment.since(self.now()));
        wait.min(A_DAY) + Duration::from_millis(1)
    }

    fn state(&self) -> MutexGuard<'_, ClockState> {
        // The lock guards three plain values that are replaced as a whole, so a panic can't leave
        // them inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const A_DAY: Duration = Duration::from_secs(24 * 3600);
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Limits a factor to the supported range. A value that is not a positive number counts as 1.
fn usable_factor(factor: f64) -> f64 {
    if factor.is_finite() && factor > 0.0 {
        factor.clamp(1e-3, 1e6)
    } else {
        1.0
    }
}
