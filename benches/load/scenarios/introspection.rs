//! A resource server asks what access tokens are worth: many tokens in turn, each asked about again and again.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Bytes;
use hyper::StatusCode;
use latchkey::domain::audit::By;
use latchkey::domain::{clients, tenants};
use latchkey::model::client::{AuthMethod, Client};
use latchkey::model::ids::ClientId;
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug};

use super::Stage;
use crate::Fault;
use crate::connection::{Answer, Form};
use crate::database::counters::PerRequest;
use crate::device;
use crate::drive::{Pace, Work};
use crate::figures::Cost;
use crate::roles::serve;

/// How many tokens are asked about in turn.
const TOKENS: usize = 2_000;
/// The resource server.
const CLIENT_ID: &str = "api";

/// What an introspection costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Introspection {
    /// What it costs.
    pub(crate) cost: Cost,
    /// Statements and rows for each.
    pub(crate) counted: PerRequest,
    /// Connections.
    pub(crate) connections: usize,
    /// Wrong answers.
    pub(crate) failed: usize,
}

/// Codes to redeem for their access tokens.
#[derive(Debug)]
struct Collecting {
    codes: VecDeque<String>,
    access_tokens: VecDeque<String>,
}

impl Work for Collecting {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        Some(((), device::poll(&self.codes.pop_front()?)))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        self.access_tokens.push_back(device::access_token(answer)?);
        Ok(())
    }
}

/// Tokens to ask about, over and over.
#[derive(Debug)]
struct Asking {
    forms: VecDeque<Form>,
}

impl Work for Asking {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        let form = self.forms.pop_front()?;
        self.forms.push_back(form.clone());
        Some(((), form))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        let is_active = answer.status == StatusCode::OK && answer.body.starts_with(br#"{"active":true"#);
        is_active.then_some(()).ok_or_else(|| format!("{}: not active", answer.status.as_u16()))
    }
}

/// Measures introspections of ES256 access tokens.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Introspection, Fault> {
    let secret = register(stage).await?;
    let codes = stage.approved_codes(TOKENS).await?;
    let server = stage.server(5)?;
    let work = Collecting { codes, access_tokens: VecDeque::new() };
    let (work, _) = stage.round(&[&server], Pace::Closed(16), Duration::from_mins(5), work).await?;
    server.stop()?;
    let ask = |token: String| Form {
        path: "/oauth/introspect",
        body: Bytes::from(format!("client_id={CLIENT_ID}&client_secret={secret}&token={token}")),
        wait_seconds: None,
    };
    let mut work = Asking { forms: work.access_tokens.into_iter().map(ask).collect() };

    let before = stage.counts().await?;
    let server = stage.server(5)?;
    let pace = stage.pace(16);
    let (Pace::Closed(connections) | Pace::Fixed(_, connections)) = pace;
    let (mut rounds, mut asked) = (Vec::new(), 0);
    for number in 0..=stage.extent.rounds {
        let limit = if number == 0 { Duration::from_millis(300) } else { stage.extent.round };
        let (returned, round) = stage.round(&[&server], pace, limit, work).await?;
        work = returned;
        asked += round.tally.requests();
        if number > 0 {
            rounds.push(round);
        }
    }
    server.stop()?;
    let counted = stage.counts().await?.since(before).over(asked);
    let failed = rounds.iter().map(|round| round.tally.failed()).sum();
    Ok(Introspection { cost: Cost::of(&rounds), counted, connections, failed })
}

/// Registers the resource server; its secret.
async fn register(stage: &Stage) -> Result<String, Fault> {
    let app = serve::app(serve::config(5), stage.databases.served.pool.clone());
    let audience = format!("{}/api", tenants::address(&app, &TenantSlug::root(), None));
    let client = Client {
        auth_method: AuthMethod::ClientSecretPost,
        introspects: vec![audience],
        ..Client::public(DEFAULT_TENANT, ClientId::parse(CLIENT_ID)?)
    };
    let secret =
        clients::create(&app, client, &By::OPERATOR).await?.ok_or("a confidential client gets a secret")?;
    Ok(secret.expose().to_owned())
}
