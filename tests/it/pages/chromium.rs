//! A real Chromium of the size of a phone, used as a person uses it: by eye and by keyboard.

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::support::patience::in_time;
use crate::support::scratch;

/// Where pictures of the pages are left for people to look at.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pages");

/// A browser with nobody signed in.
pub struct Chromium {
    pub client: Client,
    pictures: PathBuf,
    _driver: Driver,
}

/// The program that drives the browser. Both end with it, also when the test panics.
struct Driver {
    process: Child,
    output: BufReader<ChildStdout>,
    profile: PathBuf,
}

impl Chromium {
    /// Starts a browser, none where none is installed. Its pictures go into this folder.
    pub async fn start(folder: &str) -> Option<Self> {
        let Some((driver, port)) = Driver::start() else {
            eprintln!("skipped: no Chromium (install the packages chromium and chromium-driver)");
            return None;
        };
        let mut client = ClientBuilder::new(HttpConnector::new());
        client.capabilities(capabilities(&driver.profile));
        match in_time("the browser starts", client.connect(&format!("http://127.0.0.1:{port}"))).await {
            Ok(client) => {
                let pictures = Path::new(PICTURES).join(folder);
                std::fs::create_dir_all(&pictures).expect("a folder for pictures");
                Some(Self { client, pictures, _driver: driver })
            }
            Err(error) if error.to_string().contains("cannot find Chrome binary") => {
                eprintln!("skipped: no Chromium beside chromedriver");
                None
            }
            Err(error) => panic!("Chromium does not start: {error}"),
        }
    }

    /// Follows a link.
    pub async fn visit(&self, url: &str) {
        in_time("the page opens", self.client.goto(url)).await.expect("the page opens");
    }

    /// Waits until something is on the page.
    pub async fn sees(&self, selector: &str) {
        let waiting = self.client.wait().for_element(Locator::Css(selector));
        if let Err(error) = in_time(selector, waiting).await {
            panic!("no {selector}: {error} in {:?}", self.client.source().await);
        }
    }

    /// Whether something is on the page now.
    pub async fn has(&self, selector: &str) -> bool {
        !self.client.find_all(Locator::Css(selector)).await.expect("an answer").is_empty()
    }

    /// Path and query in the address bar.
    pub async fn address(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default())
    }

    /// Presses a key.
    pub async fn press(&self, key: Key) {
        self.type_text(&char::from(key).to_string()).await;
    }

    /// Types on the keyboard, wherever the focus is.
    pub async fn type_text(&self, text: &str) {
        let keys = text.chars().fold(KeyActions::new("keyboard".to_owned()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        in_time("the keys are pressed", self.client.perform_actions(keys))
            .await
            .expect("the keys are pressed");
    }

    /// Presses Tab until the focus is on this; every stop on the way, as its button or field says.
    pub async fn tab_to(&self, selector: &str) -> Vec<String> {
        let mut stops = Vec::new();
        for _ in 0..20 {
            self.press(Key::Tab).await;
            let script = "const e = document.activeElement; return [e.matches(arguments[0]), e.innerText || e.name || e.tagName]";
            let stop = self.run(script, json!(selector)).await;
            if stop[0] == true {
                return stops;
            }
            stops.push(stop[1].as_str().unwrap_or_default().to_owned());
        }
        panic!("Tab never comes to {selector}, only to {stops:?}");
    }

    /// Runs a script in the page, as the person's own tool and not as the page's.
    pub async fn run(&self, script: &str, argument: Value) -> Value {
        in_time("the script runs", self.client.execute(script, vec![argument]))
            .await
            .expect("the script runs")
    }

    /// Leaves a picture of the whole page in light and one in dark colours.
    pub async fn picture(&self, name: &str) {
        for scheme in ["light", "dark"] {
            self.surround(scheme).await;
            let taken = self.devtools("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
            let png = STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("base64");
            std::fs::write(self.pictures.join(format!("{name}-{scheme}.png")), png)
                .expect("the picture is kept");
        }
    }

    /// Has pages in `light` or `dark` colours.
    pub async fn surround(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Asks for pages in this language first.
    pub async fn prefer(&self, language: &str) {
        self.devtools("Network.enable", json!({})).await;
        let headers = json!({"headers": {"Accept-Language": language}});
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Has this script on every page from now on, as the person's own tool and not as the page's.
    pub async fn bring_along(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Gives the screen this width.
    pub async fn resize(&self, width: u32) {
        let screen = json!({"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// What the browser complained about in its console, but for the icon that it asks for unbidden.
    pub async fn complaints(&self) -> Vec<String> {
        let command = Extension { path: "se/log", body: json!({"type": "browser"}) };
        let log = self.client.issue_cmd(command).await.expect("the browser's log");
        let messages = log.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str());
        messages.filter(|message| !message.contains("/favicon.ico")).map(ToOwned::to_owned).collect()
    }

    /// Ends the browser in peace.
    pub async fn close(self) {
        in_time("the browser closes", self.client.clone().close()).await.expect("the browser closes");
    }

    async fn devtools(&self, cmd: &str, params: Value) -> Value {
        let command = Extension { path: "goog/cdp/execute", body: json!({"cmd": cmd, "params": params}) };
        in_time(cmd, self.client.issue_cmd(command)).await.expect("the browser's tools answer")
    }
}

impl Driver {
    fn start() -> Option<(Self, u16)> {
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => panic!("chromedriver does not start: {error}"),
        };
        let profile = scratch::place("chromium");
        let output = BufReader::new(process.stdout.take().expect("its standard output"));
        let mut driver = Self { process, output, profile };
        let port = driver.port();
        Some((driver, port))
    }

    /// The free port that it found itself.
    fn port(&mut self) -> u16 {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("chromedriver speaks") > 0 {
            if let Some((_, port)) = line.trim_end().trim_end_matches('.').split_once("successfully on port ")
            {
                return port.parse().expect("a port");
            }
            line.clear();
        }
        panic!("chromedriver ended before it listened");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn capabilities(profile: &Path) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Nothing fades while it is looked at, nothing is replaced while it is pressed.
        "--force-prefers-reduced-motion",
        &profile,
    ];
    let phone = json!({"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2}});
    Capabilities::from_iter([
        ("goog:chromeOptions".to_owned(), json!({"args": arguments, "mobileEmulation": phone})),
        ("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"})),
    ])
}

/// A command of this driver beyond those that all drivers have.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
