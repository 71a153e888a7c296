//! Email by SMTP, through a server of the operator's (RFC 5321, RFC 6409).

pub mod pause;
mod reply;

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use tokio::sync::OnceCell;

use self::pause::Pause;
use self::reply::{Obstacle, obstacle};
use crate::clock::Clock;
use crate::config;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends to the mail server.
#[derive(Debug)]
pub struct Mailer {
    settings: config::Mail,
    /// The name this server greets with, and that its message ids end in.
    host: String,
    /// Made when it is first needed: it reads the system's root certificates.
    transport: OnceCell<Transport>,
    /// How long nothing is sent, because the mail server failed.
    pub pause: Pause,
}

/// A message in plain text.
#[derive(Debug)]
pub struct Letter {
    /// Its identifier, the same however often it is sent, so that mail servers can tell copies.
    pub id: String,
    /// To whom.
    pub recipient: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// Why a message was not sent; for the log.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be sent, whatever the mail server says.
    #[error("no message can be made of it: {0}")]
    Impossible(String),
    /// The mail server refused it for good.
    #[error("{0}")]
    Refused(String),
    /// The mail server takes nothing for this recipient now.
    #[error("{0}")]
    Postponed(String),
    /// The mail server could not be reached, or takes no message at all.
    #[error("{0}")]
    ServerFailed(String),
    /// The mail server took too long.
    #[error("the mail server took too long")]
    TooSlow,
}

impl Mailer {
    /// Connects when there is something to send.
    #[must_use]
    pub fn new(settings: &config::Mail, origin: &str) -> Self {
        let host = origin.parse().ok().and_then(|url: url::Url| url.host_str().map(ToOwned::to_owned));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        Self { settings: settings.clone(), host, transport: OnceCell::new(), pause: Pause::default() }
    }

    /// Sends a message: the mail server has taken it when this returns.
    pub async fn send(&self, letter: &Letter, clock: &Clock) -> Result<(), MailError> {
        let message = self.message(letter, clock)?;
        let sending = async {
            let transport = self.transport.get_or_try_init(|| async { self.transport() }).await;
            let transport = transport.map_err(|error| MailError::ServerFailed(error.to_string()))?;
            match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(explain(transport, &error).await),
            }
        };
        tokio::time::timeout(self.patience(), sending).await.unwrap_or(Err(MailError::TooSlow))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds)
    }

    fn transport(&self) -> Result<Transport, smtp::Error> {
        let url = self.settings.server_url();
        Ok(Transport::from_url(&url)?
            .hello_name(ClientId::Domain(self.host.clone()))
            .timeout(Some(self.patience()))
            .build())
    }

    fn message(&self, letter: &Letter, clock: &Clock) -> Result<Message, MailError> {
        let impossible = |error: &dyn std::fmt::Display| MailError::Impossible(error.to_string());
        let from: Mailbox = self.settings.from.parse().map_err(|error| impossible(&error))?;
        let to = letter.recipient.parse().map_err(|error| impossible(&error))?;
        let mut message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(clock.own_now().into())
            .message_id(Some(format!("<{}@{}>", letter.id, self.host)))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(|error| impossible(&error))?;
        // No absence notes, please (RFC 3834 §5).
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// Finds out what a failure is about. A refusal that comes before any message, such as that of a password, is the mail
/// server's own: whether it takes connections is asked again.
async fn explain(transport: &Transport, error: &smtp::Error) -> MailError {
    let said = error.to_string();
    let reply = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let obstacle = match error.status() {
        Some(code) => obstacle(code.into(), &reply),
        // The message itself, such as an address that this mail server cannot be told.
        None if error.is_client() => Obstacle::Message,
        None => Obstacle::Server,
    };
    match obstacle {
        Obstacle::Message | Obstacle::Mailbox if !matches!(transport.test_connection().await, Ok(true)) => {
            MailError::ServerFailed(said)
        }
        Obstacle::Message => MailError::Refused(said),
        Obstacle::Mailbox => MailError::Postponed(said),
        Obstacle::Server => MailError::ServerFailed(said),
    }
}
