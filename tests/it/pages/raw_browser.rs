//! A browser whose every cookie and redirect the test sees.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, RequestBuilder};

use crate::support::{Page, Person, TestServer};

/// Keeps cookies where the test can read and change them, also `Secure` ones over http; follows no redirects.
#[derive(Clone)]
pub struct RawBrowser {
    http: Client,
    base: String,
    pub cookies: BTreeMap<String, String>,
}

impl RawBrowser {
    pub fn of(server: &TestServer) -> Self {
        Self::at(server, &server.base)
    }

    /// A browser that visits another address of the service.
    pub fn at(server: &TestServer, base: &str) -> Self {
        Self { http: server.http.clone(), base: base.to_owned(), cookies: BTreeMap::new() }
    }

    /// A browser that shows this cookie and no other.
    pub fn with_cookie(server: &TestServer, name: &str, value: &str) -> Self {
        Self { cookies: BTreeMap::from([(name.to_owned(), value.to_owned())]), ..Self::of(server) }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Sends a page's form for `action` with `answers` over what the page filled in.
    pub async fn submit(&mut self, page: &Page, action: &str, answers: &[(&str, &str)]) -> Page {
        let mut fields = page.form(action);
        fields.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = self.http.post(format!("{}{action}", self.base)).form(&fields);
        self.send(request).await
    }

    /// Signs in; the answer, which is a redirect when the password is right.
    pub async fn sign_in(&mut self, person: &Person) -> Page {
        let form = self.get("/sign-in").await;
        let answers = [("username", person.username.as_str()), ("password", person.password.as_str())];
        self.submit(&form, "/sign-in", &answers).await
    }

    /// Who the pages say is signed in here, if anybody.
    pub async fn is_signed_in(&mut self) -> bool {
        self.get("/device").await.says("Signed in as")
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let shown: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, shown.join("; ")).send().await.expect("the server answers");
        let page = Page::read(response).await;
        for line in set_cookies(&page) {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }
}

/// The `Set-Cookie` lines of an answer.
pub fn set_cookies(page: &Page) -> Vec<String> {
    page.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().expect("text").to_owned()).collect()
}
