//! Latchkey's own APIs accept access tokens that were issued for them (RFC 9068 §4), and no other service's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::front_end::CONSENT;
use crate::support::{Answer, Device, Person, TestServer, jwt};

const VIDEOS: &str = "https://videos.example.org/api";
const EVERYTHING: &str = "openid devices clients device:approve admin admin:read";

/// A server with a resource, and an app with every scope that opens Latchkey's own APIs.
async fn server_with_videos(default_audience: Option<&str>) -> (TestServer, Device, Person) {
    let audience = default_audience.map(ToOwned::to_owned);
    let server = TestServer::with(|config| {
        config.tokens.default_audience = audience;
        config.clients.owner_role = Some("admin".parse().expect("a role"));
    })
    .await;
    server.resource(VIDEOS, "Your videos").await;
    let app = server.public_client("app", EVERYTHING).await;
    let grace = server.person("grace", &["admin"]).await;
    (server, app, grace)
}

/// Connects the app for these resources, and returns the access token.
async fn token_for(app: &Device, person: &Person, resources: &[&str]) -> String {
    let mut asked = vec![("scope", EVERYTHING)];
    asked.extend(resources.iter().map(|uri| ("resource", *uri)));
    let codes = app.ask(&asked).await;
    person.approve(&codes.string("user_code")).await;
    app.poll_code(&codes.string("device_code"), &[]).await.string("access_token")
}

async fn call(
    server: &TestServer,
    token: &str,
    (method, path): (Method, &str),
    body: Option<&Value>,
) -> Answer {
    let request = server.http.request(method, format!("{}{path}", server.base)).bearer_auth(token);
    send(if let Some(body) = body { request.json(body) } else { request }).await
}

#[tokio::test]
async fn a_token_for_another_service_is_rejected_by_our_apis() {
    let (server, app, grace) = server_with_videos(None).await;
    let (other, both) =
        (token_for(&app, &grace, &[VIDEOS]).await, token_for(&app, &grace, &[VIDEOS, &own(&server)]).await);
    let plain = token_for(&app, &grace, &[]).await;
    let code = app.start("openid").await.user_code;
    let consent = format!("{CONSENT}?user_code={code}");
    let reads = ["/devices", "/admin/users", "/admin/audit-log", "/account/oauth/clients", &consent];
    let user = json!({"username": "mallory", "password": "correct horse battery staple"});
    let yes = json!({"user_code": code, "decision": "approve"});
    let before = server.rows().await["users"].clone();
    for path in reads {
        let refused = call(&server, &other, (Method::GET, path), None).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (401, "invalid_token"), "{path} {refused:?}");
        assert!(refused.header("www-authenticate").contains("another service"), "{path} {refused:?}");
        for good in [&both, &plain] {
            assert_eq!(call(&server, good, (Method::GET, path), None).await.status, 200, "{path}");
        }
    }
    for (at, body) in [
        ((Method::DELETE, "/devices?including_this=true"), None),
        ((Method::POST, "/admin/users"), Some(&user)),
        ((Method::POST, CONSENT), Some(&yes)),
    ] {
        let refused = call(&server, &other, at, body).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (401, "invalid_token"), "{refused:?}");
    }
    assert_eq!(server.rows().await["users"], before);
    assert_eq!(call(&server, &other, (Method::GET, "/oauth/userinfo"), None).await.status, 200);
}

#[tokio::test]
async fn a_client_without_a_resource_reaches_our_apis_whatever_the_default_is() {
    for (default, registered) in
        [(None, false), (Some("https://api.example.org"), false), (Some(VIDEOS), true)]
    {
        let (server, app, grace) = server_with_videos(default).await;
        let token = token_for(&app, &grace, &[]).await;
        for path in ["/devices", "/admin/users"] {
            assert_eq!(
                call(&server, &token, (Method::GET, path), None).await.status,
                200,
                "{default:?} {path}"
            );
        }
        let aud = jwt::verify(&server, &server.base, &token).await.1["aud"].clone();
        let expected = match default {
            Some(default) if registered => json!([default, own(&server)]),
            Some(default) => json!(default),
            None => json!(own(&server)),
        };
        assert_eq!(aud, expected);
        // Without a scope of our APIs there is no reason for a second audience.
        let tv = server.tv().await;
        let plain = tv.connect(&grace, "openid").await.string("access_token");
        let aud = jwt::verify(&server, &server.base, &plain).await.1["aud"].clone();
        assert_eq!(aud, json!(default.map_or_else(|| own(&server), ToOwned::to_owned)));
    }
}

#[tokio::test]
async fn our_own_audience_is_requested_by_name_and_never_registered() {
    let (server, app, grace) = server_with_videos(Some(VIDEOS)).await;
    let token = token_for(&app, &grace, &[&own(&server)]).await;
    assert_eq!(call(&server, &token, (Method::GET, "/devices"), None).await.status, 200);
    let refused = call(
        &server,
        &token,
        (Method::POST, "/admin/resources"),
        Some(&json!({"uri": own(&server), "name": "Ours"})),
    )
    .await;
    assert_eq!(refused.status, 422, "{refused:?}");
}

/// The audience of the server's own APIs.
fn own(server: &TestServer) -> String {
    format!("{}/api", server.base)
}
