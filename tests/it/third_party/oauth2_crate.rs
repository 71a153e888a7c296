//! Client libraries of other people complete the flow as they are.

use std::sync::atomic::{AtomicU32, Ordering};

use latchkey::model::client::AuthMethod;
use oauth2::basic::BasicClient;
use oauth2::{
    ClientId, ClientSecret, DeviceAuthorizationUrl, HttpRequest, HttpResponse, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};

use crate::support::TestServer;
use crate::support::device::Proof;

/// What the library leaves to its user: carrying one request to the server.
pub async fn carry(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let response = http.execute(request.try_into()?).await?;
    let mut carried = HttpResponse::default();
    *carried.status_mut() = response.status();
    *carried.headers_mut() = response.headers().clone();
    *carried.body_mut() = response.bytes().await?.to_vec();
    Ok(carried)
}

/// Codes, two polls too many, approval, tokens, refresh. Whenever the library would sleep, the clock moves
/// instead, and at the second time the person approves.
async fn completes_with_the_oauth2_crate(server: &TestServer, client_id: &str, secret: Option<&str>) {
    let url = |path: &str| format!("{}{path}", server.base);
    let http = |request| carry(server.http.clone(), request);
    let mut client = BasicClient::new(ClientId::new(client_id.to_owned()))
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new(url("/oauth/device-authorization")).expect("a URL"),
        )
        .set_token_uri(TokenUrl::new(url("/oauth/token")).expect("a URL"));
    if let Some(secret) = secret {
        client = client.set_client_secret(ClientSecret::new(secret.to_owned()));
    }

    let started: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .request_async(&http)
        .await
        .expect("codes");
    assert_eq!(started.verification_uri().as_str(), url("/device"));

    let ada = server.ada().await;
    let pauses = AtomicU32::new(0);
    let pause = async |seconds: f64| {
        server.clock.advance(seconds);
        if pauses.fetch_add(1, Ordering::Relaxed) == 1 {
            ada.approve(started.user_code().secret()).await;
        }
    };
    let tokens = client
        .exchange_device_access_token(&started)
        .set_time_fn(|| server.clock.now())
        .request_async(&http, |length| pause(length.as_secs_f64()), None)
        .await
        .expect("tokens");
    assert_eq!(pauses.load(Ordering::Relaxed), 2, "no more polls than needed");
    let granted: Vec<&str> = tokens.scopes().expect("scopes").iter().map(|scope| scope.as_str()).collect();
    assert_eq!(granted, ["offline_access", "openid"]);

    let refreshed = client
        .exchange_refresh_token(tokens.refresh_token().expect("a refresh token"))
        .request_async(&http)
        .await
        .expect("new tokens");
    assert!(refreshed.refresh_token().is_some());
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
}

#[tokio::test]
async fn the_oauth2_crate_completes_the_flow_as_a_public_client() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    completes_with_the_oauth2_crate(&server, &tv.client_id, None).await;
}

#[tokio::test]
async fn the_oauth2_crate_completes_the_flow_as_a_confidential_client() {
    let server = TestServer::start().await;
    let kiosk = server
        .client("kiosk", "openid offline_access", |client| client.auth_method = AuthMethod::ClientSecretBasic)
        .await;
    let Proof::Basic(secret) = &kiosk.proof else { panic!("the client has a secret") };
    completes_with_the_oauth2_crate(&server, &kiosk.client_id, Some(secret)).await;
}
