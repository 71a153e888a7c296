//! Mail to people, by SMTP through a server of the operator's (RFC 5321, RFC 6409). Nothing waits for it: what is to
//! be sent lies in the database, and a task of the background sends it.

pub mod approval_notice;
mod words;

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncTransport, Tokio1Executor};
use tokio::sync::OnceCell;

use crate::app::App;
use crate::clock::Clock;
use crate::config;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The way to the mail server.
#[derive(Debug)]
pub struct Mail {
    settings: config::Mail,
    /// The name this server greets with, and that its message ids end in.
    host: String,
    /// Made when it is first needed: it reads the system's root certificates.
    transport: OnceCell<Transport>,
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
    /// The mail server refused it, or could not be reached.
    #[error("{0}")]
    NotSent(String),
    /// The mail server took too long.
    #[error("the mail server took too long")]
    TooSlow,
}

impl Mail {
    /// A way that is not used before there is something to send.
    #[must_use]
    pub fn new(settings: &config::Mail, origin: &str) -> Self {
        let host = origin.parse().ok().and_then(|url: url::Url| url.host_str().map(ToOwned::to_owned));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        Self { settings: settings.clone(), host, transport: OnceCell::new() }
    }

    /// Sends a message: the mail server has taken it when this returns.
    pub async fn send(&self, letter: &Letter, clock: &Clock) -> Result<(), MailError> {
        let message = self.message(letter, clock)?;
        let sending = async {
            let transport = self.transport.get_or_try_init(|| async { self.transport() }).await?;
            transport.send(message).await.map(drop)
        };
        match tokio::time::timeout(self.patience(), sending).await {
            Ok(outcome) => outcome.map_err(|error| MailError::NotSent(error.to_string())),
            Err(_) => Err(MailError::TooSlow),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds)
    }

    fn transport(&self) -> Result<Transport, lettre::transport::smtp::Error> {
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
            .date(clock.now().into())
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

/// Sends what is due, until nothing is or the mail server fails; how many messages it took.
pub async fn send_due(app: &App) -> crate::store::Result<usize> {
    let mut count = 0;
    while approval_notice::send_next(app).await? {
        count += 1;
    }
    Ok(count)
}
