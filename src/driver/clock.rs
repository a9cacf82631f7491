//! The one clock of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use svar_wire::Moment;

/// The longest single wait. A laptop that slept notices the time that passed after at most this.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Where the driver takes the time from; everything it does goes by this one clock.
///
/// Time never goes backwards from one reading to the next, because the engine is promised that.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    latest: Arc<AtomicI64>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// The system's time: a tenant. It goes on while a laptop sleeps.
    System,
    /// `factor` seconds pass in each real second since `started`, which was `origin`: an emulator.
    Scaled {
        origin: Moment,
        started: Instant,
        factor: f64,
    },
    /// It stands until it is moved: virtual time.
    Manual,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Clock::of(Source::System)
    }

    /// A clock that reads `origin` now and runs `factor` times as fast as the system's. A factor
    /// that is no positive number counts as 1.
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

    /// A clock that stands at `origin`, and goes only where [`Clock::advance_to`] puts it: for runs in
    /// virtual time. Nobody may wait for it.
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

    /// How many seconds pass on this clock in a real one.
    pub fn factor(&self) -> f64 {
        match self.source {
            Source::System | Source::Manual => 1.0,
            Source::Scaled { factor, .. } => factor,
        }
    }

    /// The time.
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

    /// From now on the clock reads no less than this. A resumed run starts at its journal's last
    /// record, should the system's clock have been set back meanwhile.
    pub fn advance_to(&self, moment: Moment) {
        self.latest.fetch_max(moment.millis(), Ordering::Relaxed);
    }

    /// Waits until the clock reads `moment`.
    pub async fn sleep_until(&self, moment: Moment) {
        loop {
            let left = moment.since(self.now());
            if left.is_zero() {
                return;
            }
            // At least a real millisecond: the clock reads whole milliseconds, and a wait that
            // rounds to nothing would spin.
            let nap = left
                .min(Duration::from_secs(86_400 * 365))
                .div_f64(self.factor())
                .clamp(Duration::from_millis(1), LONGEST_NAP);
            tokio::time::sleep(nap).await;
        }
    }

    /// Waits this long on this clock.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}
