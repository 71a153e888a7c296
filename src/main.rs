//! Latchkey, an OAuth 2.0 device-authorization server. See `latchkey --help`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use latchkey::cli::{self, Cli, GaveUpError};
use mimalloc::MiMalloc;

/// A request allocates a hundred times and frees as often.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let outcome = runtime.block_on(cli::run(Cli::parse()));
    // What still runs, as a look-up of a name that nobody answers, must not hold the end up.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failed = fail(&*error);
            if error.is::<GaveUpError>() { GaveUpError::EXIT_CODE.into() } else { failed }
        }
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // `eprintln!` would panic where standard error is gone, as after its terminal was closed.
    let _ = writeln!(std::io::stderr(), "latchkey: {error}");
    ExitCode::FAILURE
}
