//! Clients in the console.

use super::{post, sessions, signed_in};
use crate::support::TestServer;

#[tokio::test]
async fn a_client_is_registered_shown_and_changed() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let form = root.visit("/console/clients/new").await;
    let answers = [
        ("id", "radio/1 & co".replace(' ', "+")),
        ("client_name", "Radio".to_owned()),
        ("auth_method", "none".to_owned()),
    ];
    let answers: Vec<_> = answers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = root.submit(&form, "/console/clients/new", &answers).await;
    assert_eq!(page.location, "/console/client?id=radio%2F1%2B%26%2Bco");
    assert!(page.says("Radio") && page.says("device_code"), "{page:?}");
    assert!(root.visit("/console/clients?q=RADIO").await.says("radio/1+&#38;+co"));
    assert!(!root.visit("/console/clients?q=nothing").await.says("Radio"));

    let again = root.submit(&form, "/console/clients/new", &answers).await;
    assert_eq!((again.status.as_u16(), again.says("a client of this id already")), (400, true));

    let change = root.visit("/console/client/change?id=radio%2F1%2B%26%2Bco").await;
    let page = root.submit(&change, "/console/client/change", &[("client_name", "Wireless")]).await;
    assert!(page.status == 200 && page.says("Wireless"), "{page:?}");
    let stale = root.submit(&change, "/console/client/change", &[("client_name", "Third")]).await;
    assert_eq!((stale.status.as_u16(), stale.says("Third")), (400, true));
    assert!(!root.visit("/console/clients").await.says("Third"));
}

#[tokio::test]
async fn what_does_not_fit_is_told_and_what_was_typed_stays() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let form = root.visit("/console/clients/new").await;
    for (answers, told) in [
        ([("id", ""), ("scopes", "openid")], "client_id"),
        ([("id", "two words"), ("scopes", "openid")], "client_id"),
        ([("id", "radio"), ("scopes", "openid no:such")], "no scope no:such"),
    ] {
        let answers: Vec<_> =
            answers.into_iter().chain([("client_name", "Radio & Co"), ("auth_method", "none")]).collect();
        let page = root.submit(&form, "/console/clients/new", &answers).await;
        assert_eq!(page.status, 400, "{told}");
        assert!(page.says(told) && page.says("Radio &#38; Co"), "{told}: {}", page.html);
    }
    assert_eq!(server.audited("client.created", "success").await, 0);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_tries_the_client() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let form = root.visit("/console/clients/new").await;
    let answers = [("id", "gate"), ("client_name", "Gate"), ("auth_method", "client_secret_basic")];
    let made = root.submit(&form, "/console/clients/new", &answers).await;
    let secret = |html: &str| {
        let at = html.find("<code class=\"secret\" translate=\"no\">").expect("a secret");
        html[at..].split(['>', '<']).nth(2).expect("its text").to_owned()
    };
    let first = secret(&made.html);
    let shown = root.visit("/console/client?id=gate").await;
    assert!(!shown.says(&first));
    let rotated = root.submit(&shown, "/console/client/secret", &[]).await;
    let second = secret(&rotated.html);
    assert_ne!(first, second);
    let stale = root.submit(&shown, "/console/client/secret", &[]).await;
    assert_eq!(stale.status, 409);

    let wrong = root.submit(&shown, "/console/client/try", &[("secret", "wrong")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.says("invalid_client")), (400, true));
    let tried = root.submit(&shown, "/console/client/try", &[("secret", &second)]).await;
    assert!(tried.says("Tried from the console") && tried.says("/device/qr?user_code="), "{tried:?}");
}

#[tokio::test]
async fn a_tried_client_shows_its_code_and_what_is_decided_and_no_token() {
    let server = TestServer::start().await;
    server.tv().await;
    let (root, ada) = (signed_in(&server, "root", &["admin"]).await, server.ada().await);
    let client = root.visit("/console/client?id=tv").await;
    let tried = root.submit(&client, "/console/client/try", &[]).await;
    let at = tried.html.find("<strong class=\"user-code\" translate=\"no\">").expect("the code");
    let code = tried.html[at..].split(['>', '<']).nth(2).expect("its text").to_owned();
    assert!(!tried.says("lkd_"), "the device code is shown");
    ada.approve(&code).await;
    let id = sessions::only_session(&server).await;
    assert!(root.visit(&format!("/console/session?id={id}&tried=yes")).await.says("status approved"));
    let page = post(&root, "/console/client/try", &[("id", "nobody")]).await;
    assert_eq!(page.status, 404);
}
