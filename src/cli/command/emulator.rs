//! `svar emulator`: runs the emulator in its own process, for other runs, other clients, and tests.

use std::fs::OpenOptions;
use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpListener;

use svar_emulator::{Scenario, ServeOptions};

use crate::cli::args::EmulatorArgs;
use crate::cli::input::scenario;
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, eprint, print};
use crate::cli::runtime;

pub(crate) fn run(args: &EmulatorArgs, terminal: &Terminal) -> CommandResult {
    let mut scenario = match &args.scenario {
        Some(path) => scenario::load(path, terminal)?,
        None => Scenario::demo(),
    };
    if let Some(factor) = args.factor {
        if !(factor.is_finite() && factor > 0.0 && factor <= 1_000_000.0) {
            return Err(CommandError::refused(
                "invalid value for `--factor`: expected a number above 0, up to 1,000,000",
            )
            .help("60 lets a minute pass in each second"));
        }
        scenario.factor = factor;
    }
    runtime::start()?.block_on(serve(args, scenario, terminal))
}

async fn serve(args: &EmulatorArgs, scenario: Scenario, terminal: &Terminal) -> CommandResult {
    if let Some(path) = &args.ledger {
        // Checked before the address is printed.
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| {
            CommandError::refused(format!(
                "cannot write the ledger `{}`: {error}",
                path.display()
            ))
            .help("use a folder that exists and is writable")
        })?;
    }
    let address = address(args).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CommandError::refused(format!("cannot listen on {address}: {error}"))
            .help("use another port; port 0 picks a free one")
    })?;
    let bound = listener.local_addr().map_err(|error| {
        CommandError::refused(format!("cannot listen on {address}: {error}"))
            .help("use another port; port 0 picks a free one")
    })?;
    let end = crate::cli::signal::termination()?;
    print(&format!(
        "{}\n",
        json!({"listening": format!("http://{bound}")})
    ))?;
    let devices: usize = scenario.devices.len()
        + (scenario.fleets.iter())
            .map(|fleet| fleet.count as usize)
            .sum::<usize>();
    let note = terminal.paint(
        TextStyle::Dim,
        &format!(
            "{devices} devices, clock {}x; stop it with Ctrl-C",
            scenario.factor
        ),
    );
    eprint(&format!("{note}\n"));
    if !bound.ip().is_loopback() {
        eprint(&format!(
            "{} other computers can reach {bound}, and anyone who knows the secret can run scripts here\n",
            terminal.paint(TextStyle::Warn, "warning:")
        ));
    }
    let options = ServeOptions {
        ledger: args.ledger.clone(),
    };
    svar_emulator::serve_with(listener, scenario, options, end)
        .await
        .map_err(|error| {
            CommandError::refused(format!("the emulator failed: {error}"))
                .help("check the disk and the temporary folder")
        })?;
    Ok(Exit::Success)
}

/// Returns the address to listen on, which is loopback unless `--listen-anywhere` is set.
async fn address(args: &EmulatorArgs) -> Result<SocketAddr, CommandError> {
    let unusable = || {
        CommandError::refused(format!("`{}` is not an address to listen on", args.listen))
            .help("for example 127.0.0.1:8080; port 0 picks a free one")
    };
    let mut addresses = tokio::net::lookup_host(&args.listen)
        .await
        .map_err(|_| unusable())?;
    let address = addresses.next().ok_or_else(unusable)?;
    if !address.ip().is_loopback() && !args.listen_anywhere {
        return Err(CommandError::refused(format!(
            "other computers can reach {address}, and the emulator runs scripts"
        ))
        .help("listen on 127.0.0.1, or add `--listen-anywhere` if you want that"));
    }
    Ok(address)
}
