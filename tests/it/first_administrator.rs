//! A server without an administrator makes a link for the first one: once, for an hour, in no log.

use latchkey::domain::first_administrator::{Invitation, invite};
use rustix::process::Signal;
use serde_json::Value;

use crate::command_line::process::{DataDir, SharedDatabase, run_with_line};
use crate::support::{Page, Person, TestServer};

const PASSWORD: &str = "a wholly new passphrase";
const PAGE: &str = "/first-administrator";

async fn invited(server: &TestServer) -> String {
    match invite(&server.app).await.expect("the database answers") {
        Invitation::Made { url, .. } => url.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn fill_in(person: &Person, form: &Page, name: &str, password: &str, again: &str) -> Page {
    let answers = [("username", name), ("password", password), ("password_again", again)];
    person.submit(form, PAGE, &answers).await
}

#[tokio::test]
async fn whoever_opens_the_link_makes_the_first_administrator_once() {
    let server = TestServer::start().await;
    let link = invited(&server).await;
    let grace = Person::new(&server.base, "grace", PASSWORD);
    let form = grace.visit(&link).await;
    assert!(form.status == 200 && form.is_titled("first-administrator-title"), "{form:?}");
    for (name, password, again, error) in [
        ("grace", "short", "short", "password-error-length"),
        ("grace", PASSWORD, "a wholly other passphrase", "set-password-error-different"),
        (" grace", PASSWORD, PASSWORD, "first-administrator-error-name"),
        ("gracegracegrace", "gracegracegrace", "gracegracegrace", "password-error-username"),
    ] {
        let refused = fill_in(&grace, &form, name, password, again).await;
        assert_eq!(refused.status, 400);
        assert!(refused.shows(error) && !refused.says(PASSWORD), "{refused:?}");
    }
    let done = fill_in(&grace, &form, "grace", PASSWORD, PASSWORD).await;
    assert!(done.status == 200 && done.shows("first-administrator-done"), "{done:?}");
    for over in [fill_in(&grace, &form, "eve", PASSWORD, PASSWORD).await, grace.visit(&link).await] {
        assert!(over.status == 404 && over.is_titled("first-administrator-over-title"), "{over:?}");
    }
    grace.sign_in().await;
    let users = grace.fetch(format!("{}/admin/users", server.base));
    let users = crate::support::device::send(users).await.json;
    assert_eq!(users["users"].as_array().map(Vec::len), Some(1), "{users}");
    assert_eq!(users["users"][0]["roles"], serde_json::json!(["admin"]));
    assert!(matches!(invite(&server.app).await, Ok(Invitation::Needless)));
    assert_eq!(server.audited("first_administrator.invited", "success").await, 1);
    let by: (String, bool) = sqlx::query_as(
        "SELECT actor_kind, ip_address IS NOT NULL FROM audit_events WHERE action = 'user.created'",
    )
    .fetch_one(&server.app.db)
    .await
    .expect("the event");
    assert_eq!(by, ("anyone".to_owned(), true));
    for (table, rows) in server.rows().await {
        assert!(!rows.contains("lkf_"), "{table}");
    }
}

#[tokio::test]
async fn the_link_is_good_for_an_hour_and_for_no_other_tenant() {
    let server = TestServer::start().await;
    let link = invited(&server).await;
    assert!(matches!(invite(&server.app).await, Ok(Invitation::MadeBefore { .. })));
    let (_, acme) = server.tenant("acme").await;
    let eve = Person::new(&server.base, "eve", PASSWORD);
    let path = link.strip_prefix(&server.base).expect("a link of ours");
    assert_eq!(eve.visit(&format!("{acme}{path}")).await.status, 404);
    for bad in ["", "?token=", "?token=lkf_x", &path.replace("lkf_", "lkp_")[PAGE.len()..]] {
        assert_eq!(eve.visit(&format!("{PAGE}{bad}")).await.status, 404, "{bad}");
    }
    server.clock.advance(3_599.0);
    let form = eve.visit(&link).await;
    assert_eq!(form.status, 200);
    server.clock.advance(1.0);
    assert_eq!(eve.visit(&link).await.status, 404);
    assert_eq!(fill_in(&eve, &form, "eve", PASSWORD, PASSWORD).await.status, 404);
    let next = invited(&server).await;
    assert_ne!(next, link);
    assert_eq!(eve.visit(&link).await.status, 404);
    assert_eq!(eve.visit(&next).await.status, 200);
}

#[tokio::test]
async fn an_administrator_made_otherwise_voids_the_link() {
    let server = TestServer::start().await;
    let link = invited(&server).await;
    let eve = Person::new(&server.base, "eve", PASSWORD);
    let form = eve.visit(&link).await;
    server.person("root", &["admin"]).await;
    assert_eq!(eve.visit(&link).await.status, 404);
    assert_eq!(fill_in(&eve, &form, "eve", PASSWORD, PASSWORD).await.status, 404);
    assert_eq!(server.count("SELECT count(*) FROM users").await, 1);
    // A locked one is one all the same: who locked it out is not to be let in by a restart.
    server.set_standing("root", latchkey::model::user::Standing::Disabled).await;
    assert!(matches!(invite(&server.app).await, Ok(Invitation::Needless)));
}

#[tokio::test]
async fn two_who_use_the_link_at_once_make_one_administrator() {
    let server = TestServer::start().await;
    let link = invited(&server).await;
    let (one, other) =
        (Person::new(&server.base, "one", PASSWORD), Person::new(&server.base, "other", PASSWORD));
    let (first, second) = (one.visit(&link).await, other.visit(&link).await);
    let (first, second) = tokio::join!(
        fill_in(&one, &first, "one", PASSWORD, PASSWORD),
        fill_in(&other, &second, "other", PASSWORD, PASSWORD)
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    assert_eq!(server.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn of_many_servers_that_start_one_makes_the_link() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (one, other) = (&server.app, &replica.app);
    let made: [_; 4] = tokio::join!(invite(one), invite(other), invite(one), invite(other)).into();
    let made = made.map(|invitation| invitation.expect("the database answers"));
    let links = made.iter().filter(|invitation| matches!(invitation, Invitation::Made { .. })).count();
    assert_eq!(links, 1, "{made:?}");
    assert_eq!(server.audited("first_administrator.invited", "success").await, 1);
}

#[tokio::test]
async fn the_first_start_shows_the_link_and_no_log_has_it() {
    let shared = SharedDatabase::new().await;
    let (first, shown) = shared.serve_and_read();
    let link = shown.lines().find(|line| line.starts_with("http")).expect("a link").to_owned();
    assert!(link.contains("/first-administrator?token=lkf_"), "{shown}");
    let (second, nothing) = shared.serve_and_read();
    assert_eq!(nothing, "", "a link that is still good is not shown again");
    for server in [first, second] {
        let (status, log) = server.stop(Signal::TERM);
        assert!(status.success() && !log.join("\n").contains("lkf_"), "{log:?}");
    }
}

#[test]
fn a_start_with_an_administrator_shows_nothing() {
    let data = DataDir::with_cluster();
    let name = ["admin", "create-user", "root", "--role", "admin", "--password-stdin", "--json"];
    let made = run_with_line(data.latchkey(&name), PASSWORD);
    assert!(made.status.success(), "{made:?}");
    let _: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let (server, shown) = data.serve_and_read();
    assert_eq!(shown, "");
    server.kill();
}
