//! A person with a browser: follows links, fills in forms, decides. Redirects are followed, cookies kept.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use latchkey::languages::Language;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};

use super::patience::PATIENCE;
use super::{plain, words};

/// What browsers call themselves.
pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0";

tokio::task_local! {
    /// The language that browsers ask for which are opened meanwhile.
    pub static LANGUAGE: &'static str;
}

/// A browser and whoever sits at it.
#[derive(Clone)]
pub struct Person {
    browser: Client,
    jar: Arc<Jar>,
    /// The tenant's base URL.
    pub base: String,
    /// The tenant's path prefix, which forms carry in their actions.
    prefix: String,
    pub username: String,
    pub password: String,
}

/// A page as the browser shows it.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: StatusCode,
    /// Path and query after all redirects.
    pub location: String,
    pub headers: HeaderMap,
    pub html: String,
}

impl Person {
    pub fn new(base: &str, username: &str, password: &str) -> Self {
        Self::with_headers(base, username, password, HeaderMap::new())
    }

    fn with_headers(base: &str, username: &str, password: &str, mut headers: HeaderMap) -> Self {
        let jar = Arc::new(Jar::default());
        if let Ok(language) = LANGUAGE.try_with(|language| HeaderValue::from_static(language)) {
            headers.insert(ACCEPT_LANGUAGE, language);
        }
        let browser = plain::builder()
            .cookie_provider(Arc::clone(&jar))
            .timeout(PATIENCE)
            .user_agent(FIREFOX)
            .default_headers(headers)
            .build()
            .expect("a browser");
        let prefix = base.find("/t/").map(|at| base[at..].to_owned()).unwrap_or_default();
        Self {
            browser,
            jar,
            base: base.to_owned(),
            prefix,
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The same person at another browser, signed in nowhere.
    pub fn at_another_browser(&self) -> Self {
        Self::new(&self.base, &self.username, &self.password)
    }

    /// The same person at the same browser, at another server.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Somebody else at the same browser.
    pub fn as_user(&self, username: &str) -> Self {
        Self { username: username.to_owned(), ..self.clone() }
    }

    /// The same person at another browser, of which proxies say that it is at this address.
    pub fn forwarded_for(&self, addresses: &str) -> Self {
        let value = HeaderValue::from_str(addresses).expect("a header's value");
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().expect("a header's name"), value)]);
        Self::with_headers(&self.base, &self.username, &self.password, headers)
    }

    /// The same person at another browser, which finds this host at this address.
    pub fn finding(&self, host: &str, address: SocketAddr) -> Self {
        let jar = Arc::new(Jar::default());
        let browser = plain::builder().cookie_provider(Arc::clone(&jar)).timeout(PATIENCE);
        Self { browser: browser.resolve(host, address).build().expect("a browser"), jar, ..self.clone() }
    }

    /// Opens a page of the tenant by its path, or any URL.
    pub async fn visit(&self, target: &str) -> Page {
        let url =
            if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", self.base) };
        Page::read(self.browser.get(url).send().await.expect("the server answers")).await
    }

    /// Sends a page's form for `action` as the page filled it in, with `answers` over it.
    #[track_caller]
    pub fn submit<'a>(
        &'a self,
        page: &Page,
        action: &str,
        answers: &[(&str, &str)],
    ) -> impl Future<Output = Page> + use<'a> {
        let mut fields = page.form(&format!("{}{action}", self.prefix));
        fields.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = self.browser.post(format!("{}{action}", self.base)).form(&fields);
        async move { Page::read(request.send().await.expect("the server answers")).await }
    }

    /// Sends a form that no page has shown.
    pub async fn post(&self, action: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.browser.post(format!("{}{action}", self.base)).form(fields);
        Page::read(request.send().await.expect("the server answers")).await
    }

    /// The browser itself, for requests with headers of their own.
    pub fn browser(&self) -> &Client {
        &self.browser
    }

    /// A reading of an API as a script of the same origin sends it.
    pub fn fetch(&self, url: impl reqwest::IntoUrl) -> reqwest::RequestBuilder {
        self.browser.get(url).header("sec-fetch-site", "same-origin")
    }

    /// What the browser would send in its `Cookie` header.
    pub fn cookies(&self) -> String {
        let header = self.jar.cookies(&self.base.parse().expect("a URL"));
        header.map(|value| value.to_str().expect("cookies are text").to_owned()).unwrap_or_default()
    }

    /// Signs in.
    pub async fn sign_in(&self) -> Page {
        self.sign_in_with(&self.password).await
    }

    /// Tries to sign in with this password.
    pub async fn sign_in_with(&self, password: &str) -> Page {
        let form = self.visit("/sign-in").await;
        self.submit(&form, "/sign-in", &[("username", &self.username), ("password", password)]).await
    }

    /// Signs out, by the form that every page has.
    pub async fn sign_out(&self) -> Page {
        let page = self.visit("/device").await;
        self.submit(&page, "/sign-out", &[]).await
    }

    /// Enters a code on the start page; whoever is signed in sees what comes of it.
    pub async fn enter(&self, user_code: &str) -> Page {
        let form = self.visit("/device").await;
        self.submit(&form, "/device", &[("user_code", user_code)]).await
    }

    /// Signs in if need be and opens a code; the page that asks for the decision.
    pub async fn open(&self, user_code: &str) -> Page {
        let page = self.enter(user_code).await;
        let page = if page.location.ends_with("/sign-in") {
            self.submit(&page, "/sign-in", &[("username", &self.username), ("password", &self.password)])
                .await
        } else {
            page
        };
        assert!(page.location.ends_with("/device/consent"), "not asked for a decision: {page:?}");
        page
    }

    /// Opens a code and approves it.
    pub async fn approve(&self, user_code: &str) -> Page {
        let consent = self.open(user_code).await;
        let page = self.decide(&consent, "approve").await;
        assert!(page.says("Your device is connected"), "{page:?}");
        page
    }

    /// Opens a code and refuses it.
    pub async fn deny(&self, user_code: &str) -> Page {
        let consent = self.open(user_code).await;
        let page = self.decide(&consent, "deny").await;
        assert!(page.says("Declined"), "{page:?}");
        page
    }

    /// Presses a button of the consent page: `approve` or `deny`.
    pub async fn decide(&self, consent: &Page, decision: &str) -> Page {
        self.submit(consent, "/device/consent", &[("decision", decision)]).await
    }
}

impl Page {
    /// Reads a response to its end.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let location = match response.url().query() {
            Some(query) => format!("{}?{query}", response.url().path()),
            None => response.url().path().to_owned(),
        };
        Self { status, location, headers, html: response.text().await.expect("the page arrives") }
    }

    /// Whether the page holds this text.
    pub fn says(&self, text: &str) -> bool {
        self.html.contains(text)
    }

    /// Whether the page shows the English message with this key, whatever its values are.
    pub fn shows(&self, key: &'static str) -> bool {
        words::holds(&self.html, Language::English, key)
    }

    /// Whether this English message is the heading of the page.
    pub fn is_titled(&self, key: &'static str) -> bool {
        self.says(&format!("<h1>{}</h1>", words::t(key)))
    }

    /// A header as text, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The fields of the form for `action`, with the values the page gave them.
    #[track_caller]
    pub fn form(&self, action: &str) -> BTreeMap<String, String> {
        let Some(start) = self.html.find(&format!("action=\"{action}\"")) else {
            panic!("no form for {action} in {self:?}");
        };
        let form = self.html[start..].split("</form>").next().unwrap_or_default();
        form.split("<input").skip(1).filter_map(input).collect()
    }
}

fn input(tag: &str) -> Option<(String, String)> {
    let tag = tag.split('>').next()?;
    // A box that is not ticked is not sent.
    if tag.contains("type=\"checkbox\"") && !tag.contains(" checked") {
        return None;
    }
    let attribute = |name: &str| tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next().map(unescaped);
    Some((attribute("name")?, attribute("value").unwrap_or_default()))
}

/// The text of an attribute's value.
fn unescaped(value: &str) -> String {
    let entities = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
