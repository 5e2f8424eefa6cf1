//! The binary: the only place that names concrete connectors.

mod demo;
mod kit;
mod sandbox;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Several libraries could bring a provider; the choice is made once, before the first connection.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    dealclock_daemon::cli::main(kit::kit())
}
