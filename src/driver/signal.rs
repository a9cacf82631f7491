//! Turns Ctrl-C and signals into interrupts.

use tokio::sync::mpsc;

/// The operator's interrupts, one by one: the first stops new starts, the second cancels the run's
/// sessions, the third ends the process at once.
#[derive(Debug)]
pub struct Interrupts {
    receiver: mpsc::UnboundedReceiver<()>,
}

/// Interrupts a run from inside the process.
#[derive(Debug, Clone)]
pub struct InterruptSender(mpsc::UnboundedSender<()>);

impl InterruptSender {
    /// Sends one interrupt.
    pub fn interrupt(&self) {
        // An error means that the run is over.
        let _ = self.0.send(());
    }
}

impl Interrupts {
    /// Returns interrupts that are sent only through the returned sender.
    pub fn manual() -> (InterruptSender, Interrupts) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (InterruptSender(sender), Interrupts { receiver })
    }

    /// Listens for Ctrl-C, and on Unix also for SIGTERM. From now on they no longer end the
    /// process by themselves.
    ///
    /// # Errors
    /// The signal handlers can't be installed.
    pub fn from_signals() -> std::io::Result<Interrupts> {
        let (interrupter, interrupts) = Interrupts::manual();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
                let mut signals = signal(kind)?;
                let interrupter = interrupter.clone();
                tokio::spawn(async move {
                    while signals.recv().await.is_some() {
                        interrupter.interrupt();
                    }
                });
            }
        }
        #[cfg(not(unix))]
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                interrupter.interrupt();
            }
        });
        Ok(interrupts)
    }

    /// Waits for the next interrupt; forever if none can come any more.
    pub(crate) async fn next(&mut self) {
        if self.receiver.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
