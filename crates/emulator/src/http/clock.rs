//! Emulated time: it begins with this computer's and runs by a factor.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use svar_wire::Moment;

/// The clock of a running emulator; the only reader of this computer's clock in the crate.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Pace>);

/// The emulated time at one instant, and how fast it has passed since.
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
    /// Starts a clock at this computer's time. `factor` is as for [`Clock::set_factor`].
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

    /// Lets `factor` emulated seconds pass in each real one from now on. A factor that is not a
    /// positive number counts as 1.
    pub(super) fn set_factor(&self, factor: f64) {
        let mut pace = self.pace();
        *pace = Pace {
            origin: pace.now(),
            began: Instant::now(),
            factor: usable_factor(factor),
        };
    }

    /// Sets the clock forward to `moment`, unless it is later already.
    pub(super) fn skip_to(&self, moment: Moment) {
        let mut pace = self.pace();
        let ahead = moment.since(pace.now());
        pace.origin = pace.origin + ahead;
    }

    /// Returns how long an emulated duration lasts on this computer's clock.
    pub(super) fn real(&self, emulated: Duration) -> Duration {
        let seconds = emulated.as_secs_f64() / self.pace().factor;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(365 * 24 * 3600))
    }

    /// Returns the real time until `moment`, rounded up so that it has come when the wait is over.
    pub(super) fn until(&self, moment: Moment) -> Duration {
        let wait = self.real(moment.since(self.now()));
        wait.min(Duration::from_secs(24 * 3600)) + Duration::from_millis(1)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        // Three plain values, replaced as a whole: a panic elsewhere can't leave half of them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usable_factor(factor: f64) -> f64 {
    match factor.is_finite() && factor > 0.0 {
        true => factor.clamp(1e-3, 1e6),
        false => 1.0,
    }
}
