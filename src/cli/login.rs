//! `latchkey login`: signs in at any authorization server by the device flow (RFC 8628).

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Args;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::terminal::{Results, Terminal};
use crate::device_client::{
    ClientAuth, ClientIdentity, ClientKey, ClientKeyError, Clock, Confirmation, DeviceAuthorization,
    DeviceDescription, DeviceFlow, DiscoveryError, DpopKey, DpopKeyError, FlowError, Http, LongPoll,
    Metadata, PollAnswer, Secret, SystemClock, TokenResponse, TransportError, discover, summary_lines,
    wait_for_tokens,
};

/// No confirmation was wrong since the last look.
const NONE_WRONG: u64 = u64::MAX;
const REDRAW: Duration = Duration::from_secs(1);
const EXAMPLES: &str = "\
Examples:
  Sign in and see who you are:
    latchkey login --issuer https://auth.example.com --client-id tv --scope \"openid profile\"

  Use the access token in a script:
    TOKEN=$(latchkey login --issuer https://auth.example.com --client-id ci --json | jq -r .access_token)

  Use a client with a secret:
    latchkey login --issuer https://auth.example.com --client-id kiosk --client-secret-stdin < secret.txt

  Use a client with a key:
    latchkey login --issuer https://auth.example.com --client-id robot --key robot.pem

  Use a server without metadata, such as GitHub:
    latchkey login --client-id ID --device-authorization-endpoint https://github.com/login/device/code \
        --token-endpoint https://github.com/login/oauth/access_token --scope read:user

  Get tokens that only this computer can use (DPoP):
    latchkey login --issuer https://auth.example.com --client-id ci --dpop-key ~/.config/ci-key.pem --json

Exit status: 0 if tokens were received, 1 if the request was denied, expired or failed.";

/// Sign in to any OAuth 2.0 server that supports the device flow.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct LoginArgs {
    /// Issuer URL of the authorization server.
    #[arg(long, value_name = "URL", required_unless_present = "device_authorization_endpoint")]
    pub issuer: Option<String>,
    /// Device authorization endpoint of a server without metadata; with --token-endpoint
    #[arg(long, value_name = "URL", requires = "token_endpoint")]
    pub device_authorization_endpoint: Option<String>,
    /// Token endpoint of a server without metadata; with --device-authorization-endpoint
    #[arg(long, value_name = "URL", requires = "device_authorization_endpoint")]
    pub token_endpoint: Option<String>,
    /// Client ID registered with that server.
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// Read the client secret from the first line of standard input.
    #[arg(long)]
    pub client_secret_stdin: bool,
    /// Sign client assertions with the private key in this file (`private_key_jwt`; PKCS #8, PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret_stdin")]
    pub key: Option<PathBuf>,
    /// Key ID (`kid`) registered with the server
    #[arg(long, value_name = "ID", requires = "key")]
    pub key_id: Option<String>,
    /// The `aud` of client assertions [default: the issuer]
    #[arg(long, value_name = "URL", requires = "key")]
    pub assertion_audience: Option<String>,
    /// Client authentication: `client_secret_basic`, `client_secret_post` or `private_key_jwt`
    /// [default: what the server's metadata lists]
    #[arg(long, value_name = "METHOD", value_parser = parse_client_auth)]
    pub client_auth: Option<ClientAuth>,
    /// Scopes to request, such as "openid profile" [default: chosen by the server].
    #[arg(long)]
    pub scope: Option<String>,
    /// Device name to show on the approval page.
    #[arg(long, value_name = "NAME")]
    pub device_name: Option<String>,
    /// Send the hostname of this machine to the server
    #[arg(long)]
    pub hostname: bool,
    /// Bind the tokens to a new key used for this command only (DPoP, RFC 9449).
    #[arg(long)]
    pub dpop: bool,
    /// Bind the tokens to the key in this file, created if missing; reusing it makes later commands the same
    /// device.
    #[arg(long, value_name = "FILE")]
    pub dpop_key: Option<PathBuf>,
    /// Do not draw a QR code.
    #[arg(long)]
    pub no_qr: bool,
    /// Print the token response as JSON, including tokens; send all other output to standard error.
    #[arg(long)]
    pub json: bool,
}

fn parse_client_auth(name: &str) -> Result<ClientAuth, String> {
    ClientAuth::parse(name)
        .ok_or_else(|| format!("must be one of {}", ClientAuth::ALL.map(ClientAuth::as_str).join(", ")))
}

impl LoginArgs {
    fn server(&self) -> Result<AuthorizationServer, LoginError> {
        match (&self.device_authorization_endpoint, &self.token_endpoint, &self.issuer) {
            (Some(device), Some(token), issuer) => {
                let metadata = Metadata::of_endpoints(device, token, issuer.clone())?;
                Ok(AuthorizationServer::Known(Box::new(metadata)))
            }
            (_, _, Some(issuer)) => Ok(AuthorizationServer::Issuer(issuer.clone())),
            _ => Err(LoginError::NoServer),
        }
    }

    fn identity(&self) -> Result<ClientIdentity, LoginError> {
        let id = self.client_id.clone();
        let (identity, needs_key) = match &self.key {
            Some(file) => {
                let key = ClientKey::load(file, self.key_id.clone())?;
                (ClientIdentity::with_key(id, key, self.assertion_audience.clone()), true)
            }
            None if self.client_secret_stdin => {
                let secret = Secret::from_first_line(io::stdin().lock())?.ok_or(LoginError::NoSecret)?;
                (ClientIdentity::confidential(id, secret), false)
            }
            None if self.client_auth.is_some() => return Err(LoginError::NoCredential),
            None => return Ok(ClientIdentity::public(id)),
        };
        match self.client_auth {
            Some(method) if (method == ClientAuth::PrivateKeyJwt) != needs_key => {
                Err(LoginError::NoCredential)
            }
            method => Ok(identity.by(method)),
        }
    }
}

/// Whether the QR code is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrDisplay {
    Shown,
    Hidden,
}

/// How the endpoints of the authorization server are known.
#[derive(Clone, Debug)]
pub enum AuthorizationServer {
    /// By the metadata of this issuer (RFC 8414 §2).
    Issuer(String),
    Known(Box<Metadata>),
}

/// What [`connect`] needs to know.
#[derive(Clone, Debug)]
pub struct LoginConfig {
    pub server: AuthorizationServer,
    /// Who asks (RFC 6749 §2.2).
    pub identity: ClientIdentity,
    /// What for (RFC 6749 §3.3).
    pub scope: Option<String>,
    pub device: DeviceDescription,
    /// Whether to draw the QR code (RFC 8628 §3.3.1).
    pub qr: QrDisplay,
    /// Whether polls may be held (RFC 7240 §4.3).
    pub long_poll: LongPoll,
    /// The key that the tokens are to be bound to (RFC 9449).
    pub dpop: Option<Arc<DpopKey>>,
}

/// Why nobody was signed in. Every message is a sentence for the person who ran the command.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("{}{}", .0, hint(.0))]
    Discovery(#[from] DiscoveryError),
    /// The flow ended without tokens (RFC 8628 §3.5).
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// There is no key to bind the tokens to.
    #[error(transparent)]
    DpopKey(#[from] DpopKeyError),
    /// `--client-secret-stdin` was given and standard input is empty.
    #[error("Standard input contains no client secret.")]
    NoSecret,
    /// There is no key to sign assertions with.
    #[error(transparent)]
    ClientKey(#[from] ClientKeyError),
    /// `--client-auth` names a method for which the credential is missing.
    #[error(
        "--client-auth does not match the credentials: client_secret_basic and client_secret_post need \
         --client-secret-stdin, private_key_jwt needs --key."
    )]
    NoCredential,
    /// Neither an issuer nor endpoints were given.
    #[error("Name the server: --issuer, or --device-authorization-endpoint with --token-endpoint.")]
    NoServer,
    /// Standard input, output or error failed.
    #[error("Input or output failed: {0}.")]
    Terminal(#[from] io::Error),
}

/// What to do where a server has no metadata of use.
const fn hint(error: &DiscoveryError) -> &'static str {
    match error {
        DiscoveryError::NotFound { .. } | DiscoveryError::NoDeviceFlow { .. } => {
            " If it supports the device flow anyway, set --device-authorization-endpoint and \
             --token-endpoint."
        }
        _ => "",
    }
}

/// Runs `latchkey login`. Every error means exit code 1.
pub async fn run(args: LoginArgs) -> Result<(), LoginError> {
    let results = if args.json { Results::Json } else { Results::Text };
    let (server, identity) = (args.server()?, args.identity()?);
    let device = DeviceDescription::of_this_machine(args.device_name);
    let dpop = match &args.dpop_key {
        Some(file) => Some(DpopKey::load_or_create(file)?),
        None if args.dpop => Some(DpopKey::generate()?),
        None => None,
    };
    let config = LoginConfig {
        server,
        identity,
        scope: args.scope,
        device: if args.hostname { device.with_hostname() } else { device },
        qr: if args.no_qr { QrDisplay::Hidden } else { QrDisplay::Shown },
        long_poll: LongPoll::Ask,
        dpop: dpop.map(Arc::new),
    };
    let mut terminal = Terminal::of_process(results);
    let tokens = connect(&config, &mut terminal, |_| ()).await?;
    match results {
        Results::Json => {
            let json = serde_json::to_string(&tokens).map_err(io::Error::from)?;
            writeln!(io::stdout(), "{json}")?;
        }
        Results::Text => summary_lines(&tokens).iter().try_for_each(|line| terminal.line(line))?,
    }
    Ok(())
}

/// Finds the server, obtains the codes, shows them and waits for the decision (RFC 8628 §3.1 to §3.5). `on_started` is
/// called once the codes are on the screen.
pub async fn connect(
    config: &LoginConfig,
    terminal: &mut Terminal,
    on_started: impl FnOnce(&DeviceAuthorization),
) -> Result<TokenResponse, LoginError> {
    connect_by(&SystemClock::default(), config, terminal, lines_of_stdin, on_started).await
}

async fn connect_by<C: Clock>(
    clock: &C,
    config: &LoginConfig,
    terminal: &mut Terminal,
    keyboard: impl FnOnce(UnboundedSender<String>),
    on_started: impl FnOnce(&DeviceAuthorization),
) -> Result<TokenResponse, LoginError> {
    let http = Http::new()?;
    let metadata = match &config.server {
        AuthorizationServer::Issuer(issuer) => discover(&http, issuer).await?,
        AuthorizationServer::Known(metadata) => (**metadata).clone(),
    };
    let flow = DeviceFlow {
        http,
        metadata,
        identity: config.identity.clone(),
        long_poll: config.long_poll,
        dpop: config.dpop.clone(),
    };
    let authorization = flow.start(config.scope.as_deref(), &config.device).await?;
    show(&authorization, config.qr, terminal)?;
    on_started(&authorization);
    let (sender, mut typed) = mpsc::unbounded_channel();
    match authorization.confirmation {
        Confirmation::Never => drop(sender),
        asked => {
            terminal.line(prompt(asked))?;
            keyboard(sender);
        }
    }

    let started = clock.now();
    let is_unreachable = AtomicBool::new(false);
    let wrong = AtomicU64::new(NONE_WRONG);
    let observe = |answer: &PollAnswer| {
        is_unreachable.store(matches!(answer, PollAnswer::Unavailable(_)), Ordering::Relaxed);
        if let PollAnswer::WrongConfirmation { attempts_left } = answer {
            wrong.store(*attempts_left, Ordering::Relaxed);
        }
    };
    let waiting = wait_for_tokens(&flow, &authorization, clock, observe, &mut typed);
    tokio::pin!(waiting);
    let mut redraw = tokio::time::interval(REDRAW);
    let outcome = loop {
        tokio::select! {
            outcome = &mut waiting => break outcome,
            _ = redraw.tick() => {
                let attempts_left = wrong.swap(NONE_WRONG, Ordering::Relaxed);
                if attempts_left != NONE_WRONG {
                    terminal.line(&format!("Wrong confirmation code. Attempts left: {attempts_left}."))?;
                }
                // A line that is drawn anew each second would hide what the person types.
                if authorization.confirmation != Confirmation::Never {
                    continue;
                }
                let left = authorization.expires_in.saturating_sub(clock.now().saturating_sub(started)).as_secs();
                let is_unreachable = is_unreachable.load(Ordering::Relaxed);
                let trouble = if is_unreachable { " (server unreachable, retrying)" } else { "" };
                terminal.status(&format!("Waiting for approval, {}:{:02} left{trouble}", left / 60, left % 60))?;
            }
        }
    };
    terminal.end_status()?;
    Ok(outcome?)
}

/// Lines of standard input, read on a thread that ends with the process: a read cannot be given up.
fn lines_of_stdin(sender: UnboundedSender<String>) {
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if !line.trim().is_empty() && sender.send(line).is_err() {
                break;
            }
        }
    });
}

const fn prompt(asked: Confirmation) -> &'static str {
    match asked {
        Confirmation::Required => {
            "After you approve, the page shows a three-character confirmation code. Type it here and press \
             Enter."
        }
        _ => {
            "If the page shows a three-character confirmation code after you approve, type it here and \
             press Enter."
        }
    }
}

fn show(authorization: &DeviceAuthorization, qr: QrDisplay, terminal: &mut Terminal) -> io::Result<()> {
    let DeviceAuthorization { user_code, verification_uri, verification_uri_complete, .. } = authorization;
    terminal.lines(&[
        "Open this page on your phone or computer:",
        "",
        &format!("    {verification_uri}"),
        "",
    ])?;
    terminal.lines(&["and enter this code:", "", &format!("    {user_code}"), ""])?;
    match (qr, verification_uri_complete) {
        (QrDisplay::Hidden, _) => Ok(()),
        // RFC 8628 §3.3.1 keeps the code on display so that both screens can be compared.
        (QrDisplay::Shown, Some(complete)) => {
            terminal.qr_code("Or scan this, and check that the page shows the same code:", complete)
        }
        (QrDisplay::Shown, None) => terminal.qr_code("Or scan this to open the page:", verification_uri),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cli::terminal::{Colours, Motion, tests::Paper},
        device_client::tests::server::{Scripted, ScriptedServer},
    };

    async fn connected(script: Vec<Scripted>) -> (Result<TokenResponse, LoginError>, String) {
        let server = ScriptedServer::start(script).await;
        let config = LoginConfig {
            server: AuthorizationServer::Issuer(server.issuer.clone()),
            identity: ClientIdentity::public("tv"),
            scope: None,
            device: DeviceDescription::default(),
            qr: QrDisplay::Shown,
            long_poll: LongPoll::Ask,
            dpop: None,
        };
        let paper = Paper::default();
        let mut terminal = paper.terminal(Motion::Still, Colours::Plain);
        let mut code = String::new();
        let outcome = connect_by(&server.clock, &config, &mut terminal, drop, |started| {
            code.clone_from(&started.user_code);
        });
        let outcome = outcome.await;
        assert_eq!(code, "WDJB-MJHT");
        (outcome, paper.text())
    }

    #[tokio::test]
    async fn the_codes_are_shown_and_the_tokens_returned() {
        let tokens = json!({"access_token": "AAA", "token_type": "Bearer"});
        let (outcome, shown) = connected(vec![Scripted::tokens(tokens.clone())]).await;
        assert_eq!(serde_json::to_value(outcome.unwrap()).unwrap(), tokens);
        for expected in
            ["\n    https://as.example/device\n", "\n    WDJB-MJHT\n", "Or scan this, and check", "█▀"]
        {
            assert!(shown.contains(expected), "{expected} is not in {shown}");
        }
    }

    #[tokio::test]
    async fn a_denial_is_one_sentence() {
        let (outcome, _) = connected(vec![Scripted::error("access_denied")]).await;
        assert_eq!(outcome.unwrap_err().to_string(), "The request was denied.");
    }
}
