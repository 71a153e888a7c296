//! What people do at the same moment shares a statement. Each of them gets what they would have got alone.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use latchkey::domain::{audit, mac_keys};
use latchkey::model::attempt_budget::{Guard, Refill};
use latchkey::model::device_authorization::{Authentication, CodeArrival};
use latchkey::model::ids::{ApproverId, DeviceAuthorizationId, RequestId, UserId};
use latchkey::model::request_origin::RequestOrigin;
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user_code::UserCode;
use latchkey::store::attempt_budgets::{FIRST_WAY, GivenBack, Guarded, Hold};
use latchkey::store::batches::{BatchQueue, Means, OfTenant};
use latchkey::store::device_authorizations::decisions::{self, Decision, NewApproval, ShapedGrant};
use latchkey::store::device_authorizations::openings::{self, Claim, Entry};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::patience::PATIENCE;
use crate::support::{Person, Started, TestServer};

/// Does all of it in one statement; the outcomes in their order.
async fn together<I: OfTenant, O: Send + 'static>(
    server: &TestServer,
    queue: BatchQueue<I, O>,
    items: Vec<I>,
) -> Vec<O> {
    let clock = server.clock.clone();
    let means = Means {
        db: server.app.db.clone(),
        reachability: Arc::default(),
        limit: PATIENCE,
        now: Arc::new(move || clock.now()),
    };
    let submitted = join_all(items.into_iter().map(|item| queue.submit(item)));
    let (outcomes, ()) = tokio::join!(submitted, queue.carry_out_next(&means));
    outcomes.into_iter().map(|outcome| outcome.expect("the database answers")).collect()
}

fn origin(server: &TestServer) -> RequestOrigin {
    let request_id = RequestId(server.app.random.uuid_v7(server.clock.now()));
    RequestOrigin { request_id, ip_address: [127, 0, 0, 1].into(), user_agent: None }
}

/// A code that a person has open.
struct Held {
    started: Started,
    id: DeviceAuthorizationId,
    approver: ApproverId,
    user: UserId,
}

async fn held(server: &TestServer, person: &Person, started: Started) -> Held {
    person.open(&started.user_code).await;
    let id = server.read_code(&started.device_code).await.authorization();
    let mut db = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let find =
        "SELECT s.id, s.user_id FROM device_authorizations d JOIN browser_sessions s ON s.id = d.opened_by
                WHERE d.id = $1";
    let (approver, user): (Uuid, Uuid) =
        sqlx::query_as(find).bind(id.0).fetch_one(&mut db).await.expect("somebody has it open");
    Held { started, id, approver: ApproverId(approver), user: UserId(user) }
}

async fn decision(server: &TestServer, held: &Held, approver: ApproverId, is_yes: bool) -> Decision {
    let at = server.clock.now();
    let scopes = ScopeSet::parse("openid offline_access").expect("scopes");
    let grant = ShapedGrant { scopes, trusted: false, device_name: None, lifetime_seconds: None };
    let authentication = Authentication { auth_time: at, amr: vec!["pwd".to_owned()] };
    let approval = NewApproval { grant, authentication, confirmation: None, notice: None };
    Decision {
        tenant: DEFAULT_TENANT,
        id: held.id,
        approver,
        user: held.user,
        approval: is_yes.then(|| Box::new(approval)),
        audit: audit::event_key(&server.app, DEFAULT_TENANT, at).await.expect("a key"),
        details: json!({}),
        origin: origin(server),
        at,
    }
}

#[tokio::test]
async fn decisions_at_the_same_moment_are_each_taken_or_refused_alone() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let tv = server.tv().await;
    let mut codes = Vec::new();
    for name in ["ada", "bob", "eve", "dan"] {
        let person = server.person(name, &[]).await;
        codes.push(held(&server, &person, tv.start("openid offline_access").await).await);
    }
    let [ada, bob, eve, dan] = &codes[..] else { panic!("four of them") };
    let asked = vec![
        decision(&server, ada, ada.approver, true).await,
        decision(&server, bob, bob.approver, false).await,
        // Bob's browser does not have Eve's code open.
        decision(&server, eve, bob.approver, true).await,
        decision(&server, dan, dan.approver, true).await,
        decision(&server, dan, dan.approver, false).await,
    ];
    let before = server.count("SELECT count(*) FROM audit_events").await;
    let taken = together(&server, decisions::queue(), asked).await;
    let [adas, bobs, eves, yes, no] = taken[..] else { panic!("five outcomes") };
    assert_eq!((adas, bobs, eves), (Some(()), Some(()), None));
    assert!(yes.is_some() ^ no.is_some(), "{yes:?} {no:?}");
    assert_eq!(server.count("SELECT count(*) FROM audit_events").await - before, 3);
    server.hear_all().await;
    tv.poll(&ada.started).await.must_be_tokens();
    tv.poll(&bob.started).await.must_be_error("access_denied");
    tv.poll(&eve.started).await.must_be_error("authorization_pending");
    let dans = tv.poll(&dan.started).await;
    assert_eq!(dans.status == 200, yes.is_some(), "{dans:?}");
}

#[tokio::test]
async fn of_people_who_open_a_code_at_the_same_moment_one_has_it() {
    let server = TestServer::start().await;
    let (tv, ada, bob) = (server.tv().await, server.ada().await, server.person("bob", &[]).await);
    let (adas, bobs) = (
        held(&server, &ada, tv.start("openid").await).await,
        held(&server, &bob, tv.start("openid").await).await,
    );
    let wanted = server.read_code(&tv.start("openid").await.device_code).await.authorization();
    let at = server.clock.now();
    let mut claims = Vec::new();
    for holder in [&adas, &bobs] {
        claims.push(Claim {
            tenant: DEFAULT_TENANT,
            id: wanted,
            opened_count: 0,
            opened_by: None,
            asked_from: Some("127.0.0.1/32".parse().expect("a network")),
            approver: holder.approver,
            user: holder.user,
            arrival: CodeArrival::Typed,
            audit: audit::event_key(&server.app, DEFAULT_TENANT, at).await.expect("a key"),
            details: json!({}),
            origin: origin(&server),
            at,
        });
    }
    let opened = together(&server, openings::claims(), claims).await;
    assert_eq!(opened.iter().flatten().count(), 1, "{opened:?}");
    let open = "SELECT count(*) FROM device_authorizations WHERE opened_by IS NOT NULL";
    // Whoever has it put down what they had before; the other one keeps theirs.
    assert_eq!(server.count(open).await, 2);
}

/// An entry of a code by an account whose guard has room for five.
async fn entry(server: &TestServer, code: &str, user: Uuid, at: DateTime<Utc>) -> Entry {
    let refill = Refill::AfterQuiet(TimeDelta::minutes(10));
    let guard = |name, capacity| Guard { name, capacity, refill };
    let guards = Guarded::default().and(guard("code/account", 5.0), user.to_string(), FIRST_WAY).and(
        guard("code/tenant", 100.0),
        "",
        FIRST_WAY,
    );
    let code = UserCode::parse(code).expect("a code");
    Entry {
        hold: Hold { tenant: DEFAULT_TENANT, id: server.app.random.uuid_v7(at), at, guards },
        back: GivenBack::default(),
        user_code_mac: mac_keys::codes::user_code(&server.app, DEFAULT_TENANT, &code).await.expect("a key"),
        idle: TimeDelta::hours(1),
    }
}

#[tokio::test]
async fn guesses_at_the_same_moment_never_pass_the_budget_and_disturb_nobody_else() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let (code, at) = (tv.start("openid").await.user_code, server.clock.now());
    let mut few = Vec::new();
    for account in [1, 1, 2] {
        few.push(entry(&server, &code, Uuid::from_u128(account), at).await);
    }
    let quotes = together(&server, openings::entries(), few).await;
    let answers: Vec<_> = quotes
        .iter()
        .flatten()
        .map(|(quotes, found)| (quotes.way, found.as_ref().is_ok_and(Option::is_some)))
        .collect();
    assert_eq!(answers, [(1, true); 3]);
    let of_tenant = "SELECT sum(cardinality(holds)) FROM attempt_holds WHERE guard = 'code/tenant'";
    assert_eq!(server.count(of_tenant).await, 3);

    let mut many = Vec::new();
    for account in [1, 1, 3, 1, 1, 3, 1] {
        let guessed = if account == 1 { "BBBB-BBBB" } else { &code };
        many.push(entry(&server, guessed, Uuid::from_u128(account), at).await);
    }
    let quotes = together(&server, openings::entries(), many).await;
    let answers: Vec<_> = quotes
        .iter()
        .flatten()
        .map(|(quotes, found)| (quotes.way, found.as_ref().is_ok_and(Option::is_some)))
        .collect();
    let (room, found, none) = ((1, false), (1, true), (0, false));
    assert_eq!(answers, [room, room, found, room, none, found, none]);
    let account = "SELECT sum(cardinality(holds)) FROM attempt_holds WHERE guard = 'code/account'";
    assert_eq!(server.count(account).await, 3 + 5);
}
