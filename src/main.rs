//! Latchkey, an OAuth 2.0 device-authorization server. See `latchkey --help`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use latchkey::cli::{self, Cli};
use mimalloc::MiMalloc;

/// A request allocates a hundred times and frees as often.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(cli::run(Cli::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // `eprintln!` would panic where standard error is gone, as after its terminal was closed.
    let _ = writeln!(std::io::stderr(), "latchkey: {error}");
    ExitCode::FAILURE
}
