//! `svar emulator`: the emulator in a process of its own, for other runs, other clients, and tests.

use std::fs::OpenOptions;
use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpListener;

use svar_emulator::{Scenario, ServeOptions};

use crate::cli::args::EmulatorArgs;
use crate::cli::input::scenario;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Style, Terminal, print, say};

pub(crate) fn run(args: &EmulatorArgs, terminal: &Terminal) -> Outcome {
    let mut scenario = match &args.scenario {
        Some(path) => scenario::load(path, terminal)?,
        None => Scenario::demo(),
    };
    if let Some(factor) = args.factor {
        if !(factor.is_finite() && factor > 0.0 && factor <= 1_000_000.0) {
            return Err(Failure::refused("--factor takes a positive number")
                .help("60 lets a minute pass in each second"));
        }
        scenario.factor = factor;
    }
    crate::cli::runtime()?.block_on(serve(args, scenario, terminal))
}

async fn serve(args: &EmulatorArgs, scenario: Scenario, terminal: &Terminal) -> Outcome {
    if let Some(path) = &args.ledger {
        // Said before anybody is told where to call.
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| {
            Failure::refused(format!(
                "the ledger `{}` can't be written: {error}",
                path.display()
            ))
            .help("choose a folder that exists and that you may write to")
        })?;
    }
    let address = address(args).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::refused(format!("{address} can't be listened on: {error}"))
            .help("take another port; port 0 takes a free one")
    })?;
    let bound = listener.local_addr().map_err(|error| {
        Failure::refused(format!("{address} can't be listened on: {error}"))
            .help("take another port; port 0 takes a free one")
    })?;
    let end = crate::cli::signal::asked_to_end()?;
    print(&format!(
        "{}\n",
        json!({"listening": format!("http://{bound}")})
    ))?;
    let devices: usize = scenario.devices.len()
        + (scenario.fleets.iter())
            .map(|fleet| fleet.count as usize)
            .sum::<usize>();
    let note = terminal.paint(
        Style::Dim,
        &format!(
            "{devices} devices, clock {}x; end it with Ctrl-C",
            scenario.factor
        ),
    );
    say(&format!("{note}\n"));
    if !bound.ip().is_loopback() {
        say(&format!(
            "{} {bound} can be reached by other computers, and whoever knows the secret runs scripts here\n",
            terminal.paint(Style::Warn, "warning:")
        ));
    }
    let options = ServeOptions {
        ledger: args.ledger.clone(),
    };
    svar_emulator::serve_with(listener, scenario, options, end)
        .await
        .map_err(|error| {
            Failure::refused(format!("the emulator ended: {error}"))
                .help("look at the disk and the temporary folder")
        })?;
    Ok(Exit::Done)
}

/// The address to listen on: loopback, unless more was asked for in so many words.
async fn address(args: &EmulatorArgs) -> Result<SocketAddr, Failure> {
    let unusable = || {
        Failure::refused(format!("`{}` is no address to listen on", args.listen))
            .help("write it like 127.0.0.1:8080; port 0 takes a free one")
    };
    let mut addresses = tokio::net::lookup_host(&args.listen)
        .await
        .map_err(|_| unusable())?;
    let address = addresses.next().ok_or_else(unusable)?;
    if !address.ip().is_loopback() && !args.listen_anywhere {
        return Err(Failure::refused(format!(
            "{address} can be reached by other computers, and the emulator runs scripts"
        ))
        .help("listen on 127.0.0.1, or say --listen-anywhere if that is what you want"));
    }
    Ok(address)
}
