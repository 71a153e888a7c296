//! What the program writes down of a person's visit, when it is told to write down all it can.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::ConnectOptions;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::raw_browser::RawBrowser;
use crate::support::TestServer;
use crate::support::patience::in_time;

/// `latchkey serve` on a test's database, beside the test's own server: waiting for one must not hold the other up,
/// which may have begun a transaction. It ends with this, also when the test panics.
struct Program {
    process: Child,
    base: String,
    log: JoinHandle<String>,
}

impl Program {
    async fn start(server: &TestServer) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .arg("serve")
            .env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0")
            .env("LATCHKEY__DATABASE__URL", server.database.to_url_lossy().as_str())
            // The key of all test servers, in quotes because it is made of digits.
            .env("LATCHKEY__SECRETS__MASTER_KEY", format!("\"{}\"", "07".repeat(32)))
            .env("LATCHKEY__LOG__FILTER", "trace")
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(process.stderr.take().expect("its standard error")).lines();
        let (told, hears) = oneshot::channel();
        let reading = async move {
            let (mut all, mut told) = (String::new(), Some(told));
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, issuer)) = line.split_once("issuer=")
                    && let Some(told) = told.take()
                {
                    // The test may be over already.
                    let _ = told.send(issuer.trim_matches('"').to_owned());
                }
                all += &line;
                all += "\n";
            }
            all
        };
        #[expect(clippy::disallowed_methods, reason = "it ends with the program")]
        let log = tokio::spawn(reading);
        let base = in_time("the program listens", hears).await.expect("it does not end before");
        Self { process, base, log }
    }

    /// Asks it to stop; everything it has written.
    async fn stop(mut self) -> String {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), Signal::TERM).expect("it runs");
        in_time("the program ends", self.process.wait()).await.expect("a child can be waited for");
        in_time("its log ends", self.log).await.expect("what it has written")
    }
}

#[tokio::test]
async fn the_most_talkative_log_holds_no_secret_of_device_or_person() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let program = Program::start(&server).await;
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

    let log = program.stop().await;
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
