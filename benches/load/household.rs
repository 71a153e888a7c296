//! People and devices in one place: a device starts, a person there enters its code and decides. All of them have one
//! address, as behind a router, so nobody is taken for a stranger.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Request, StatusCode, header};
use latchkey::model::bearer_secret::BearerSecret;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::Fault;
use crate::connection::{Answer, Connection};
use crate::database::seed::PASSWORD;
use crate::device::{self, Codes};
use crate::refusal::{Refusal, must_be};

const CONSENT: &str = "/oauth/device/consent";
const CSRF_TOKEN: &str = "x-csrf-token";
const FETCH_SITE: &str = "sec-fetch-site";

/// A person at a signed-in browser.
#[derive(Debug)]
pub(crate) struct Person {
    cookie: String,
    /// What the browser must show with a decision; an entry's answer carries it.
    csrf_token: Option<String>,
}

impl Person {
    /// The person whose browser holds this.
    pub(crate) fn new(secret: &BearerSecret) -> Self {
        Self { cookie: format!("latchkey={}", secret.expose()), csrf_token: None }
    }

    fn request(&self, builder: Builder) -> Builder {
        builder.header(header::COOKIE, &self.cookie).header(FETCH_SITE, "same-origin")
    }
}

/// One place, with a connection to one server.
#[derive(Debug)]
pub(crate) struct Household {
    home: Ipv4Addr,
    server: SocketAddr,
    connection: Option<Connection>,
    people: Vec<Person>,
    next: usize,
}

impl Household {
    /// The one with this number.
    pub(crate) fn new(number: usize, server: SocketAddr, people: Vec<Person>) -> Result<Self, Fault> {
        let [.., high, low] = u32::try_from(number)?.to_be_bytes();
        // Each is in a network of its own.
        let home = Ipv4Addr::new(127, 1 + high, low, 1);
        Ok(Self { home, server, connection: None, people, next: 0 })
    }

    /// Its device asks for codes.
    pub(crate) async fn start(&mut self) -> Result<Codes, Refusal> {
        let answer = self.connection().await?.send(&device::start()).await;
        let answer = self.checked(answer)?;
        device::codes(&answer).map_err(|_| Refusal::of(&answer))
    }

    /// Its next person enters a code, and sees what it asks for.
    pub(crate) async fn enter(&mut self, user_code: &str) -> Result<(), Refusal> {
        self.next = (self.next + 1) % self.people.len();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("user_code", user_code), ("arrival", "typed")])
            .finish();
        let request = self.people[self.next].request(Request::get(format!("{CONSENT}?{query}")));
        let answer = self.connection().await?.ask(request, Bytes::new()).await;
        let answer = self.checked(answer)?;
        must_be(StatusCode::OK, &answer)?;
        let token = answer.headers.get(CSRF_TOKEN).and_then(|token| token.to_str().ok());
        self.people[self.next].csrf_token = token.map(ToOwned::to_owned);
        Ok(())
    }

    /// The same person approves it.
    pub(crate) async fn approve(&mut self, user_code: &str) -> Result<(), Refusal> {
        let person = &self.people[self.next];
        let token = person.csrf_token.as_deref().unwrap_or_default();
        let request = person
            .request(Request::post(CONSENT))
            .header(CSRF_TOKEN, token)
            .header(header::CONTENT_TYPE, "application/json");
        let body = json!({"user_code": user_code, "decision": "approve", "arrival": "typed"}).to_string();
        let answer = self.connection().await?.ask(request, body.into()).await;
        let answer = self.checked(answer)?;
        must_be(StatusCode::OK, &answer)?;
        let decided: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let is_approved = decided == Some(json!({"status": "approved"}));
        if is_approved { Ok(()) } else { Err(Refusal::of(&answer)) }
    }

    async fn connection(&mut self) -> Result<&mut Connection, Refusal> {
        let connection = if let Some(open) = self.connection.take() {
            open
        } else {
            let opened = Connection::open_from(self.home, self.server).await;
            opened.map_err(|error| Refusal::cut(&error))?
        };
        Ok(self.connection.insert(connection))
    }

    /// One that broke is not used again.
    fn checked(&mut self, answer: Result<Answer, Fault>) -> Result<Answer, Refusal> {
        let ends =
            |answer: &Answer| answer.headers.get(header::CONNECTION).is_some_and(|said| said == "close");
        if answer.as_ref().map_or(true, ends) {
            self.connection = None;
        }
        answer.map_err(|error| Refusal::cut(&error))
    }
}

/// Signs a user in at a browser that was never seen before; the time starts when the password is sent.
pub(crate) async fn sign_in(server: SocketAddr, user: usize) -> Result<std::time::Duration, Fault> {
    let [.., high, low] = u32::try_from(user)?.to_be_bytes();
    let mut connection = Connection::open_from(Ipv4Addr::new(127, 101 + high, low, 1), server).await?;
    let page = connection.ask(Request::get("/sign-in"), Bytes::new()).await?;
    must_be(StatusCode::OK, &page)?;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    let token = html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let token = token.ok_or("a form without a token")?;
    let cookies: Vec<&str> = page
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .collect();
    let request = Request::post("/sign-in")
        .header(header::COOKIE, cookies.join("; "))
        .header(FETCH_SITE, "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let username = format!("user{user}");
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", token), ("username", &username), ("password", PASSWORD)])
        .finish();
    let sent = std::time::Instant::now();
    let answer = connection.ask(request, form.into()).await?;
    let took = sent.elapsed();
    must_be(StatusCode::SEE_OTHER, &answer)?;
    Ok(took)
}
