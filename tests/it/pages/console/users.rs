//! People's accounts in the console.

use super::{post, signed_in};
use crate::support::person::FIREFOX;
use crate::support::{Page, TestServer};

/// Where an account's page is.
async fn page_of(server: &TestServer, name: &str) -> String {
    format!("/console/user?id={}", server.user_id(name).await)
}

/// The link that a page shows once.
fn link(page: &Page) -> String {
    let at = page.html.find("<code class=\"secret\" translate=\"no\">").expect("a link");
    page.html[at..].split(['>', '<']).nth(2).expect("its text").to_owned()
}

#[tokio::test]
async fn people_are_found_by_name_status_and_role() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.person("bob", &["maker"]).await;
    server.set_standing("bob", latchkey::model::user::Standing::Locked).await;
    for (query, found) in [
        ("", true),
        ("?q=&status=&role=", true),
        ("?q=BO", true),
        ("?q=lovelace", true),
        ("?q=bob%40example", true),
        ("?q=%25", false),
        ("?q=nobody", false),
        ("?status=locked&role=maker", true),
        ("?status=active", false),
        ("?role=admin", false),
        ("?role=Not+one", false),
    ] {
        let page = root.visit(&format!("/console/users{query}")).await;
        assert_eq!((page.status.as_u16(), page.says(">bob</bdi>")), (200, found), "{query}");
    }
    assert!(root.visit("/console/users?role=Not+one").await.says("a role must have 1 to 64"));
    assert_eq!(root.visit("/console/users?status=odd").await.status, 400);
    assert_eq!(root.visit("/console/users?cursor=x").await.status, 400);
}

#[tokio::test]
async fn pages_of_people_follow_each_other_and_keep_their_filters() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    sqlx::query(
        "INSERT INTO users (id, tenant_id, username, password_hash, created_at, updated_at)
         SELECT gen_random_uuid(), tenant_id, 'crowd-' || n, 'x', created_at, updated_at
         FROM users, generate_series(1, 53) AS n WHERE username = 'root'",
    )
    .execute(&server.app.db)
    .await
    .expect("they are made");
    let shown = |page: &Page| page.html.matches(">crowd-").count();
    let first = root.visit("/console/users?q=crowd&status=active").await;
    assert_eq!(shown(&first), 50);
    let older = first.html.split("href=\"").find(|part| part.contains("cursor=")).expect("a link");
    let older = older.split('"').next().unwrap().replace("&#38;", "&");
    assert!(older.starts_with("/console/users?q=crowd&status=active&cursor="), "{older}");
    assert_eq!(shown(&root.visit(&older).await), 3);
    assert_eq!(root.visit(&older.replace("q=crowd", "q=c")).await.status, 400);
}

#[tokio::test]
async fn an_account_is_made_and_its_person_chooses_the_password() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.scope("making", Some("maker")).await;
    let form = root.visit("/console/users/new").await;
    let answers = [("username", "kim"), ("display_name", "Kim <b>"), ("roles", "maker auditor maker")];
    let made = root.submit(&form, "/console/users/new", &answers).await;
    assert!(made.says("auditor maker</span>") && made.says("Kim &#60;b&#62;"), "{made:?}");
    let kim = root.at_another_browser();
    let choice = kim.visit(&link(&made)).await;
    let password = [("password", "a wholly new passphrase"), ("password_again", "a wholly new passphrase")];
    assert_eq!(kim.submit(&choice, "/set-password", &password).await.status, 200);
    assert!(!root.visit(&page_of(&server, "kim").await).await.says("/set-password"));
    for (answers, told) in [
        ([("username", "KIM"), ("roles", ""), ("email", "")], "a user with this name already exists"),
        ([("username", " kim"), ("roles", ""), ("email", "")], "a username must have 1 to 64"),
        ([("username", "lee"), ("roles", "No Role"), ("email", "")], "a role must have 1 to 64"),
        ([("username", "lee"), ("roles", "admni"), ("email", "")], "known roles are admin, auditor, maker"),
        ([("username", "lee"), ("roles", ""), ("email", "nowhere")], "an email address must"),
    ] {
        let page = root.submit(&form, "/console/users/new", &answers).await;
        assert_eq!((page.status.as_u16(), page.says(told)), (400, true), "{told}: {}", page.html);
    }
    assert_eq!(server.audited("user.created", "success").await, 2, "root and kim");
}

#[tokio::test]
async fn an_account_is_changed_unless_it_has_changed_since() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.ada().await;
    let id = server.user_id("ada").await.to_string();
    let form = root.visit(&format!("/console/user/change?id={id}")).await;
    let answers = [("display_name", ""), ("email", "countess@example.org"), ("roles", "auditor")];
    let page = root.submit(&form, "/console/user/change", &answers).await;
    assert_eq!(page.location, format!("/console/user?id={id}"));
    assert!(page.says("countess@example.org") && page.says("auditor</span>"), "{page:?}");
    assert!(!page.says("Ada Lovelace"));
    let stale = root.submit(&form, "/console/user/change", &[("roles", "admin")]).await;
    assert_eq!(stale.status, 400);
    assert!(!root.visit(&page_of(&server, "ada").await).await.says("admin</span>"));
    let own = root.visit(&format!("/console/user/change?id={}", server.user_id("root").await)).await;
    let last = root.submit(&own, "/console/user/change", &[("roles", "")]).await;
    assert_eq!((last.status.as_u16(), last.says("at least one active administrator")), (400, true));
    assert_eq!(post(&root, "/console/user/change", &[("id", &id)]).await.status, 400, "no version");
}

#[tokio::test]
async fn a_page_tells_all_that_belongs_to_an_account() {
    let server = TestServer::start().await;
    let (root, ada, tv) =
        (signed_in(&server, "root", &["admin"]).await, server.ada().await, server.tv().await);
    ada.sign_in().await;
    tv.connect(&ada, "openid offline_access").await;
    let page = root.visit(&page_of(&server, "ada").await).await;
    assert!(page.says("<a id=\"devices\" href=\"/console/devices?user=ada\">1</a>"), "{page:?}");
    assert!(page.says("ada@example.org") && page.says("device_authorization.approved"));
    assert!(
        page.says("<bdi class=\"address\" translate=\"no\">127.0.0.1</bdi>")
            && !page.says("remove-second-factor")
    );
    assert!(page.says("Firefox on Linux <span") && page.says(&format!(">{FIREFOX}</bdi>")), "{page:?}");
    ada.set_up_authenticator(&server.clock).await;
    let page = root.visit(&page_of(&server, "ada").await).await;
    assert!(page.says(">authenticator app<") && page.says("remove-second-factor"));
    let eve = signed_in(&server, "eve", &["auditor"]).await;
    let looked_at = eve.visit(&page_of(&server, "ada").await).await;
    assert!(looked_at.status == 200 && !looked_at.says("/console/user/"), "{looked_at:?}");
    let own = root.visit(&page_of(&server, "root").await).await;
    for action in ["standing", "second-factor", "delete"] {
        assert!(!own.says(&format!("/console/user/{action}")), "{action}");
    }
}

#[tokio::test]
async fn a_browser_that_nobody_knows_is_given_no_name_and_what_it_says_stays_text() {
    let server = TestServer::start().await;
    let (root, ada) = (signed_in(&server, "root", &["admin"]).await, server.ada().await);
    let form = ada.visit("/sign-in").await;
    let mut fields = form.form("/sign-in");
    fields.insert("username".to_owned(), ada.username.clone());
    fields.insert("password".to_owned(), ada.password.clone());
    let request = ada.browser().post(format!("{}/sign-in", ada.base));
    let request = request.header("user-agent", "Firefox on Linux <b>checked</b>").form(&fields);
    request.send().await.expect("the server answers");
    let page = root.visit(&page_of(&server, "ada").await).await;
    assert!(page.says("Unknown<br>") && page.says("Linux &#60;b&#62;checked&#60;/b&#62;</bdi>"), "{page:?}");
    assert!(!page.says("<b>checked"), "{page:?}");
}

#[tokio::test]
async fn an_account_is_deleted_after_a_question() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let (name, tv) = ("ada<b>", server.tv().await);
    let ada = server.person(name, &["maker"]).await;
    let tokens = tv.connect(&ada, "openid offline_access").await;
    let page = root.visit(&page_of(&server, name).await).await;
    let question = page.location.replace("user?", "user/delete?");
    assert!(page.says(&format!("href=\"{question}\"")), "{page:?}");
    let asked = root.visit(&question).await;
    for words in ["Delete <bdi translate=\"no\">ada&#60;b&#62;</bdi>?", "maker</span>", "<dd>1</dd>"] {
        assert!(asked.says(words), "{words}: {asked:?}");
    }
    assert_eq!(server.audited("user.deleted", "success").await, 0, "a question changes nothing");
    let done = root.submit(&asked, "/console/user/delete", &[]).await;
    assert_eq!(done.location, "/console/users?done=deleted");
    assert!(done.says("User deleted.") && !done.says("ada&#60;b"), "{done:?}");
    assert_eq!(root.visit(&page.location).await.status, 404);
    assert_eq!(root.visit(&question).await.status, 404);
    assert_eq!(root.submit(&asked, "/console/user/delete", &[]).await.status, 404, "twice");
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(ada.at_another_browser().sign_in().await.status, 400);
    let by_root = "SELECT count(*) FROM audit_events e JOIN users u ON u.id::text = e.actor_id
                   WHERE e.action = 'user.deleted' AND u.username = 'root'";
    assert_eq!(server.count(by_root).await, 1);
}

#[tokio::test]
async fn an_account_stays_that_is_ones_own_has_clients_or_has_changed_since_the_question() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.ada().await;
    let question = page_of(&server, "ada").await.replace("user?", "user/delete?");
    let asked = root.visit(&question).await;
    let refused = async |page: &Page, words: &str| {
        let refused = root.submit(page, "/console/user/delete", &[]).await;
        assert_eq!((refused.status.as_u16(), refused.says(words)), (409, true), "{words}: {refused:?}");
    };
    server.set_standing("ada", latchkey::model::user::Standing::Locked).await;
    refused(&asked, "Nothing was changed: the resource has changed").await;
    let owner = server.user_id("ada").await;
    server.client("lamp", "openid", |client| client.owner = Some(owner)).await;
    refused(&root.visit(&question).await, "the user owns clients; delete them first").await;

    let own = server.user_id("root").await.to_string();
    let asked = root.visit(&format!("/console/user/delete?id={own}")).await;
    assert!(asked.says("your own account") && !asked.says("action=\"/console/user/delete\""), "{asked:?}");
    for version in ["1", "", "x"] {
        let page = post(&root, "/console/user/delete", &[("id", &own), ("version", version)]).await;
        let words = if version == "1" {
            "you cannot do this to your own account"
        } else {
            "the resource has changed"
        };
        assert_eq!((page.status.as_u16(), page.says(words)), (409, true), "{version}: {page:?}");
    }
    let eve = signed_in(&server, "eve", &["auditor"]).await;
    let looked_at = eve.visit(&question).await;
    assert!(looked_at.status == 200 && !looked_at.says("action=\"/console/user/delete\""), "{looked_at:?}");
    assert_eq!(server.audited("user.deleted", "success").await, 0);
}

#[tokio::test]
async fn an_account_is_locked_unlocked_and_disabled_but_not_ones_own() {
    let server = TestServer::start().await;
    let (root, ada) = (signed_in(&server, "root", &["admin"]).await, server.ada().await);
    let page = root.visit(&page_of(&server, "ada").await).await;
    for (word, may_sign_in) in [("locked", false), ("active", true), ("disabled", false)] {
        let page = root.submit(&page, "/console/user/standing", &[("status", word)]).await;
        assert!(page.says(&format!("status {word}")), "{page:?}");
        let browser = ada.at_another_browser();
        assert_eq!(browser.sign_in().await.status == 200, may_sign_in, "{word}");
    }
    let odd = root.submit(&page, "/console/user/standing", &[("status", "odd")]).await;
    assert_eq!(odd.status, 400);
    let own = server.user_id("root").await.to_string();
    let refused = post(&root, "/console/user/standing", &[("id", &own), ("status", "disabled")]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.says("you cannot do this to your own account")),
        (409, true)
    );
}

#[tokio::test]
async fn who_lost_everything_gets_in_again_and_who_lost_a_device_is_signed_out() {
    let server = TestServer::start().await;
    let (root, ada, tv) =
        (signed_in(&server, "root", &["admin"]).await, server.ada().await, server.tv().await);
    ada.sign_in().await;
    let tokens = tv.connect(&ada, "openid offline_access").await;
    ada.set_up_authenticator(&server.clock).await;
    let page = root.visit(&page_of(&server, "ada").await).await;
    let removed = root.submit(&page, "/console/user/second-factor", &[]).await;
    assert!(removed.says("the password alone is enough to sign in"), "{removed:?}");
    assert_eq!(ada.at_another_browser().sign_in().await.location, "/device");
    let again = root.submit(&page, "/console/user/second-factor", &[]).await;
    assert!(again.says("Two-step verification was already off."));
    assert_eq!(server.audited("second_factor.removed", "success").await, 1);

    let linked = root.submit(&page, "/console/user/password-link", &[]).await;
    assert_eq!((linked.status.as_u16(), ada.visit(&link(&linked)).await.status.as_u16()), (200, 200));

    let out = root.submit(&page, "/console/user/sign-out", &[]).await;
    assert!(out.says("Signed out everywhere.") && out.says("<p>None.</p>"), "{out:?}");
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");

    let own = server.user_id("root").await.to_string();
    let refused = post(&root, "/console/user/second-factor", &[("id", &own)]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.says("you cannot do this to your own account")),
        (409, true)
    );
}

#[tokio::test]
async fn an_account_of_another_tenant_is_no_account() {
    let server = TestServer::start().await;
    server.ada().await;
    let id = server.user_id("ada").await.to_string();
    let (acme, base) = server.tenant("acme").await;
    let boss = server.person_of(acme, &base, "boss", &["admin"]).await;
    boss.sign_in().await;
    assert!(!boss.visit("/console/users").await.says(">ada<"));
    for id in [id.as_str(), "", "x", "00000000-0000-0000-0000-000000000000"] {
        for page in ["user", "user/change", "user/delete"] {
            assert_eq!(boss.visit(&format!("/console/{page}?id={id}")).await.status, 404, "{page} {id}");
        }
        for action in ["change", "standing", "password-link", "second-factor", "sign-out", "delete"] {
            let fields = [("id", id), ("status", "disabled")];
            let page = post(&boss, &format!("/console/user/{action}"), &fields).await;
            assert_eq!(page.status, 404, "{action} {id}");
        }
    }
    assert_eq!(server.audited("user.changed", "success").await, 0);
    assert_eq!(server.audited("user.deleted", "success").await, 0);
}

#[tokio::test]
async fn who_signed_in_long_ago_signs_in_again_before_an_account_is_touched() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.ada().await;
    let here = page_of(&server, "ada").await;
    let (page, form) = (root.visit(&here).await, root.visit("/console/users/new").await);
    let deletion = root.visit(&here.replace("user?", "user/delete?")).await;
    server.clock.advance(901.0);
    let credentials = [("username", root.username.as_str()), ("password", root.password.as_str())];
    for action in ["standing", "password-link", "sign-out"] {
        let asked = root.submit(&page, &format!("/console/user/{action}"), &[]).await;
        assert_eq!(asked.location, "/sign-in", "{action}");
    }
    for (page, action) in [(&form, "/console/users/new"), (&deletion, "/console/user/delete")] {
        let asked = root.submit(page, action, &[("username", "kim")]).await;
        assert_eq!(asked.location, "/sign-in", "{action}");
    }
    assert_eq!(server.audited("user.deleted", "success").await, 0);
    assert!(!root.visit("/console/users?q=kim").await.says(">kim<"));
    let asked = root.submit(&page, "/console/user/sign-out", &[]).await;
    let back = root.submit(&asked, "/sign-in", &credentials).await;
    assert_eq!(back.location, format!("{here}&done=again"));
    assert!(back.says("You have signed in again."));
    assert_eq!(server.audited("user.signed_out_everywhere", "success").await, 0);
    let done = root.submit(&back, "/console/user/sign-out", &[]).await;
    assert!(done.says("Signed out everywhere."), "{done:?}");
}
