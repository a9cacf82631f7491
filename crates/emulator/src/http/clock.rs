//! Emulated time: it begins with this computer's and runs by a factor.

use std::time::{Duration, Instant, SystemTime};

use svar_wire::Moment;

/// The one reader of this computer's clock in the emulator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Moment,
    began: Instant,
    factor: f64,
}

impl Clock {
    /// A clock that begins now. A factor that is no positive number counts as 1.
    pub(super) fn start(factor: f64) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            origin: Moment::EPOCH + since_epoch,
            began: Instant::now(),
            factor: if factor.is_finite() && factor > 0.0 {
                factor.clamp(1e-3, 1e6)
            } else {
                1.0
            },
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.origin + self.began.elapsed().mul_f64(self.factor)
    }

    /// How long an emulated length lasts on this computer's clock.
    pub(super) fn real(&self, emulated: Duration) -> Duration {
        let seconds = emulated.as_secs_f64() / self.factor;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(365 * 24 * 3600))
    }

    /// How long until that moment, rounded up so that it has come when the wait is over.
    pub(super) fn until(&self, moment: Moment) -> Duration {
        let wait = self.real(moment.since(self.now()));
        wait.min(Duration::from_secs(24 * 3600)) + Duration::from_millis(1)
    }
}
