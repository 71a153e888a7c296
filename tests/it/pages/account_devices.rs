//! `/account/devices`: a person looks after what they connected.

use latchkey::languages::Language;
use serde_json::json;

use crate::support::device::send;
use crate::support::person::FIREFOX;
use crate::support::{Answer, Device, Page, Person, TestServer, words};

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
    let browser = ["<bdi>Firefox on Linux</bdi>", "(this browser)", FIREFOX];
    for words in ["&#60;b&#62;TV&#60;/b&#62;", "The tv app", "Tizen", "127.0.0.1"].into_iter().chain(browser)
    {
        assert!(page.html.contains(words), "{words}: {page:?}");
    }
    assert_eq!(home.server.rows().await, before, "looking changes nothing");
    assert!(home.ada.visit("/device").await.html.contains("/account/devices"), "every page leads there");
    let stranger = home.ada.at_another_browser().visit(HERE).await;
    assert!(stranger.location.ends_with("/sign-in"), "{stranger:?}");
}

#[tokio::test]
async fn devices_without_a_name_are_told_apart_wherever_they_are_shown() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let root = server.person("root", &["admin"]).await;
    root.sign_in().await;
    let programs = ["gh/2.62.0 (linux; amd64)", "kubelogin/1.31 (darwin; arm64)", "", ""];
    let mut shown = Vec::new();
    for program in programs {
        let request = tv.request("/oauth/device-authorization").header("user-agent", program);
        let started = send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await;
        let consent = ada.open(&started.string("user_code")).await;
        let before = words::before_value("consent-name-default");
        let label = consent.html.split(&before).nth(1).and_then(|rest| rest.split('”').next());
        let label = label.expect("a label").replace("<bdi translate=\"no\">", "").replace("</bdi>", "");
        ada.decide(&consent, "approve").await;
        tv.poll_code(&started.string("device_code"), &[]).await.must_be_tokens();
        shown.push(label);
        server.clock.advance(1.0);
    }
    assert_eq!(shown[..2], ["gh on Linux", "kubelogin on a Mac"]);
    assert!(shown[2] != shown[3] && shown[2].starts_with("The tv app ("), "{shown:?}");
    let list = ada.visit(HERE).await;
    let console = root.visit("/console/devices").await;
    let rest = send(ada.fetch(format!("{}/devices", server.base))).await;
    for (label, device) in shown.iter().rev().zip(rest.json.as_array().expect("a list")) {
        assert!(list.says(&format!(">{label}</bdi></h2>")), "{label}: {list:?}");
        // Where no person reads, the client goes by its identifier.
        let label = label.replace("The tv app", "tv");
        assert!(console.says(&format!(">{label}</bdi></th>")), "{label}: {console:?}");
        assert_eq!((&device["name"], &device["display_name"]), (&json!(null), &json!(label)));
    }
}

#[tokio::test]
async fn a_browser_that_nobody_knows_is_given_no_name_whatever_it_calls_itself() {
    let home = Home::build().await;
    let claim = "Firefox on Linux, checked by your bank";
    let other = home.ada.at_another_browser();
    let form = other.visit("/sign-in").await;
    let request = other.browser().post(format!("{}/sign-in", home.ada.base)).header("user-agent", claim);
    let mut fields = form.form("/sign-in");
    fields.insert("username".to_owned(), home.ada.username.clone());
    fields.insert("password".to_owned(), home.ada.password.clone());
    let page = Page::read(request.form(&fields).send().await.expect("the server answers")).await;
    assert_ne!(page.location, "/sign-in", "{page:?}");
    let page = home.ada.visit(HERE).await;
    assert!(page.html.contains("<bdi>Unknown browser</bdi>"), "{page:?}");
    assert!(page.html.contains(&format!("<bdi translate=\"no\">{claim}</bdi>")), "{page:?}");
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
    assert!(home.ada.sign_in().await.location.ends_with(HERE), "they came from there");
}

#[tokio::test]
async fn places_and_times_are_told_in_words_in_the_readers_language() {
    let home = Home::build().await;
    home.server.execute(r#"UPDATE devices SET place = '{"city": "Berlin", "country": "DE"}'"#).await;
    home.server.execute(r#"UPDATE browser_sessions SET place = '{"country": "FR"}'"#).await;
    home.server.clock.advance(7.0 * 60.0);
    let told = async |language: &str| {
        let asked = home.ada.browser().get(format!("{}{HERE}", home.server.base));
        let page = Page::read(asked.header("accept-language", language).send().await.expect("an answer"));
        page.await.html.replace(r#"<bdi translate="no">Berlin</bdi>"#, "Berlin")
    };
    for (language, places) in [
        (Language::English, ["Berlin, Germany, 7 minutes ago", "France, 7 minutes ago"]),
        (Language::German, ["Berlin, Deutschland, vor 7 Minuten", "Frankreich, vor 7"]),
        (Language::SimplifiedChinese, ["德国 Berlin，7 分钟前", "法国，7 分钟前"]),
    ] {
        let html = told(language.tag()).await;
        let days = language.t("span-days").number("count", 89);
        let words =
            [language.t("devices-left"), days, language.t("devices-lock")].map(|words| words.to_string());
        for words in places.into_iter().chain(words.iter().map(String::as_str)) {
            assert!(html.contains(words), "{words} in {html}");
        }
    }
    let german = told("de").await;
    for english in ["Your devices", "Connected", "Last seen", "Disconnect", "browser", "Sign out"] {
        assert!(!german.contains(&format!(">{english}")), "{english} in {german}");
    }
}

#[tokio::test]
async fn what_a_device_may_do_is_told_in_words() {
    let home = Home::build().await;
    let page = home.ada.visit(HERE).await;
    assert!(
        page.shows("devices-scopes") && page.says(&words::of_scope("offline_access", Language::English)),
        "{page:?}"
    );
    assert!(!page.says(&words::of_scope("email", Language::English)), "{page:?}");
}

#[tokio::test]
async fn trust_is_taken_away_by_a_button() {
    let home = Home::build().await;
    assert!(!home.ada.visit(HERE).await.says("/account/devices/distrust"));
    home.server
        .execute("UPDATE devices SET trusted = true, expires_at = created_at + interval '365 days'")
        .await;
    assert!(home.ada.visit(HERE).await.shows("devices-trusted"));
    let page = home.submit("/account/devices/distrust", &[]).await;
    assert!(
        page.shows("devices-connected") && page.says("90 days") && !page.shows("devices-distrust"),
        "{page:?}"
    );
    assert_eq!(home.server.audited("device.distrusted", "success").await, 1);
    assert_eq!(home.tv.userinfo(&home.tokens.string("access_token")).await.status, 200);
}

#[tokio::test]
async fn a_name_that_was_not_taken_stays_in_its_field_with_the_reason() {
    let home = Home::build().await;
    let refused = home.submit("/account/devices/rename", &[("name", "a\u{202e}b")]).await;
    assert!(refused.says("<title>Error: Your devices"), "{refused:?}");
    assert!(refused.says("a\u{202e}b") && refused.says("aria-invalid=\"true\""), "{refused:?}");
    assert!(refused.shows("consent-name-error") && refused.says("<details open>"), "{refused:?}");
}

/// Gives her so many devices more, all of them older than what she has.
async fn connect_more(home: &Home, count: i32) {
    sqlx::query(
        "INSERT INTO devices (id, tenant_id, user_id, client_id, name, created_at, updated_at, last_login_at, last_seen_at,
                              granted_scopes, auth_time, amr, expires_at, token_hash, exchanged_at)
         SELECT gen_random_uuid(), tenant_id, user_id, client_id, 'number ' || n, created_at - make_interval(mins => n),
                updated_at, last_login_at, last_seen_at, '{openid}', auth_time, '{pwd}', expires_at, '', exchanged_at
         FROM devices, generate_series(1, $1) AS n",
    )
    .bind(count)
    .execute(&home.server.app.db)
    .await
    .expect("more devices");
}

#[tokio::test]
async fn more_than_a_hundred_devices_are_leafed_through() {
    let home = Home::build().await;
    connect_more(&home, 120).await;
    let first = home.ada.visit(HERE).await;
    let part = |first: &str, last: &str| {
        words::t("devices-part").text("first", first).text("last", last).text("total", "121").to_string()
    };
    assert!(first.says(&part("1", "100")) && first.says("number 99<"), "{first:?}");
    assert!(!first.says("number 100<") && !first.says("rel=\"prev\""));
    let second = home.ada.visit("/account/devices?offset=100").await;
    assert!(first.says("href=\"/account/devices?offset=100\"") && second.says(&part("101", "121")));
    assert!(second.says("number 100<") && second.says("href=\"/account/devices?offset=0\""));
    assert!(
        second.says("name=\"return_to\" value=\"/account/devices?offset=100\""),
        "the language keeps the part"
    );
    let renamed = home.ada.submit(&second, "/account/devices/rename", &[("name", "Attic")]).await;
    assert!(renamed.location.ends_with("?offset=100") && renamed.says("Attic"), "{}", renamed.location);
    for (offset, lands) in [("400", "?offset=100"), ("-5", "?offset=-5"), ("x", "?offset=x")] {
        let page = home.ada.visit(&format!("/account/devices?offset={offset}")).await;
        assert!(page.status == 200 && page.location.ends_with(lands), "{}", page.location);
    }
}

#[tokio::test]
async fn whoever_signs_in_from_here_comes_back_here() {
    let home = Home::build().await;
    for path in [HERE, "/account/security"] {
        let browser = home.ada.at_another_browser();
        let asked = browser.visit(path).await;
        assert!(asked.location.ends_with("/sign-in"), "{asked:?}");
        let back = browser.sign_in().await;
        assert!(back.location.ends_with(path), "{path}: {back:?}");
        assert!(browser.visit("/sign-in").await.location.ends_with("/device"), "but once");
    }
}
