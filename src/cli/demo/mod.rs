//! `latchkey demo`: server, device and, if wanted, person in one command.

mod person;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::login::{AuthorizationServer, LoginConfig, QrDisplay, connect};
use super::outcome::Outcome;
use super::serve;
use super::setup::{self, Database, Hold};
use super::stop_signals::StopSignals;
use super::terminal::{Results, Terminal};
use crate::app::App;
use crate::config::{Config, parse_address};
use crate::device_client::{ClientIdentity, DeviceDescription, LongPoll, TokenResponse, summary_lines};
use crate::domain::audit::By;
use crate::domain::clients::{self, ClientError};
use crate::domain::users::{self, NewUser, UserError};
use crate::embedded_postgres::default_data_dir;
use crate::http::server::Server;
use crate::model::client::{Client, GrantType};
use crate::model::ids::ClientId;
use crate::model::scope::ScopeSet;
use crate::model::tenant::DEFAULT_TENANT;

type Error = Box<dyn std::error::Error + Send + Sync>;

const CLIENT_ID: &str = "demo-tv";
const USERNAME: &str = "demo";
const SCOPE: &str = "openid profile offline_access";
const EXAMPLES: &str = "\
Examples:
  Try the flow and approve it yourself:
    latchkey demo

  Approve automatically and print the tokens, for scripts:
    latchkey demo --auto-approve --json

  Install PostgreSQL if it is missing:
    latchkey demo --install-postgres";

/// Run a demo server and sign in a demo device, all in this terminal.
///
/// Demo data is kept apart from the data of `latchkey serve`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    listen: Option<std::net::SocketAddr>,
    /// Directory for the demo database and keys.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Sign in and approve automatically, through the real pages.
    #[arg(long)]
    auto_approve: bool,
    /// Print the token response as JSON; send all other output to standard error.
    #[arg(long)]
    json: bool,
    /// Install PostgreSQL with the system package manager if it is missing.
    #[arg(long)]
    install_postgres: bool,
}

pub(super) async fn run(args: DemoArgs, config: Config) -> Outcome {
    let mut signals = StopSignals::listen()?;
    let Stage { listener, database, app, password } =
        signals.or_stop(Box::pin(set_up(&args, config))).await?;
    let stop = CancellationToken::new();
    let serving = Server::on(listener, Arc::clone(&app)).run(stop.clone());
    let results = if args.json { Results::Json } else { Results::Text };
    let play = async {
        let played = play_device(&app, &password, args.auto_approve, results).await;
        stop.cancel();
        played
    };
    let performance = async {
        let (played, ended) = tokio::join!(play, serving);
        ended?;
        played
    };
    let played = signals.or_stop(Box::pin(performance)).await;
    database.close().await?;
    let (tokens, mut terminal) = played?;
    match results {
        Results::Json => writeln!(std::io::stdout(), "{}", serde_json::to_string(&tokens)?)?,
        Results::Text => summary_lines(&tokens).iter().try_for_each(|line| terminal.line(line))?,
    }
    Ok(())
}

/// A server that can be played at.
struct Stage {
    listener: TcpListener,
    database: Database,
    app: Arc<App>,
    password: String,
}

async fn set_up(args: &DemoArgs, mut config: Config) -> Outcome<Stage> {
    config.server.listen = args.listen.unwrap_or(config.server.listen);
    config.server.public_url = None;
    config.database.url = None;
    config.data_dir = Some(match &args.data_dir {
        Some(given) => given.clone(),
        None => default_data_dir()?.with_file_name("latchkey-demo"),
    });
    // Whoever watches need not wait five seconds.
    config.device_flow.poll_interval_seconds = 1;
    config.validate()?;
    let listener =
        serve::listen(&mut config).await.map_err(|error| format!("{error}, or here with --listen"))?;
    let database = setup::open_database(&config, Hold::Alone, args.install_postgres.into()).await?;
    let app = setup::build_app(config, &database).await?;
    setup::prepare(&app).await?;
    let password = ensure_demo_user(&app).await?;
    ensure_demo_client(&app).await?;
    Ok(Stage { listener, database, app, password })
}

/// The device in this terminal, and the person when nobody else plays them.
async fn play_device(
    app: &App,
    password: &str,
    auto_approve: bool,
    results: Results,
) -> Result<(TokenResponse, Terminal), Error> {
    let issuer = app.config.public_origin();
    let mut terminal = Terminal::of_process(results);
    terminal.line(&format!("Latchkey is running at {issuer}"))?;
    if !auto_approve {
        terminal.line(&format!("Sign in as \"{USERNAME}\" with the password \"{password}\""))?;
    }
    terminal.line("")?;
    let device = LoginConfig {
        server: AuthorizationServer::Issuer(issuer),
        identity: ClientIdentity::public(CLIENT_ID),
        scope: Some(SCOPE.to_owned()),
        device: DeviceDescription::of_this_machine(Some("Demo TV".to_owned())),
        qr: if auto_approve { QrDisplay::Hidden } else { QrDisplay::Shown },
        long_poll: LongPoll::Ask,
        dpop: None,
    };
    let (shown, seen) = tokio::sync::oneshot::channel();
    let waiting = connect(&device, &mut terminal, |started| {
        // Nobody looks when a real person approves.
        let _ = shown.send(started.verification_uri_complete.clone().unwrap_or_default());
    });
    if !auto_approve {
        let tokens = waiting.await?;
        return Ok((tokens, terminal));
    }
    let approving = async {
        let link = seen.await?;
        person::approve(&link, USERNAME, password).await
    };
    let tokens = {
        tokio::pin!(waiting);
        tokio::pin!(approving);
        tokio::select! {
            tokens = &mut waiting => tokens?,
            approved = &mut approving => { approved?; waiting.await? }
        }
    };
    Ok((tokens, terminal))
}

/// The demo user's password: made once, and kept beside the database it belongs to.
async fn ensure_demo_user(app: &App) -> Result<String, Error> {
    let file = app.config.data_dir.as_deref().unwrap_or(Path::new(".")).join("demo-password");
    if let Ok(password) = std::fs::read_to_string(&file) {
        return Ok(password.trim().to_owned());
    }
    let password = app.random.characters(b"abcdefghijkmnpqrstuvwxyz23456789", 16);
    let user = NewUser {
        username: USERNAME.to_owned(),
        display_name: Some("Demo User".to_owned()),
        email: None,
        email_verified: false,
        roles: Vec::new(),
    };
    match users::create(app, DEFAULT_TENANT, user, &password, &By::OPERATOR).await {
        Ok(_) => {}
        Err(UserError::UsernameTaken) => {
            return Err(format!(
                "{} is missing: delete the demo data directory to start over",
                file.display()
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    }
    let mut kept = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
    writeln!(kept, "{password}")?;
    Ok(password)
}

async fn ensure_demo_client(app: &App) -> Result<(), Error> {
    let client = Client {
        name: "Demo TV".to_owned(),
        grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
        scopes: ScopeSet::parse(SCOPE)?,
        first_party: true,
        ..Client::public(DEFAULT_TENANT, ClientId::parse(CLIENT_ID)?)
    };
    match clients::create(app, client, &By::OPERATOR).await {
        Ok(_) | Err(ClientError::ClientIdTaken) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
