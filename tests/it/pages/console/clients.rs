//! Clients in the console.

use latchkey::model::signing_key::SigningAlgorithm;

use super::{post, sessions, signed_in};
use crate::support::signer::ClientKey;
use crate::support::{Page, TestServer};

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
    assert_eq!((again.status.as_u16(), again.says("a client with this ID already exists")), (400, true));

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
        ([("id", "radio"), ("scopes", "openid no:such")], "scope no:such not found"),
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

    assert!(!shown.says("/console/client/secret/retire"), "there is no previous one yet");
    let stale = root.submit(&rotated, "/console/client/secret/retire", &[("version", "1")]).await;
    assert_eq!(stale.status, 409);
    let tried = root.submit(&shown, "/console/client/try", &[("secret", &first)]).await;
    assert!(tried.says("Console test"), "both are good: {tried:?}");
    let retired = root.submit(&rotated, "/console/client/secret/retire", &[]).await;
    assert!(retired.status == 200 && !retired.says("/console/client/secret/retire"), "{retired:?}");
    let dead = root.submit(&shown, "/console/client/try", &[("secret", &first)]).await;
    assert_eq!((dead.status.as_u16(), dead.says("invalid_client")), (400, true));
    let none = post(&root, "/console/client/secret/retire", &[("id", "gate"), ("version", "3")]).await;
    assert_eq!((none.status.as_u16(), none.says("no previous secret")), (409, true));

    let wrong = root.submit(&shown, "/console/client/try", &[("secret", "wrong")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.says("invalid_client")), (400, true));
    let tried = root.submit(&shown, "/console/client/try", &[("secret", &second)]).await;
    assert!(tried.says("Console test") && tried.says("/device/qr?user_code="), "{tried:?}");
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

#[tokio::test]
async fn a_clients_keys_are_given_by_hand_or_by_address_and_exchanged() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    let set = || ClientKey::generate(SigningAlgorithm::Es256).jwks().to_string();
    let form = root.visit("/console/clients/new").await;
    let (first, uri) = (set(), "https://robot.example.org/jwks.json");
    let asked = [("id", "robot"), ("client_name", "Robot"), ("auth_method", "private_key_jwt")];
    for (keys, told) in [
        (vec![], "jwks"),
        (vec![("jwks", "{")], "must be a JWK Set"),
        (vec![("jwks", "[1]")], "must be a JWK Set"),
        (vec![("jwks", "{\"keys\": []}")], "jwks"),
        (vec![("jwks", first.as_str()), ("jwks_uri", uri)], "jwks_uri"),
        (vec![("jwks_uri", "http://robot.example.org/")], "jwks_uri"),
    ] {
        let answers: Vec<_> = asked.into_iter().chain(keys).collect();
        let page = root.submit(&form, "/console/clients/new", &answers).await;
        assert_eq!((page.status.as_u16(), page.says(told)), (400, true), "{told}: {}", page.html);
    }
    let answers: Vec<_> = asked.into_iter().chain([("jwks", first.as_str())]).collect();
    let made = root.submit(&form, "/console/clients/new", &answers).await;
    assert_eq!(made.location, "/console/client?id=robot");
    let keys_of = |page: &Page| page.html.split("<dt>Keys</dt>").nth(1).map(|rest| rest[..200].to_owned());
    let change = root.visit("/console/client/change?id=robot").await;
    assert!(change.says("&#34;kty&#34;") && !change.says("&#34;d&#34;"), "{change:?}");
    let second = set();
    let exchanged = root.submit(&change, "/console/client/change", &[("jwks", &second)]).await;
    assert!(keys_of(&exchanged).is_some() && keys_of(&exchanged) != keys_of(&made), "{exchanged:?}");
    let change = root.visit("/console/client/change?id=robot").await;
    let published = [("jwks", ""), ("jwks_uri", uri)];
    let published = root.submit(&change, "/console/client/change", &published).await;
    assert!(published.says("fetched from") && published.says(uri), "{published:?}");
    let change = root.visit("/console/client/change?id=robot").await;
    let bare = root.submit(&change, "/console/client/change", &[("jwks_uri", "")]).await;
    assert_eq!((bare.status.as_u16(), bare.says("requires jwks or jwks_uri")), (400, true), "{bare:?}");
    // No other client is asked for any.
    server.tv().await;
    let tv = root.visit("/console/client/change?id=tv").await;
    assert!(!tv.says("name=\"jwks\""));
    let given = root.submit(&tv, "/console/client/change", &[("jwks", &second)]).await;
    assert_eq!(given.status, 400, "{given:?}");
}
