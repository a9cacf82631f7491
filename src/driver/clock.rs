//! The clock of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use svar_wire::Moment;

/// Maximum length of a single wait. After a computer was suspended, the elapsed time is noticed
/// within this time.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// The source of time for everything the driver does.
///
/// Time never goes backwards from one reading to the next, because the engine relies on that.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    latest: Arc<AtomicI64>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// The system's time, for a tenant. It continues while a laptop is suspended.
    System,
    /// `factor` seconds pass in each real second since `started`, which was `origin`, for an
    /// emulator.
    Scaled {
        origin: Moment,
        started: Instant,
        factor: f64,
    },
    /// Time changes only when the clock is advanced, for virtual time.
    Manual,
}

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Clock::of(Source::System)
    }

    /// Returns a clock that reads `origin` now and runs `factor` times as fast as the system's. A
    /// factor that is not a positive number counts as 1.
    pub fn scaled(origin: Moment, factor: f64) -> Self {
        let factor = if factor.is_finite() && factor > 0.0 {
            factor
        } else {
            1.0
        };
        Clock::of(Source::Scaled {
            origin,
            started: Instant::now(),
            factor,
        })
    }

    /// Returns a clock that reads `origin` and changes only by [`Clock::advance_to`], for runs in
    /// virtual time. No caller may wait for it.
    pub fn manual(origin: Moment) -> Self {
        let clock = Clock::of(Source::Manual);
        clock.advance_to(origin);
        clock
    }

    fn of(source: Source) -> Self {
        Clock {
            source,
            latest: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Returns how many seconds pass on this clock in each real second.
    pub fn factor(&self) -> f64 {
        match self.source {
            Source::System | Source::Manual => 1.0,
            Source::Scaled { factor, .. } => factor,
        }
    }

    /// Returns the current time.
    pub fn now(&self) -> Moment {
        let read = match self.source {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(Moment::EPOCH, |since| Moment::EPOCH + since),
            Source::Scaled {
                origin,
                started,
                factor,
            } => origin + started.elapsed().mul_f64(factor),
            Source::Manual => Moment::from_millis(i64::MIN),
        };
        let before = self.latest.fetch_max(read.millis(), Ordering::Relaxed);
        Moment::from_millis(read.millis().max(before))
    }

    /// Makes the clock read at least `moment` from now on. A resumed run starts at its journal's
    /// last record, in case the system's clock was set back meanwhile.
    pub fn advance_to(&self, moment: Moment) {
        self.latest.fetch_max(moment.millis(), Ordering::Relaxed);
    }

    /// Waits until the clock reads `moment`.
    pub async fn sleep_until(&self, moment: Moment) {
        loop {
            let remaining = moment.since(self.now());
            if remaining.is_zero() {
                return;
            }
            // At least a real millisecond: the clock reads whole milliseconds, and a wait that
            // rounds to zero would spin.
            let sleep = remaining
                .min(Duration::from_secs(86_400 * 365))
                .div_f64(self.factor())
                .clamp(Duration::from_millis(1), SLEEP_MAX);
            tokio::time::sleep(sleep).await;
        }
    }

    /// Waits for this duration on this clock.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}
