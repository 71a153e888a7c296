//! Keys in the console.

use super::{post, signed_in};
use crate::support::TestServer;

#[tokio::test]
async fn a_key_is_rotated_and_its_life_is_drawn() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.get("/.well-known/jwks.json").await;
    let page = root.visit("/console/keys").await;
    assert_eq!(page.html.matches("status signing").count(), 3, "{page:?}");
    assert_eq!(page.html.matches("role=\"img\"").count(), 3);
    let rotated =
        root.submit(&page, "/console/keys/rotate", &[("algorithm", "EdDSA"), ("when", "known")]).await;
    assert_eq!(rotated.location, "/console/keys");
    assert_eq!(rotated.html.matches("status announced").count(), 1);
    let at_once =
        root.submit(&page, "/console/keys/rotate", &[("algorithm", "EdDSA"), ("when", "at-once")]).await;
    assert_eq!(at_once.html.matches("status announced").count(), 0);
    assert_eq!(at_once.html.matches("status retired").count(), 1);
    for wrong in [("algorithm", "none"), ("when", "never")] {
        let fields: Vec<_> = [("algorithm", "ES256"), ("when", "known")]
            .map(|field| if field.0 == wrong.0 { wrong } else { field })
            .to_vec();
        assert_eq!(post(&root, "/console/keys/rotate", &fields).await.status, 400, "{wrong:?}");
    }
    assert_eq!(server.audited("signing_key.announced", "success").await, 1);
}

#[tokio::test]
async fn a_rotation_at_once_needs_a_sign_in_of_a_moment_ago() {
    let server = TestServer::start().await;
    let root = signed_in(&server, "root", &["admin"]).await;
    server.get("/.well-known/jwks.json").await;
    let page = root.visit("/console/keys").await;
    server.clock.advance(901.0);
    let at_once = [("algorithm", "EdDSA"), ("when", "at-once")];
    let asked = root.submit(&page, "/console/keys/rotate", &at_once).await;
    assert_eq!(asked.location, "/sign-in");
    assert_eq!(server.audited("signing_key.announced", "success").await, 0);
    let credentials = [("username", root.username.as_str()), ("password", root.password.as_str())];
    let back = root.submit(&asked, "/sign-in", &credentials).await;
    assert_eq!(
        (back.location.as_str(), back.says("You have signed in again.")),
        ("/console/keys?done=again", true)
    );
    let rotated = root.submit(&back, "/console/keys/rotate", &at_once).await;
    assert_eq!(rotated.html.matches("status retired").count(), 1, "{rotated:?}");
    // In good time it hurts nobody.
    server.clock.advance(901.0);
    let usual = [("algorithm", "ES256"), ("when", "known")];
    let announced = root.submit(&rotated, "/console/keys/rotate", &usual).await;
    assert_eq!(announced.html.matches("status announced").count(), 1, "{announced:?}");
}
