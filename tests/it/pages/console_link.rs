//! The way to the console: after the first administrator's set-up, and on every page of those whose role opens it.

use latchkey::domain::first_administrator::{Invitation, invite};

use crate::support::{Person, TestServer};

const PASSWORD: &str = "a wholly new passphrase";
const LINK: &str = "href=\"/admin\"";

#[tokio::test]
async fn the_first_administrator_arrives_in_the_console() {
    let server = TestServer::with(|config| {
        config.sign_in.second_factor_for_roles = vec!["admin".parse().expect("a role")];
    })
    .await;
    let Ok(Invitation::Made { url, .. }) = invite(&server.app).await else { panic!("no link") };
    let grace = Person::new(&server.base, "grace", PASSWORD);
    let form = grace.visit(&url).await;
    let answers = [("username", "grace"), ("password", PASSWORD), ("password_again", PASSWORD)];
    let done = grace.submit(&form, "/first-administrator", &answers).await;
    assert!(done.says("href=\"/sign-in\""), "{done:?}");
    assert_eq!(grace.sign_in().await.location, "/account/security/authenticator");
    let codes = grace.set_up_authenticator(&server.clock).await.page;
    assert!(codes.says("<a class=\"button primary\" href=\"/admin\">"), "{codes:?}");
    let console = grace.visit("/admin").await;
    assert_eq!((console.status.as_u16(), console.location.as_str()), (200, "/console"), "{console:?}");
}

#[tokio::test]
async fn an_account_with_a_role_sees_the_console_link_on_every_page() {
    let server = TestServer::start().await;
    for (name, roles, shown) in
        [("root", vec!["admin"], true), ("eve", vec!["auditor"], true), ("ada", vec!["editor"], false)]
    {
        let person = server.person(name, &roles).await;
        assert!(!person.visit("/device").await.says(LINK));
        person.sign_in().await;
        for path in ["/device", "/account/devices", "/account/security", "/account/security/password"] {
            assert_eq!(person.visit(path).await.says(LINK), shown, "{name} {path}");
        }
    }
}
