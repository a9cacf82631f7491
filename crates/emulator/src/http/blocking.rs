//! An emulator for tests without an async runtime.

use std::net::SocketAddr;
use std::time::Duration;

use svar_wire::Moment;
use tokio::runtime::{Builder, Runtime};

use super::super::scenario::Scenario;
use super::super::service::LedgerEntry;
use super::emulator::Credentials;
use super::error::EmulatorError;

/// [`Emulator`](crate::Emulator) with a thread of its own, for tests that are not async.
///
/// Like every blocking call, it must not be used within an async runtime.
#[derive(Debug)]
pub struct Emulator {
    // The emulator is declared before the runtime, so that it is dropped while its task can still
    // end.
    emulator: super::emulator::Emulator,
    runtime: Runtime,
}

impl Emulator {
    /// Starts an emulator of the scenario; see [`Emulator::start`](crate::Emulator::start).
    ///
    /// # Errors
    /// The same as for the async emulator, or the thread can't be started.
    pub fn start(scenario: Scenario) -> Result<Self, EmulatorError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(EmulatorError::Runtime)?;
        let emulator = runtime.block_on(super::emulator::Emulator::start(scenario))?;
        Ok(Emulator { emulator, runtime })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.emulator.address()
    }

    /// Returns the address as a URL without a path.
    pub fn base_url(&self) -> String {
        self.emulator.base_url()
    }

    /// Returns the credentials of the scenario's first application.
    pub fn credentials(&self) -> &Credentials {
        self.emulator.credentials()
    }

    /// Returns a fresh access token of the scenario's first application.
    pub fn token(&self) -> String {
        self.emulator.token()
    }

    /// Returns everything that was actually done so far, oldest first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.emulator.ledger()
    }

    /// Returns the emulated time.
    pub fn now(&self) -> Moment {
        self.emulator.now()
    }

    /// Lets that much emulated time pass at once; see [`Emulator::advance`](crate::Emulator::advance).
    pub fn advance(&self, duration: Duration) {
        self.runtime.block_on(self.emulator.advance(duration));
    }

    /// Makes `factor` emulated seconds pass in each real second from now on.
    pub fn set_clock_factor(&self, factor: f64) {
        self.emulator.set_clock_factor(factor);
    }
}
