//! What the program writes down of a person's visit, when it is told to write down all it can.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::ConnectOptions;

use super::raw_browser::RawBrowser;
use crate::support::TestServer;

/// `latchkey serve` on a test's database. It ends with this, also when the test panics.
struct Program {
    process: Child,
    base: String,
    lines: Option<JoinHandle<String>>,
}

impl Program {
    fn start(server: &TestServer) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .arg("serve")
            .env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0")
            .env("LATCHKEY__DATABASE__URL", server.database.to_url_lossy().as_str())
            // The key of all test servers, in quotes because it is made of digits.
            .env("LATCHKEY__SECRETS__MASTER_KEY", format!("\"{}\"", "07".repeat(32)))
            .env("LATCHKEY__LOG__FILTER", "trace")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(process.stderr.take().expect("its standard error")).lines();
        let (told, hears) = mpsc::channel();
        let lines = std::thread::spawn(move || {
            let mut all = String::new();
            while let Some(Ok(line)) = lines.next() {
                if let Some((_, issuer)) = line.split_once("issuer=") {
                    // The test may be over already.
                    let _ = told.send(issuer.trim_matches('"').to_owned());
                }
                all += &line;
                all += "\n";
            }
            all
        });
        let mut program = Self { process, base: String::new(), lines: Some(lines) };
        program.base = hears.recv().unwrap_or_else(|_| panic!("no server: {}", program.stop()));
        program
    }

    /// Asks it to stop; everything it has written.
    fn stop(&mut self) -> String {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
        self.lines.take().and_then(|lines| lines.join().ok()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.lines.is_some() {
            self.stop();
        }
    }
}

#[tokio::test]
async fn the_most_talkative_log_holds_no_secret_of_device_or_person() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut program = Program::start(&server);
    let (tv, mut browser) = (tv.at(&program.base), RawBrowser::at(&server, &program.base));

    let started = tv.start("openid offline_access").await;
    browser.get(&format!("/device?user_code={}", started.user_code)).await;
    let page = browser.get("/device").await;
    browser.submit(&page, "/device", &[]).await;
    assert_eq!(browser.sign_in(&ada).await.header("location"), "/device/consent");
    let consent = browser.get("/device/consent").await;
    browser.submit(&consent, "/device/consent", &[("decision", "approve")]).await;
    let tokens = tv.poll(&started).await;
    tokens.must_be_tokens();
    let refreshed = tv.refresh(&tokens.string("refresh_token")).await;
    refreshed.must_be_tokens();

    let log = program.stop();
    for path in ["/device/consent", "/sign-in", "/oauth/token"] {
        assert!(log.contains(&format!("path=\"{path}\"")), "{path} was not logged: {log}");
    }
    let mut secrets = vec![
        started.user_code.clone(),
        started.user_code.replace('-', ""),
        started.device_code,
        ada.password,
        consent.form("/device/consent")["csrf"].clone(),
        consent.form("/device/consent")["decision_token"].clone(),
    ];
    secrets.extend(browser.cookies.into_values());
    for answer in [&tokens, &refreshed] {
        secrets.extend(["access_token", "id_token", "refresh_token"].map(|name| answer.string(name)));
    }
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
