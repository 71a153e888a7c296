//! Accounts.

use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::support::device::send;
use crate::support::{Answer, Person};

const LIST: &str = "/admin/users";
const NEW_PASSWORD: &str = "a wholly new passphrase";

impl Office {
    async fn create(&self, body: Value) -> Answer {
        self.tell(Method::POST, LIST, &body).await
    }

    async fn path_of_user(&self, username: &str) -> String {
        format!("{LIST}/{}", self.server.user_id(username).await)
    }
}

/// The path and query of a link in an answer.
fn link(office: &Office, url: &Value) -> String {
    url.as_str().and_then(|url| url.strip_prefix(&office.server.base)).expect("a link of ours").to_owned()
}

#[tokio::test]
async fn an_unknown_role_is_rejected_with_the_known_ones() {
    let office = Office::build().await;
    office.server.scope("servers", Some("ops")).await;
    let refused = office.create(json!({"username": "grace", "roles": ["ops", "admni"]})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["errors"][0]["field"]),
        (422, &json!("roles")),
        "{refused:?}"
    );
    let said = refused.json["errors"][0]["message"].as_str().expect("a message");
    assert!(said.contains("admin, auditor, ops"), "{said}");
    office.server.person("heidi", &["old"]).await;
    let path = office.path_of_user("heidi").await;
    // A role that the account has may stay, whatever has become of what asked for it.
    assert_eq!(office.tell(Method::PATCH, &path, &json!({"roles": ["old", "ops"]})).await.status, 200);
    assert_eq!(office.tell(Method::PATCH, &path, &json!({"roles": ["older"]})).await.status, 422);
}

#[tokio::test]
async fn a_new_person_chooses_their_own_password_once() {
    let office = Office::build().await;
    office.server.scope("servers", Some("ops")).await;
    let created = office
        .create(json!({"username": "Grace", "display_name": "Grace Hopper", "email": "g@example.org",
                       "email_verified": true, "roles": ["ops", "auditor", "ops"]}))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("etag"), "\"1\"");
    let path = office.path_of_user("grace").await;
    assert_eq!(created.header("location"), path);
    assert_eq!(created.json["roles"], json!(["auditor", "ops"]));
    assert_eq!((&created.json["status"], &created.json["email_verified"]), (&json!("active"), &json!(true)));
    let to_form = link(&office, &created.json["set_password"]["url"]);
    let grace = Person::new(&office.server.base, "grace", NEW_PASSWORD);
    assert_eq!(grace.sign_in().await.status, 400);
    let form = grace.visit(&to_form).await;
    assert!(form.is_titled("set-password-title") && form.says("Grace"), "{form:?}");
    for (password, again, error) in [
        ("short", "short", "password-error-length"),
        ("gracegracegrace", "gracegracegrace", "password-error-username"),
        (NEW_PASSWORD, "a wholly other passphrase", "set-password-error-different"),
    ] {
        let answers = [("password", password), ("password_again", again)];
        let refused = grace.submit(&form, "/set-password", &answers).await;
        assert_eq!(refused.status, 400);
        assert!(refused.shows(error), "{error}: {refused:?}");
    }
    let answers = [("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    let done = grace.submit(&form, "/set-password", &answers).await;
    assert!(done.is_titled("set-password-done-title"), "{done:?}");
    for over in [grace.submit(&form, "/set-password", &answers).await, grace.visit(&to_form).await] {
        assert_eq!(over.status, 404);
        assert!(over.is_titled("set-password-over-title"), "{over:?}");
    }
    assert_eq!(grace.sign_in().await.status, 200);
    let shown = office.get(&path).await;
    assert!(shown.json.get("set_password").is_none(), "{shown:?}");
    let trail = &office.server.rows().await["audit_events"];
    assert!(
        !trail.contains("lkp_") && !trail.contains(NEW_PASSWORD) && !trail.contains("g@example.org"),
        "{trail}"
    );
    assert_eq!(office.server.audited("user.password_chosen", "success").await, 1);
}

#[tokio::test]
async fn a_reset_voids_the_link_before_and_signs_browsers_out_when_it_is_used() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    ada.sign_in().await;
    let tokens = office.tv.connect(&ada, "openid offline_access").await;
    let path = format!("{}/reset-password", office.path_of_user("ada").await);
    let first = link(&office, &office.post(&path).await.json["url"]);
    let second = office.post(&path).await;
    let second = link(&office, &second.json["url"]);
    let stranger = Person::new(&office.server.base, "ada", NEW_PASSWORD);
    assert_eq!(stranger.visit(&first).await.status, 404);
    let (_, base) = office.of_another_tenant().await;
    assert_eq!(stranger.visit(&format!("{base}{second}")).await.status, 404);
    let form = stranger.visit(&second).await;
    assert_eq!(ada.visit("/device").await.status, 200);
    let answers = [("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    stranger.submit(&form, "/set-password", &answers).await;
    assert_eq!(ada.at_another_browser().sign_in().await.status, 400);
    assert!(ada.visit("/device").await.html.find("/sign-out").is_none(), "the browser before is out");
    office.tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    let third = link(&office, &office.post(&path).await.json["url"]);
    office.server.clock.advance(24.0 * 3600.0);
    assert_eq!(stranger.visit(&third).await.status, 404);
}

#[tokio::test]
async fn what_an_account_cannot_be_is_told_by_field() {
    let office = Office::build().await;
    for (body, field) in [
        (json!({"username": " x"}), "username"),
        (json!({"username": "x", "email": "nowhere"}), "email"),
        (json!({"username": "x", "display_name": "\u{202e}x"}), "display_name"),
        (json!({"username": "x", "roles": ["ok", "NO"]}), "roles[1]"),
        (json!({"username": "x", "password": "correct horse battery"}), "password"),
        (json!({}), "username"),
    ] {
        let answer = office.create(body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (422, "validation_failed"),
            "{body}: {answer:?}"
        );
        assert_eq!(answer.json["errors"][0]["field"], field, "{answer:?}");
    }
    let taken = office.create(json!({"username": "ROOT"})).await;
    assert_eq!((taken.status.as_u16(), taken.error()), (409, "username_taken"));
    office.must_be_closed(Method::POST, LIST).await;
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_seen() {
    let office = Office::build().await;
    office.server.ada().await;
    let path = office.path_of_user("ada").await;
    let seen = office.get(&path).await.header("etag").to_owned();
    let change = json!({"display_name": "Countess", "email": "new@example.org"});
    let changed = office.tell_version(Method::PATCH, &path, &change, &seen).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json["display_name"], "Countess");
    assert_eq!(changed.json["email_verified"], false, "another address is not proven");
    assert_ne!(changed.header("etag"), seen);
    let stale = office.tell_version(Method::PATCH, &path, &json!({"display_name": null}), &seen).await;
    assert_eq!((stale.status.as_u16(), stale.error()), (412, "stale"), "{stale:?}");
    let gone = office.tell_version(Method::DELETE, &path, &json!({}), &seen).await;
    assert_eq!(gone.status, 412, "{gone:?}");
    assert_eq!(office.get(&path).await.json["display_name"], "Countess");
    let cleared = office
        .tell_version(Method::PATCH, &path, &json!({"display_name": null}), changed.header("etag"))
        .await;
    assert_eq!(cleared.json["display_name"], Value::Null, "{cleared:?}");
    for bad in [json!({"status": "asleep"}), json!({"username": "other"}), json!({"roles": "admin"})] {
        let answer = office.tell(Method::PATCH, &path, &bad).await;
        assert_eq!(answer.status, 422, "{bad}: {answer:?}");
    }
}

#[tokio::test]
async fn a_disabled_account_loses_what_is_connected_and_a_locked_one_only_waits() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let tokens = office.tv.connect(&ada, "openid offline_access").await;
    let refresh = tokens.string("refresh_token");
    let path = office.path_of_user("ada").await;
    for (status, works) in [("locked", false), ("active", true)] {
        let answer = office.tell(Method::PATCH, &path, &json!({"status": status})).await;
        assert_eq!(answer.json["status"], status, "{answer:?}");
        let userinfo = office.ask_with(Method::GET, "/oauth/userinfo", &tokens).await;
        assert_eq!(userinfo.status == 200, works, "{status}");
    }
    for status in ["disabled", "active"] {
        office.tell(Method::PATCH, &path, &json!({"status": status})).await;
        office.tv.refresh(&refresh).await.must_be_error("invalid_grant");
    }
    let changes = "SELECT count(*) FROM audit_events WHERE action = 'user.changed' AND actor_kind = 'user'
                   AND details -> 'before' ->> 'status' <> details -> 'after' ->> 'status' AND request_id IS NOT NULL";
    assert_eq!(office.server.count(changes).await, 4);
}

#[tokio::test]
async fn signing_somebody_out_ends_their_devices_and_browsers() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let tokens = office.tv.connect(&ada, "openid offline_access").await;
    let path = office.path_of_user("ada").await;
    assert_eq!(office.post(&format!("{path}/sign-out")).await.status, 204);
    office.tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(office.ask_with(Method::GET, "/oauth/userinfo", &tokens).await.status, 401);
    assert!(ada.visit("/device").await.html.find("/sign-out").is_none());
    office.must_be_closed(Method::POST, &format!("{path}/sign-out")).await;
}

#[tokio::test]
async fn who_lost_their_second_factor_signs_in_with_the_password_alone() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    ada.sign_in().await;
    ada.set_up_authenticator(&office.server.clock).await;
    let waiting = ada.at_another_browser();
    assert_eq!(waiting.sign_in().await.location, "/sign-in/code");
    let path = format!("{}/second-factor", office.path_of_user("ada").await);
    let removed = office.ask(Method::DELETE, &path).await;
    assert_eq!((removed.status.as_u16(), removed.text.as_str()), (204, ""), "{removed:?}");
    assert_eq!(ada.at_another_browser().sign_in().await.location, "/device");
    assert_ne!(waiting.visit("/sign-in/code").await.location, "/sign-in/code");
    let left = "SELECT (SELECT count(*) FROM totp_secrets) + (SELECT count(*) FROM recovery_codes)";
    assert_eq!(office.server.count(left).await, 0);
    let again = office.ask(Method::DELETE, &path).await;
    assert_eq!((again.status.as_u16(), again.error()), (404, "second_factor_not_found"), "{again:?}");
    let told = office.get("/admin/audit-log?action=second_factor.removed").await.json["events"].clone();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    let (actor, target) = (office.server.user_id("root").await, office.server.user_id("ada").await);
    assert_eq!(told[0]["actor"]["id"], actor.to_string(), "{told}");
    assert_eq!(told[0]["target"]["id"], target.to_string(), "{told}");
    office.must_be_closed(Method::DELETE, &path).await;
}

#[tokio::test]
async fn a_second_factor_is_not_removed_by_its_own_administrator_nor_from_a_browser_that_stood_open() {
    let office = Office::build().await;
    let grace = office.server.person("grace", &["admin"]).await;
    grace.sign_in().await;
    grace.set_up_authenticator(&office.server.clock).await;
    let ada = office.server.ada().await;
    ada.sign_in().await;
    ada.set_up_authenticator(&office.server.clock).await;
    let list = send(grace.fetch(format!("{}{LIST}", office.server.base))).await;
    let csrf = list.header("x-csrf-token").to_owned();
    let remove = async |path: &str| {
        let url = format!("{}{path}/second-factor", office.server.base);
        send(grace.browser().delete(url).header("x-csrf-token", &csrf)).await
    };
    let (own, adas) = (office.path_of_user("grace").await, office.path_of_user("ada").await);
    let refused = remove(&own).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (409, "own_account"), "{refused:?}");
    office.server.clock.advance(901.0);
    let refused = remove(&adas).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "fresh_sign_in_required"), "{refused:?}");
    assert_eq!(office.server.count("SELECT count(*) FROM totp_secrets").await, 2);
    assert_eq!(office.server.audited("second_factor.removed", "success").await, 0);
}

#[tokio::test]
async fn nobody_shuts_out_themself_or_the_last_administrator() {
    let office = Office::build().await;
    let own = office.path_of_user("root").await;
    for change in [json!({"status": "disabled"}), json!({"status": "locked"})] {
        let answer = office.tell(Method::PATCH, &own, &change).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (409, "own_account"), "{answer:?}");
    }
    assert_eq!(office.ask(Method::DELETE, &own).await.error(), "own_account");
    office.server.scope("servers", Some("ops")).await;
    let last = office.tell(Method::PATCH, &own, &json!({"roles": ["ops"]})).await;
    assert_eq!((last.status.as_u16(), last.error()), (409, "last_admin"), "{last:?}");
    office.server.person("second", &["admin"]).await;
    let second = office.path_of_user("second").await;
    assert_eq!(office.tell(Method::PATCH, &second, &json!({"status": "disabled"})).await.status, 200);
    // A disabled administrator does not count.
    assert_eq!(office.tell(Method::PATCH, &own, &json!({"roles": []})).await.error(), "last_admin");
    office.tell(Method::PATCH, &second, &json!({"status": "active"})).await;
    assert_eq!(office.tell(Method::PATCH, &own, &json!({"roles": []})).await.status, 200);
    // From this moment on the token opens nothing here.
    assert_eq!(office.get(LIST).await.status, 403);
}

#[tokio::test]
async fn two_administrators_who_dismiss_each_other_at_once_leave_one() {
    let office = Office::build().await;
    let second = office.server.person("second", &["admin"]).await;
    let theirs = office.console.connect(&second, "openid admin").await;
    let other = Office {
        server: office.server.replica().await,
        console: office.console.clone(),
        tv: office.tv.clone(),
        admin: theirs,
    };
    let (one, two) = (office.path_of_user("root").await, office.path_of_user("second").await);
    let body = json!({"roles": []});
    let (a, b) =
        tokio::join!(office.tell(Method::PATCH, &two, &body), other.tell(Method::PATCH, &one, &body));
    let done = [&a, &b].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "{a:?} {b:?}");
    let left = "SELECT count(*) FROM users WHERE 'admin' = ANY (roles)";
    assert_eq!(office.server.count(left).await, 1);
}

#[tokio::test]
async fn accounts_are_listed_newest_first_by_filter_and_tenant() {
    let office = Office::build().await;
    for name in ["one", "two", "three"] {
        office.server.clock.advance(1.0);
        office.server.person(name, &[name]).await;
    }
    let names = |answer: &Answer| -> Vec<String> {
        let users = answer.json["users"].as_array().unwrap();
        users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&office.get(LIST).await), ["three", "two", "one", "root"]);
    let first = office.get(&format!("{LIST}?limit=3")).await;
    let rest = office.get(&format!("{LIST}?limit=3&cursor={}", first.string("next_cursor"))).await;
    assert_eq!((names(&rest), &rest.json["next_cursor"]), (vec!["root".to_owned()], &Value::Null));
    assert_eq!(names(&office.get(&format!("{LIST}?role=two")).await), ["two"]);
    assert_eq!(names(&office.get(&format!("{LIST}?username=ONE")).await), ["one"]);
    assert!(names(&office.get(&format!("{LIST}?status=disabled")).await).is_empty());
    for bad in ["status=x", "role=A", "limit=0", "cursor=x"] {
        assert_eq!(office.get(&format!("{LIST}?{bad}")).await.status, 400, "{bad}");
    }
    assert!(!office.get(LIST).await.text.contains("argon2"));
    let (theirs, base) = office.of_another_tenant().await;
    assert_eq!(names(&office.ask_with(Method::GET, &format!("{base}{LIST}"), &theirs).await), ["root"]);
    let foreign = office.path_of_user("one").await;
    for (method, path) in [
        (Method::GET, foreign.clone()),
        (Method::DELETE, foreign.clone()),
        (Method::POST, format!("{foreign}/sign-out")),
        (Method::POST, format!("{foreign}/reset-password")),
        (Method::DELETE, format!("{foreign}/second-factor")),
    ] {
        let answer = office.ask_with(method, &format!("{base}{path}"), &theirs).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (404, "user_not_found"), "{path}: {answer:?}");
    }
    office.must_be_closed(Method::GET, LIST).await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_its_devices() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let tokens = office.tv.connect(&ada, "openid offline_access").await;
    let path = office.path_of_user("ada").await;
    let gone = office.ask(Method::DELETE, &path).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    office.tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(office.get(&path).await.status, 404);
    assert_eq!(office.server.count("SELECT count(*) FROM devices WHERE client_id = 'tv'").await, 0);
    assert_eq!(office.server.audited("user.deleted", "success").await, 1);
    office.must_be_closed(Method::DELETE, &path).await;
}

#[tokio::test]
async fn an_account_is_created_with_its_link_or_not_at_all() {
    let office = Office::build().await;
    let root = office.server.person("boss", &["admin"]).await;
    root.sign_in().await;
    let form = root.visit("/console/users/new").await;
    let users = office.server.count("SELECT count(*) FROM users").await;
    office.server.execute("ALTER TABLE password_links RENAME TO elsewhere").await;
    let new = json!({"username": "new"});
    assert_eq!(office.tell(Method::POST, "/admin/users", &new).await.status, 500);
    assert_eq!(root.submit(&form, "/console/users/new", &[("username", "new")]).await.status, 500);
    assert_eq!(office.server.count("SELECT count(*) FROM users").await, users);
    office.server.execute("ALTER TABLE elsewhere RENAME TO password_links").await;
    assert_eq!(office.tell(Method::POST, "/admin/users", &new).await.status, 201);
}
