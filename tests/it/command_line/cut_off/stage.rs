//! A server that is killed, or cut from its database, again and again; and one beside it that is always well, at which
//! people approve and access tokens are asked about.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use latchkey::model::client::AuthMethod;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::callers::{Credential, Exchange, Kind, OFFLINE};
use crate::command_line::process::{Served, SharedDatabase};
use crate::support::patience::in_time;
use crate::support::{Answer, Chance, Device, Link, Person, TestServer, until};

/// Where both servers are for the public. One that was restarted has another port.
pub(super) const PUBLIC_URL: &str = "http://login.localhost";
const UNLIMITED: (&str, &str) = ("LATCHKEY__RATE_LIMITS__ENABLED", "false");
/// Whoever collects again does not do it sooner (RFC 8628 §3.5 has it wait for five seconds).
const INTERVAL: Duration = Duration::from_millis(1_100);

/// What cuts exchanges off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server is killed, and started again.
    Kill,
    /// The network between the server and its database swallows everything, and comes back.
    Dark,
}

/// The servers, and what was counted.
pub(super) struct Stage {
    pub(super) home: TestServer,
    api: Device,
    callers: Vec<(Kind, Device, Person)>,
    database: Arc<SharedDatabase>,
    link: Link,
    environment: Vec<(&'static str, &'static str)>,
    served: Option<Served>,
    chance: Chance,
    pub(super) fault: Fault,
    pub(super) faults: usize,
    /// Exchanges that were cut off.
    pub(super) cut_off: BTreeMap<Kind, usize>,
    /// Codes that were collected for a caller who proves nothing, and whose answer was cut off: it starts anew.
    pub(super) lost: Vec<Uuid>,
    pub(super) began: Instant,
}

impl Stage {
    pub(super) async fn build(
        play: &str,
        fault: Fault,
        environment: &[(&'static str, &'static str)],
    ) -> Self {
        let home = TestServer::with(|config| {
            config.rate_limits.enabled = false;
            config.server.public_url = PUBLIC_URL.parse().ok();
        })
        .await;
        home.clock.run();
        let api = home.client("api", "openid", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = Vec::new();
            client.introspects = vec![format!("{PUBLIC_URL}/api")];
        });
        let api = api.await;
        let ada = home.ada().await;
        let mut callers = Vec::new();
        for kind in Kind::ALL {
            callers.push((kind, kind.device(&home).await, ada.at_another_browser()));
        }
        let (link, over) = Link::to_database(&home.database).await;
        let mut stage = Self {
            home,
            api,
            callers,
            database: Arc::new(SharedDatabase::at(over)),
            link,
            environment: [&[UNLIMITED], environment].concat(),
            served: None,
            chance: Chance::of(play),
            fault,
            faults: 0,
            cut_off: BTreeMap::new(),
            lost: Vec::new(),
            began: Instant::now(),
        };
        stage.start().await;
        stage
    }

    /// Starts the server. The link to its database is this thread's, so this thread must not wait for it.
    async fn start(&mut self) {
        let (database, environment) = (Arc::clone(&self.database), self.environment.clone());
        let starting = tokio::task::spawn_blocking(move || database.serve_with(&environment));
        self.served = Some(starting.await.expect("it starts"));
    }

    fn base(&self) -> String {
        self.served.as_ref().expect("it runs").base.clone()
    }

    /// New codes that ada has approved, so many for each kind of caller.
    pub(super) async fn approved_codes(&self, of_each: usize) -> Vec<Exchange> {
        let of_kind = async |(kind, device, ada): &(Kind, Device, Person)| {
            let mut codes = Vec::new();
            for _ in 0..of_each {
                let started = device.start(OFFLINE).await;
                ada.approve(&started.user_code).await;
                codes.push(Exchange::of_code(*kind, device.clone(), started.device_code));
            }
            codes
        };
        join_all(self.callers.iter().map(of_kind)).await.concat()
    }

    /// Has all of them ask at once and cuts them off, now and then twice; then those that got no tokens ask again.
    /// Everybody who got tokens, with these.
    pub(super) async fn play(&mut self, mut asking: Vec<Exchange>) -> Vec<Exchange> {
        let mut connected = Vec::new();
        for _ in 0..if self.chance.once_in(4) { 2 } else { 1 } {
            let (answered, unanswered) = self.interrupt(asking).await;
            connected.extend(answered);
            asking = unanswered;
        }
        connected.extend(self.until_answered(asking).await);
        if self.fault == Fault::Dark {
            self.forget_the_dark().await;
        }
        connected
    }

    /// Ends the connections that stayed dark, of which the database knows nothing and has only so many.
    async fn forget_the_dark(&self) {
        self.link.cut();
        let ready = format!("{}/health/ready", self.base());
        until("the server is well", async || {
            self.home.http.get(&ready).send().await.expect("it answers").status() == 200
        })
        .await;
    }

    /// Has them ask until all are answered.
    pub(super) async fn until_answered(&mut self, mut asking: Vec<Exchange>) -> Vec<Exchange> {
        let mut connected = Vec::new();
        until("all are answered", async || {
            let base = self.base();
            let answers = join_all(asking.iter().map(|exchange| exchange.ask(&base))).await;
            let answers = answers.into_iter().map(|answer| Some(answer.expect("it is not killed"))).collect();
            let (answered, unanswered) = self.sort(std::mem::take(&mut asking), answers).await;
            connected.extend(answered);
            asking = unanswered;
            asking.is_empty()
        })
        .await;
        connected
    }

    /// Has all of them ask at once, and cuts them off at any moment. Those that got tokens, and those that got none.
    async fn interrupt(&mut self, asking: Vec<Exchange>) -> (Vec<Exchange>, Vec<Exchange>) {
        let (count, mut counted) = watch::channel(0_usize);
        let base = self.base();
        let requests = asking.iter().map(|exchange| {
            let (request, count) = (exchange.ask(&base), count.clone());
            async move {
                let answer = request.await.ok();
                count.send_modify(|count| *count += 1);
                answer
            }
        });
        // Before the first answer, or at any one.
        let first = self.chance.once_in(3) || asking.len() < 2;
        let answers = if first { 0 } else { self.chance.among(1..=asking.len() - 1) };
        let pause = self.chance.up_to(if first { 50 } else { 5 });
        let dark = self.chance.up_to(3_000);
        // Statements and their results are longer on their way, and are lost there.
        self.link.delay(self.chance.up_to(20));
        let mut served = self.served.take();
        let fault = async {
            in_time("some are answered", counted.wait_for(|count| *count >= answers)).await.expect("a count");
            sleep(pause).await;
            match self.fault {
                Fault::Kill => served.take().expect("it runs").kill(),
                Fault::Dark => {
                    self.link.go_dark();
                    sleep(dark).await;
                    self.link.come_back_on_new_paths();
                }
            }
            Instant::now()
        };
        let (answers, since) = tokio::join!(join_all(requests), fault);
        self.link.delay(Duration::ZERO);
        self.faults += 1;
        match served {
            Some(served) => self.served = Some(served),
            None => self.start().await,
        }
        let (answered, mut unanswered) = self.sort(asking, answers).await;
        for exchange in &mut unanswered {
            exchange.cut_off += 1;
            *self.cut_off.entry(exchange.kind).or_default() += 1;
        }
        sleep_until(since + INTERVAL).await;
        (answered, unanswered)
    }

    /// Those that got tokens, which work, and those that were not answered. Nobody is told anything else.
    async fn sort(
        &mut self,
        asked: Vec<Exchange>,
        answers: Vec<Option<Answer>>,
    ) -> (Vec<Exchange>, Vec<Exchange>) {
        let (mut answered, mut unanswered, mut access) = (Vec::new(), Vec::new(), Vec::new());
        for (exchange, answer) in asked.into_iter().zip(answers) {
            match answer {
                Some(answer) if answer.status == 200 => {
                    access.push(answer.string("access_token"));
                    answered.push(exchange.answered(&answer));
                }
                Some(answer) if !answer.status.is_server_error() => self.lose(&exchange, &answer).await,
                _ => unanswered.push(exchange),
            }
        }
        for answer in join_all(access.iter().map(|token| self.api.introspect(token))).await {
            answer.must_be_active();
        }
        (answered, unanswered)
    }

    /// A caller that proves nothing collects once: its repeat is told from another's by nothing, unless the server knows
    /// that the answer was lost. A killed one knows nothing.
    async fn lose(&mut self, exchange: &Exchange, answer: &Answer) {
        let Exchange { kind, credential, cut_off, .. } = exchange;
        let may_be_lost = (*kind, self.fault) == (Kind::Nothing, Fault::Kill) && *cut_off > 0;
        let (true, Credential::DeviceCode(code)) = (may_be_lost, credential) else {
            panic!("{kind:?}, cut off {cut_off} times: {credential:?} {answer:?}");
        };
        answer.must_be_error("invalid_grant");
        let id = self.home.read_code(code).await.authorization().0;
        let device: i64 = sqlx::query_scalar("SELECT count(*) FROM devices WHERE id = $1")
            .bind(id)
            .fetch_one(&self.home.app.db)
            .await
            .expect("a count");
        assert_eq!(device, 1, "the tokens were issued");
        self.lost.push(id);
    }
}
