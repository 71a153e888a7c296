//! How often each operation goes to the database and back. Each round trip is a wait for the user, and a longer one if
//! the database is far away. So each operation has a budget, and none exceeds it.

use std::collections::BTreeMap;

use reqwest::{RequestBuilder, Response};
use serde_json::json;

use crate::every_operation::document::Document;
use crate::every_operation::world::{Ask, World};
use crate::support::device::DEVICE_GRANT;
use crate::support::{Person, TestServer, Wire, until};
use crate::tenant_isolation::requests::cases;

/// What pages do.
const PAGES: [(&str, u64); 18] = [
    ("see the form for a code", 1),
    ("see the form to sign in", 1),
    ("sign in", 4),
    ("sign in half", 4),
    ("sign in with a wrong password", 4),
    ("see the form for the second factor", 2),
    ("sign in with the second factor", 4),
    ("sign in with a recovery code", 4),
    ("enter a code", 3),
    ("enter a wrong code", 3),
    ("see what a code asks for", 4),
    ("approve", 4),
    ("decline", 3),
    ("report", 12),
    ("sign out", 6),
    // With the one that gives back what was reserved, for which nobody waits.
    ("see what a code asks for, at a front end", 4),
    ("approve at a front end", 5),
    ("decline at a front end", 4),
];

/// What operations of the document do that are more or less than [usual](USUAL).
const OPERATIONS: [(&str, u64); 6] = [
    ("v1_oauth_device_consent_show", 4),
    ("v1_oauth_userinfo_show", 2),
    ("v1_oauth_jwks_show", 1),
    ("v1_devices_show", 3),
    ("v1_admin_resources_update", 60),
    // Its keys take their time, in which tasks of the server go on.
    ("v1_admin_tenants_create", 200),
];

/// What any other operation may do: administration, and changes of one's own devices. Each is done once, with cold memory
/// and beside whatever tasks the server has, so there is room for that. What people and devices wait for is counted
/// exactly, by the other tests.
const USUAL: u64 = 40;

/// The most repetitions while an operation exceeds its budget. The smallest figure counts: other work of the server and a
/// cold cache only add to it.
const TIMES: usize = 8;

/// The least round trips of each deed.
struct Counts<'a> {
    wire: &'a Wire,
    server: &'a TestServer,
    least: BTreeMap<String, u64>,
}

impl<'a> Counts<'a> {
    async fn add<T>(&mut self, deed: &str, doing: impl Future<Output = T>) -> T {
        // What the deed before has left to be given back or rolled back is nobody's round trip: nobody waits for it.
        let app = &self.server.app;
        until("all is given back", async || {
            app.settlements.are_done() && u32::try_from(app.db.num_idle()) == Ok(app.db.size())
        })
        .await;
        let before = self.wire.trips();
        let done = doing.await;
        let trips = self.wire.trips() - before;
        let least = self.least.entry(deed.to_owned()).or_insert(trips);
        *least = trips.min(*least);
        done
    }

    const fn of(wire: &'a Wire, server: &'a TestServer) -> Self {
        Self { wire, server, least: BTreeMap::new() }
    }

    fn beyond(&self, budget: impl Fn(&str) -> Option<u64>) -> Vec<String> {
        let beyond = |(deed, trips): (&String, &u64)| match budget(deed) {
            Some(budget) if *trips <= budget => None,
            Some(budget) => Some(format!("{deed}: {trips} round trips instead of {budget}")),
            None => Some(format!("{deed}: {trips} round trips, and no budget")),
        };
        self.least.iter().filter_map(beyond).collect()
    }
}

/// Sends a form of a page as the person's browser would, and follows nothing.
fn form(
    server: &TestServer,
    person: &Person,
    (page, action): (&crate::support::Page, &str),
    answers: &[(&str, &str)],
) -> RequestBuilder {
    let mut fields = page.form(action);
    fields.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    server.http.post(format!("{}{action}", server.base)).header("cookie", person.cookies()).form(&fields)
}

async fn send(request: RequestBuilder, status: u16, location: &str) -> Response {
    let response = request.send().await.expect("the server answers");
    let to = response.headers().get("location").map_or("", |to| to.to_str().expect("text"));
    assert!(to.ends_with(location), "{status} {to}: {response:?}");
    assert_eq!(response.status(), status, "{response:?}");
    response
}

fn page(server: &TestServer, person: &Person, path: &str) -> RequestBuilder {
    server.http.get(format!("{}{path}", server.base)).header("cookie", person.cookies())
}

#[tokio::test]
async fn no_deed_at_a_page_makes_more_round_trips_than_its_budget() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada, eve) = (server.tv().await, server.ada().await, server.person("eve", &[]).await);
    let mut counts = Counts::of(&wire, &server);
    let budgets: BTreeMap<_, _> = PAGES.into_iter().collect();
    ada.sign_in().await;
    eve.sign_in().await;
    let enrolled = eve.set_up_authenticator(&server.clock).await;
    let front_end = server.front_end(&ada).await;
    for time in 0..TIMES {
        let name = format!("bob-{time}");
        let bob = server.person(&name, &[]).await;
        let form_to_sign_in = bob.visit("/sign-in").await;
        counts.add("see the form to sign in", send(page(&server, &bob, "/sign-in"), 200, "")).await;
        let sign_in = |password: &str| {
            let answers = [("username", name.as_str()), ("password", password)];
            form(&server, &bob, (&form_to_sign_in, "/sign-in"), &answers)
        };
        counts.add("sign in with a wrong password", send(sign_in("wrong"), 400, "")).await;
        counts.add("sign in", send(sign_in(&bob.password), 303, "/device")).await;

        let eve = eve.at_another_browser();
        let sign_in = eve.visit("/sign-in").await;
        let answers = [("username", "eve"), ("password", eve.password.as_str())];
        let half = form(&server, &eve, (&sign_in, "/sign-in"), &answers);
        counts.add("sign in half", send(half, 303, "/sign-in/code")).await;
        let asked = eve.submit(&sign_in, "/sign-in", &answers).await;
        let asking = page(&server, &eve, "/sign-in/code");
        counts.add("see the form for the second factor", send(asking, 200, "")).await;
        let code = enrolled.app.next_code();
        let code = form(&server, &eve, (&asked, "/sign-in/code"), &[("code", &code)]);
        counts.add("sign in with the second factor", send(code, 303, "/device")).await;
        let again = eve.visit("/sign-in").await;
        let asked = eve.submit(&again, "/sign-in", &answers).await;
        let code =
            form(&server, &eve, (&asked, "/sign-in/code"), &[("code", &enrolled.recovery_codes[time])]);
        counts.add("sign in with a recovery code", send(code, 303, "/device")).await;

        let entry = ada.visit("/device").await;
        counts.add("see the form for a code", send(page(&server, &ada, "/device"), 200, "")).await;
        let enter = |code: &str| form(&server, &ada, (&entry, "/device"), &[("user_code", code)]);
        counts.add("enter a wrong code", send(enter("BBBB-BBBB"), 400, "")).await;
        for (deed, decision) in [("approve", "approve"), ("decline", "deny"), ("report", "")] {
            let started = tv.start("openid").await;
            let entered = send(enter(&started.user_code), 303, "/device/consent");
            counts.add("enter a code", entered).await;
            let seen = send(page(&server, &ada, "/device/consent"), 200, "");
            counts.add("see what a code asks for", seen).await;
            let consent = ada.visit("/device/consent").await;
            let (action, answers) = match decision {
                "" => ("/device/report", vec![]),
                decision => ("/device/consent", vec![("decision", decision)]),
            };
            let decided = form(&server, &ada, (&consent, action), &answers);
            counts.add(deed, send(decided, 200, "")).await;
        }
        let code = tv.start("openid").await.user_code;
        let seen = counts.add("see what a code asks for, at a front end", front_end.read(&code)).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let decided = front_end.decide(&code, "approve", json!({"arrival": "typed"}));
        counts.add("approve at a front end", decided).await.must_be_decided("approved");
        let code = tv.start("openid").await.user_code;
        let decided = front_end.decide(&code, "deny", json!({}));
        counts.add("decline at a front end", decided).await.must_be_decided("denied");
        bob.sign_in().await;
        let out = bob.visit("/device").await;
        let out = form(&server, &bob, (&out, "/sign-out"), &[]);
        counts.add("sign out", send(out, 303, "")).await;
        if counts.beyond(|deed| budgets.get(deed).copied()).is_empty() {
            break;
        }
    }
    let beyond = counts.beyond(|deed| budgets.get(deed).copied());
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
    assert_eq!(counts.least.len(), budgets.len(), "each budget was tried: {:?}", counts.least);
}

#[tokio::test]
async fn no_operation_makes_more_round_trips_than_its_budget() {
    let world = Box::pin(World::build()).await;
    let (wire, counted) = Box::pin(world.server.replica_on_a_wire()).await;
    let document = Document(world.server.get("/openapi.json").await.json);
    let operations = document.operations();
    let mut counts = Counts::of(&wire, &counted);
    let budget =
        |id: &str| OPERATIONS.iter().find(|(named, _)| *named == id).map_or(USUAL, |(_, budget)| *budget);
    for described in &operations {
        for case in cases(&described.operation, &world.estate).expect("somebody has thought of it") {
            let times = if described.operation.method.is_safe() { TIMES } else { 1 };
            for _ in 0..times {
                let ask = world.ask_as_at(&counted.base, Ask::of(described, &case), case.who);
                let answer = counts.add(described.id(), ask).await;
                assert!(answer.status.is_success(), "{} {answer:?}", described.id());
                if counts.least[described.id()] <= budget(described.id()) {
                    break;
                }
            }
        }
    }
    let beyond = counts.beyond(|id| Some(budget(id)));
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
    let known = |id: &str| operations.iter().any(|described| described.id() == id);
    let unknown: Vec<_> = OPERATIONS.iter().filter(|(id, _)| !known(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn no_deed_of_a_device_makes_more_round_trips_than_its_budget() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let mut counts = Counts::of(&wire, &server);
    let budgets = BTreeMap::from([("start", 2), ("poll", 1), ("collect", 3), ("refresh", 2)]);
    for _ in 0..TIMES {
        let started = counts.add("start", tv.start("openid offline_access")).await;
        counts.add("poll", tv.poll(&started)).await.must_be_error("authorization_pending");
        let decided = front_end.decide(&started.user_code, "approve", json!({})).await;
        decided.must_be_decided("approved");
        let collection = [("grant_type", DEVICE_GRANT), ("device_code", &started.device_code)];
        let tokens = counts.add("collect", tv.token(&collection)).await;
        tokens.must_be_tokens();
        let refresh = tokens.string("refresh_token");
        counts.add("refresh", tv.refresh(&refresh)).await.must_be_tokens();
        if counts.beyond(|deed| budgets.get(deed).copied()).is_empty() {
            break;
        }
    }
    let beyond = counts.beyond(|deed| budgets.get(deed).copied());
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}
