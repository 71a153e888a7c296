//! The console: for whom it is, and what its pages show and do.

mod audit;
mod clients;
mod devices;
mod keys;
mod overview;
mod sessions;
mod users;
mod walk;

use super::raw_browser::RawBrowser;
use crate::support::{Page, Person, TestServer};

/// Every page that is looked at.
const PAGES: [&str; 9] = [
    "/console",
    "/console/sessions",
    "/console/devices",
    "/console/users",
    "/console/users/new",
    "/console/clients",
    "/console/clients/new",
    "/console/keys",
    "/console/audit",
];
/// Every form that changes something.
const CHANGES: [&str; 17] = [
    "/console/devices/lock",
    "/console/devices/unlock",
    "/console/devices/disconnect",
    "/console/session/deny",
    "/console/clients/new",
    "/console/client/change",
    "/console/client/secret",
    "/console/client/secret/retire",
    "/console/users/new",
    "/console/user/change",
    "/console/user/standing",
    "/console/user/password-link",
    "/console/user/second-factor",
    "/console/user/sign-out",
    "/console/user/delete",
    "/console/client/try",
    "/console/keys/rotate",
];

/// Somebody with these roles, signed in.
async fn signed_in(server: &TestServer, name: &str, roles: &[&str]) -> Person {
    let person = server.person(name, roles).await;
    person.sign_in().await;
    person
}

/// Posts to a page of the console with the token of this browser's forms.
async fn post(person: &Person, action: &str, fields: &[(&str, &str)]) -> Page {
    let page = person.visit("/device").await;
    let csrf = page.html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.expect("a token"))]).collect();
    person.post(action, &fields).await
}

#[tokio::test]
async fn a_stranger_is_led_to_the_sign_in_and_back() {
    let server = TestServer::start().await;
    let root = server.person("root", &["admin"]).await;
    for path in PAGES {
        let page = root.at_another_browser().visit(path).await;
        assert_eq!(page.location, "/sign-in", "{path}");
    }
    let credentials = [("username", root.username.as_str()), ("password", root.password.as_str())];
    for wanted in
        ["/console/clients/new", "/console/audit?action=device_authorization.denied&actor=a%26b%22%2F%2F"]
    {
        let browser = root.at_another_browser();
        let asked = browser.visit(wanted).await;
        let page = browser.submit(&asked, "/sign-in", &credentials).await;
        assert_eq!(page.location, wanted);
        // Once: the next sign-in leads where everybody goes.
        browser.sign_out().await;
        assert_eq!(browser.sign_in().await.location, "/device");
    }
    root.sign_in().await;
    assert_eq!(root.visit("/admin").await.location, "/console");
}

#[tokio::test]
async fn nobody_is_led_where_this_server_has_not_pointed() {
    let server = TestServer::start().await;
    let root = server.person("root", &["admin"]).await;
    let mut browser = RawBrowser::of(&server);
    browser.get("/console/users").await;
    let sealed = browser.cookies["latchkey-then"].clone();
    for (value, location) in [
        (sealed, "/console/users"),
        ("/console/users".to_owned(), "/device"),
        ("https://evil.example/".to_owned(), "/device"),
        ("L2NvbnNvbGUvdXNlcnM".to_owned(), "/device"),
    ] {
        let mut browser = RawBrowser::of(&server);
        browser.cookies.insert("latchkey-then".to_owned(), value.clone());
        let page = browser.sign_in(&root).await;
        assert_eq!(page.header("location"), location, "{value}");
    }
}

#[tokio::test]
async fn a_form_that_is_sent_too_late_leads_back_to_its_section() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let page = root.visit("/console/keys").await;
    let csrf = page.form("/console/keys/rotate")["csrf"].clone();
    sqlx::query("UPDATE browser_sessions SET ended_at = created_at").execute(&server.app.db).await.unwrap();
    let asked = root.post("/console/keys/rotate", &[("csrf", &csrf), ("algorithm", "ES256")]).await;
    let credentials = [("username", root.username.as_str()), ("password", root.password.as_str())];
    assert_eq!(root.submit(&asked, "/sign-in", &credentials).await.location, "/console/keys");
}

#[tokio::test]
async fn an_auditor_looks_and_changes_nothing_and_others_are_kept_out() {
    let server = TestServer::start().await;
    let started = server.tv().await.start("openid").await;
    let (eve, bob) = (signed_in(&server, "eve", &["auditor"]).await, signed_in(&server, "bob", &[]).await);
    for path in PAGES {
        assert_eq!(eve.visit(path).await.status, 200, "{path}");
        let page = bob.visit(path).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(page.says("role admin or auditor"), "{path}");
    }
    let list = eve.visit("/console/sessions").await;
    assert!(list.says(&started.user_code) && !list.says("/console/session/deny"), "{list:?}");
    for action in CHANGES {
        for person in [&eve, &bob] {
            let page = post(person, action, &[("id", "tv")]).await;
            assert_eq!(
                (page.status.as_u16(), page.says("Only the role admin can make changes.")),
                (403, true),
                "{action}"
            );
        }
    }
    // So many of one address are written down in a moment.
    assert_eq!(server.audited("administration.refused", "refused").await, 10);
}

#[tokio::test]
async fn no_form_is_taken_without_its_token() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    for action in CHANGES {
        for csrf in ["", "another's"] {
            assert_eq!(root.post(action, &[("csrf", csrf), ("id", "tv")]).await.status, 403, "{action}");
        }
    }
}

#[tokio::test]
async fn an_administrator_of_one_tenant_is_nobody_in_another() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let (acme, base) = server.tenant("acme").await;
    let boss = server.person_of(acme, &base, "boss", &["admin"]).await;
    boss.sign_in().await;
    let list = boss.visit("/console/sessions").await;
    assert!(list.status == 200 && !list.says(&started.user_code), "{list:?}");
    let id = sessions::only_session(&server).await;
    assert_eq!(boss.visit(&format!("/console/session?id={id}")).await.status, 404);
    assert_eq!(post(&boss, "/console/session/deny", &[("id", &id)]).await.status, 404);
    assert_eq!(boss.visit("/console/client?id=tv").await.status, 404);
    assert_eq!(post(&boss, "/console/client/try", &[("id", "tv")]).await.status, 404);
    let elsewhere = boss.visit(&format!("{}/console/sessions", server.base)).await;
    assert_eq!(elsewhere.location, "/sign-in");
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn names_are_text_and_never_markup_and_only_our_own_script_may_run() {
    let server = TestServer::start().await;
    let name = "evil&<i>'";
    let hostile = "\"><script>alert('x')</script><b x='";
    let root = signed_in(&server, "root", &["admin"]).await;
    let tv = server.client(name, "openid", |client| client.name = hostile.to_owned()).await;
    tv.ask(&[("scope", "openid"), ("device_name", hostile), ("os", hostile)]).await;
    let id = sessions::only_session(&server).await;
    let session = format!("/console/session?id={id}");
    let client = "/console/client?id=evil%26%3Ci%3E%27";
    let form = "/console/client/change?id=evil%26%3Ci%3E%27";
    let search = "/console/sessions?client=%22%3E%3Cscript%3E&user=%22%3E%3Cscript%3E";
    let users = "/console/users?q=%22%3E%3Cscript%3E&role=%22%3E%3Cscript%3E";
    for path in PAGES.into_iter().chain([session.as_str(), client, form, search, users]) {
        let page = root.visit(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.html.matches("<script").count(), 1, "{path}");
        assert!(!page.says("<b x=") && !page.says("<i>") && !page.says(" style="), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn whose_role_demands_a_second_factor_needs_one_here() {
    let server = TestServer::with(|config| {
        config.sign_in.second_factor_for_roles = vec!["admin".parse().expect("a role")];
    })
    .await;
    let root = signed_in(&server, "root", &["admin"]).await;
    assert_eq!(root.visit("/console/sessions").await.location, "/account/security/authenticator");
    let denied = post(&root, "/console/keys/rotate", &[("algorithm", "ES256"), ("when", "known")]).await;
    assert_eq!(denied.location, "/account/security/authenticator");
    assert_eq!(server.audited("signing_key.announced", "success").await, 0);
}
