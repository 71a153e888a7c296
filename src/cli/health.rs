//! `latchkey health`: for supervisors and containers that have no HTTP client of their own.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use reqwest::Url;

use super::outcome::Outcome;
use crate::config::Config;

/// Below the patience of those who ask, such as Docker's default of 30 seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Check whether a running server is ready (exit status 0 if so).
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// URL to check [default: /health/ready at `server.listen`].
    #[arg(long)]
    url: Option<Url>,
}

pub(super) async fn run(args: HealthArgs, config: &Config) -> Outcome {
    let url = match args.url {
        Some(given) => given,
        None => format!("http://{}/health/ready", within_reach(config.server.listen)).parse()?,
    };
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client.get(url.clone()).send().await.map_err(|_| format!("no response from {url}"))?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        return Err(format!("{url} returned {status}: {text}").into());
    }
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// A server that listens everywhere is asked on this machine.
fn within_reach(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    listen
}
