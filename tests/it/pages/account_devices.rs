//! `/account/devices`: a person looks after what they connected.

use crate::support::{Answer, Device, Page, Person, TestServer};

const SCOPES: &str = "openid offline_access";
const HERE: &str = "/account/devices";

struct Home {
    server: TestServer,
    tv: Device,
    ada: Person,
    tokens: Answer,
}

impl Home {
    async fn build() -> Self {
        let server = TestServer::start().await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        let asked = tv.ask(&[("scope", SCOPES), ("device_name", "<b>TV</b>"), ("os", "Tizen")]).await;
        ada.approve(&asked.string("user_code")).await;
        let tokens = tv.poll_code(&asked.string("device_code"), &[]).await;
        Self { server, tv, ada, tokens }
    }

    async fn submit(&self, action: &str, answers: &[(&str, &str)]) -> Page {
        let page = self.ada.visit(HERE).await;
        self.ada.submit(&page, action, answers).await
    }
}

#[tokio::test]
async fn a_person_sees_what_is_connected_and_where_they_are_signed_in() {
    let home = Home::build().await;
    let before = home.server.rows().await;
    let page = home.ada.visit(HERE).await;
    assert_eq!(page.status, 200);
    for words in
        ["&#60;b&#62;TV&#60;/b&#62;", "The tv app", "Tizen", "127.0.0.1", "Browser/1.0", "(this browser)"]
    {
        assert!(page.html.contains(words), "{words}: {page:?}");
    }
    assert_eq!(home.server.rows().await, before, "looking changes nothing");
    assert!(home.ada.visit("/device").await.html.contains("/account/devices"), "every page leads there");
    let stranger = home.ada.at_another_browser().visit(HERE).await;
    assert!(stranger.location.ends_with("/sign-in"), "{stranger:?}");
}

#[tokio::test]
async fn a_device_is_renamed_in_place() {
    let home = Home::build().await;
    let page = home.submit("/account/devices/rename", &[("name", "Küche 📺")]).await;
    assert!(page.location.ends_with(HERE) && page.html.contains("Küche 📺"), "{page:?}");
    let refused = home.submit("/account/devices/rename", &[("name", "a\u{202e}b")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.html.contains("role=\"alert\"") && refused.html.contains("Küche 📺"), "{refused:?}");
    let cleared = home.submit("/account/devices/rename", &[("name", "")]).await;
    assert!(!cleared.html.contains("Küche"), "{cleared:?}");
    assert_eq!(home.server.audited("device.changed", "success").await, 2);
}

#[tokio::test]
async fn a_device_is_locked_unlocked_and_disconnected() {
    let home = Home::build().await;
    let locked = home.submit("/account/devices/lock", &[]).await;
    assert!(locked.html.contains("Locked"), "{locked:?}");
    home.tv.userinfo(&home.tokens.string("access_token")).await.must_be_an_invalid_token();
    home.submit("/account/devices/unlock", &[]).await;
    assert_eq!(home.tv.userinfo(&home.tokens.string("access_token")).await.status, 200);
    let empty = home.submit("/account/devices/disconnect", &[]).await;
    assert!(empty.html.contains("No device is connected"), "{empty:?}");
    home.tv.refresh(&home.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn nobody_touches_what_is_anothers() {
    let home = Home::build().await;
    let page = home.ada.visit(HERE).await;
    let device = page.form("/account/devices/lock")["device"].clone();
    let bob = home.server.person("bob", &[]).await;
    bob.sign_in().await;
    let csrf = bob.visit(HERE).await.form("/account/sign-out-everywhere")["csrf"].clone();
    let browser: String = sqlx::query_scalar(
        "SELECT s.id::text FROM browser_sessions s JOIN users u ON u.id = s.user_id
                            WHERE u.username = 'ada' AND s.ended_at IS NULL",
    )
    .fetch_one(&home.server.app.db)
    .await
    .unwrap();
    for action in ["rename", "lock", "unlock", "disconnect"] {
        let fields = [("csrf", csrf.as_str()), ("device", &device), ("name", "mine")];
        assert!(bob.post(&format!("/account/devices/{action}"), &fields).await.location.ends_with(HERE));
        let forged = [("csrf", "x"), ("device", device.as_str())];
        assert_eq!(home.ada.post(&format!("/account/devices/{action}"), &forged).await.status, 403);
    }
    bob.post("/account/browsers/end", &[("csrf", &csrf), ("browser", &browser)]).await;
    let after = home.ada.visit(HERE).await;
    assert!(after.html.contains("&#60;b&#62;TV") && after.html.contains("Connected."), "{after:?}");
    assert_eq!(home.tv.userinfo(&home.tokens.string("access_token")).await.status, 200);
}

#[tokio::test]
async fn another_browser_is_signed_out_alone() {
    let home = Home::build().await;
    let other = home.ada.at_another_browser();
    other.sign_in().await;
    home.submit("/account/browsers/end", &[]).await;
    assert!(other.visit(HERE).await.location.ends_with("/sign-in"));
    assert!(home.ada.visit(HERE).await.location.ends_with(HERE));
    assert_eq!(home.server.audited("browser_session.ended", "success").await, 1);
    assert_eq!(home.tv.userinfo(&home.tokens.string("access_token")).await.status, 200);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_of_it() {
    let home = Home::build().await;
    let other = home.ada.at_another_browser();
    other.sign_in().await;
    let page = home.submit("/account/sign-out-everywhere", &[]).await;
    assert!(page.location.ends_with("/sign-in"), "{page:?}");
    for browser in [&home.ada, &other] {
        assert!(browser.visit(HERE).await.location.ends_with("/sign-in"));
    }
    home.tv.refresh(&home.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(home.server.audited("user.signed_out_everywhere", "success").await, 1);
    // What a person ended, they may begin anew.
    home.server.clock.advance(1.0);
    assert!(home.ada.sign_in().await.location.ends_with("/device"));
}
