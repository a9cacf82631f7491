//! Emulated time, which begins at the computer's time and runs at a configurable speed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use svar_wire::Moment;

/// The clock of a running emulator. It is the only reader of the computer's clock in the crate.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Pace>);

/// The emulated time at one instant, and the speed at which it has passed since.
#[derive(Debug, Clone, Copy)]
struct Pace {
    origin: Moment,
    began: Instant,
    factor: f64,
}

impl Pace {
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
        Clock(Mutex::new(Pace {
            origin: Moment::EPOCH + since_epoch,
            began: Instant::now(),
            factor: usable_factor(factor),
        }))
    }

    /// Returns the emulated time.
    pub(super) fn now(&self) -> Moment {
        self.pace().now()
    }

    /// Makes `factor` emulated seconds pass in each real second from now on. A factor that is not a
    /// positive number counts as 1.
    pub(super) fn set_factor(&self, factor: f64) {
        let mut pace = self.pace();
        *pace = Pace {
            origin: pace.now(),
            began: Instant::now(),
            factor: usable_factor(factor),
        };
    }

    /// Moves the clock forward to `moment`, unless that has passed already.
    pub(super) fn skip_to(&self, moment: Moment) {
        let mut pace = self.pace();
        let ahead = moment.since(pace.now());
        pace.origin = pace.origin + ahead;
    }

    /// Returns the real duration of an emulated one.
    pub(super) fn real(&self, emulated: Duration) -> Duration {
        let seconds = emulated.as_secs_f64() / self.pace().factor;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(365 * 24 * 3600))
    }

    /// Returns the real time until `moment`, rounded up so that `moment` has come after the wait.
    pub(super) fn until(&self, moment: Moment) -> Duration {
        let wait = self.real(moment.since(self.now()));
        wait.min(Duration::from_secs(24 * 3600)) + Duration::from_millis(1)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        // The lock guards three plain values that are replaced as a whole, so a panic can't leave
        // them inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usable_factor(factor: f64) -> f64 {
    match factor.is_finite() && factor > 0.0 {
        true => factor.clamp(1e-3, 1e6),
        false => 1.0,
    }
}
