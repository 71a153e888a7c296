//! A device: asks for codes, polls, refreshes.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart;
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value};

use super::patience::PATIENCE;
use super::signer::{JWT_BEARER, Signer};
use super::{Answer, DpopKey, Person, plain};

pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A client program on a device. It says who it is in the way it was registered.
#[derive(Clone)]
pub struct Device {
    http: Client,
    /// The tenant's base URL, such as `http://127.0.0.1:1234` or `http://127.0.0.1:1234/t/acme`.
    pub base: String,
    pub client_id: String,
    pub proof: Proof,
    /// The key it proves to hold with each request (RFC 9449), if it has one.
    pub key: Option<DpopKey>,
}

/// How a client proves who it is.
#[derive(Clone)]
pub enum Proof {
    None,
    Basic(String),
    Post(String),
    PrivateKey(Signer),
}

/// The media types a body may have.
#[derive(Clone, Copy, Debug)]
pub enum BodyType {
    Form,
    Json,
    Multipart,
}

impl BodyType {
    pub const ALL: [Self; 3] = [Self::Form, Self::Json, Self::Multipart];

    /// Puts parameters, each given once, into the body of a request.
    pub fn fill(self, request: RequestBuilder, parameters: &[(&str, &str)]) -> RequestBuilder {
        let owned = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match self {
            Self::Form => request.form(parameters),
            Self::Json => request.json(
                &owned.map(|(name, value)| (name, Value::String(value))).collect::<Map<String, Value>>(),
            ),
            Self::Multipart => request
                .multipart(owned.fold(multipart::Form::new(), |form, (name, value)| form.text(name, value))),
        }
    }
}

/// The codes a device was given (RFC 8628 §3.2).
#[derive(Debug, Clone)]
pub struct Started {
    pub device_code: String,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
}

impl Device {
    pub fn new(http: Client, base: &str, client_id: &str, proof: Proof) -> Self {
        Self { http, base: base.to_owned(), client_id: client_id.to_owned(), proof, key: None }
    }

    /// The same program, talking to another address of the service.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same program, behind a proxy that says where it is.
    pub fn forwarded_for(&self, address: &str) -> Self {
        let value = HeaderValue::from_str(address).expect("a header's value");
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), value)]);
        let http = plain::builder().timeout(PATIENCE).default_headers(headers);
        Self { http: http.build().expect("a client"), ..self.clone() }
    }

    /// Asks for codes, with these parameters beside the client's own.
    pub async fn ask(&self, parameters: &[(&str, &str)]) -> Answer {
        self.post("/oauth/device-authorization", parameters).await
    }

    /// Asks for codes and gets them.
    pub async fn start(&self, scope: &str) -> Started {
        let answer = self.ask(&[("scope", scope)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Started {
            device_code: answer.string("device_code"),
            user_code: answer.string("user_code"),
            verification_uri: answer.string("verification_uri"),
            verification_uri_complete: answer.string("verification_uri_complete"),
        }
    }

    /// Asks for codes, has `person` approve, and collects the tokens.
    pub async fn connect(&self, person: &Person, scope: &str) -> Answer {
        let tokens = self.approved_by(person, scope).await;
        tokens.must_be_tokens();
        tokens
    }

    /// The same for a device that proves to hold a key.
    pub async fn connect_bound(&self, person: &Person, scope: &str) -> Answer {
        let tokens = self.approved_by(person, scope).await;
        tokens.must_be_bound_tokens();
        tokens
    }

    /// Asks once, right after the person has approved: at the same server, since another one hears of it later.
    async fn approved_by(&self, person: &Person, scope: &str) -> Answer {
        let port = |base: &str| base.parse().ok().and_then(|base: reqwest::Url| base.port());
        assert_eq!(port(&person.base), port(&self.base), "the person and the device are at two servers");
        let started = self.start(scope).await;
        person.approve(&started.user_code).await;
        self.poll(&started).await
    }

    /// The same without naming a scope.
    pub async fn start_with_default_scope(&self) -> Started {
        let answer = self.ask(&[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Started {
            device_code: answer.string("device_code"),
            user_code: answer.string("user_code"),
            verification_uri: answer.string("verification_uri"),
            verification_uri_complete: answer.string("verification_uri_complete"),
        }
    }

    /// Asks whether somebody has decided.
    pub async fn poll(&self, started: &Started) -> Answer {
        self.poll_code(&started.device_code, &[]).await
    }

    /// The same with any code and more parameters.
    pub async fn poll_code(&self, device_code: &str, more: &[(&str, &str)]) -> Answer {
        let mut parameters = vec![("grant_type", DEVICE_GRANT), ("device_code", device_code)];
        parameters.extend(more);
        self.token(&parameters).await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Calls the token endpoint with these parameters beside the client's own.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Answer {
        self.post("/oauth/token", parameters).await
    }

    /// Calls the token endpoint of a server that may end before it has answered.
    pub async fn try_token(&self, parameters: &[(&str, &str)]) -> reqwest::Result<Answer> {
        Answer::try_read(self.form("/oauth/token", parameters).send().await?).await
    }

    /// Posts a form to one of the tenant's endpoints, as this client.
    pub async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        send(self.form(path, parameters)).await
    }

    /// A form for one of the tenant's endpoints, with what shows that it is this client's.
    fn form(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let mut form: Vec<(&str, &str)> = parameters.to_vec();
        let mut request = self.request(path);
        let assertion;
        match &self.proof {
            Proof::None => form.push(("client_id", &self.client_id)),
            Proof::Basic(secret) => request = request.basic_auth(&self.client_id, Some(secret)),
            Proof::Post(secret) => {
                form.push(("client_id", &self.client_id));
                form.push(("client_secret", secret));
            }
            Proof::PrivateKey(signer) => {
                assertion = signer.assertion(&self.client_id);
                form.push(("client_assertion_type", JWT_BEARER));
                form.push(("client_assertion", &assertion));
            }
        }
        if let Some(key) = &self.key {
            request = request.header("dpop", key.proof(path));
        }
        request.form(&form)
    }

    /// The same program, proving to hold a key.
    pub fn with_key(&self, key: &DpopKey) -> Self {
        Self { key: Some(key.clone()), ..self.clone() }
    }

    /// The same program, proving who it is in another way.
    pub fn with_proof(&self, proof: Proof) -> Self {
        Self { proof, ..self.clone() }
    }

    /// The program's connections.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// A POST request to one of the tenant's endpoints, with nothing in it yet.
    pub fn request(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.expect("the server answers")).await
}
