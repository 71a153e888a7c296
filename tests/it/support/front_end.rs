//! A front end of one's own: shows a person what a code asks for, and takes their decision.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::device::send;
use super::{Answer, Person, TestServer};

pub const CONSENT: &str = "/oauth/device/consent";

/// A program that acts for a person by an access token.
#[derive(Clone)]
pub struct FrontEnd {
    http: reqwest::Client,
    base: String,
    pub token: String,
}

impl TestServer {
    /// A front end that `person` has allowed to approve devices.
    pub async fn front_end(&self, person: &Person) -> FrontEnd {
        let client = latchkey::store::clients::find(
            &self.app.db,
            latchkey::model::tenant::DEFAULT_TENANT,
            "front-end",
        );
        let device = match client.await.expect("the database answers") {
            Some(_) => {
                super::Device::new(self.http.clone(), &self.base, "front-end", super::device::Proof::None)
            }
            None => self.public_client("front-end", "openid device:approve offline_access").await,
        };
        let token = device.connect(person, "openid device:approve").await.string("access_token");
        FrontEnd { http: self.http.clone(), base: self.base.clone(), token }
    }
}

/// The address at which a code is read.
pub fn reading(base: &str, user_code: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{base}{CONSENT}?{}", query.append_pair("user_code", user_code).finish())
}

impl FrontEnd {
    /// The same program with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Reads what a code asks for.
    pub async fn read(&self, user_code: &str) -> Answer {
        self.send(self.http.get(reading(&self.base, user_code))).await
    }

    /// Decides on a code, with more members.
    pub async fn decide(&self, user_code: &str, decision: &str, more: Value) -> Answer {
        let mut body = json!({"user_code": user_code, "decision": decision});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.post(&body).await
    }

    /// Sends this body.
    pub async fn post(&self, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{CONSENT}", self.base)).json(body)).await
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        send(request.bearer_auth(&self.token)).await
    }
}

impl Answer {
    /// Insists on a decision that was taken.
    #[track_caller]
    pub fn must_be_decided(&self, status: &str) -> &Self {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json, json!({"status": status}), "{self:?}");
        self
    }

    /// Insists on a refusal of this status and word.
    #[track_caller]
    pub fn must_be_refused(&self, status: u16, error: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.error()), (status, error), "{self:?}");
        self.must_be_an_oauth_body()
    }
}
