//! Clients that keep their connection over a distance, and sleep between polls for longer than a head may take: none meets
//! a connection that is being closed.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::go;
use crate::support::device::DEVICE_GRANT;
use crate::support::{Device, Link, Started, TestServer};

const DEVICES: usize = 8;
const POLLS: u32 = 3;
const INTERVAL: u32 = 2;
const FORM: &str = "application/x-www-form-urlencoded";

/// A server, and a link to it that takes 40 ms there and back.
async fn distant() -> (Link, TestServer, Device) {
    let server = TestServer::with(|config| {
        config.server.header_timeout_seconds = 1;
        config.device_flow.poll_interval_seconds = INTERVAL;
        config.rate_limits.enabled = false;
    })
    .await;
    let tv = server.tv().await;
    server.clock.run();
    let link = Link::to(server.base.trim_start_matches("http://").parse().expect("an address")).await;
    link.delay(Duration::from_millis(20));
    (link, server, tv)
}

/// Polls as a device does, by what sends a form and returns the answer's body.
async fn poll(started: &Started, send: impl AsyncFn(String) -> Result<Bytes, String>) -> Result<(), String> {
    let form = format!("client_id=tv&grant_type={DEVICE_GRANT}&device_code={}", started.device_code);
    for _ in 0..POLLS {
        // The silence of a device between two polls is what this is about.
        sleep(Duration::from_secs(u64::from(INTERVAL))).await;
        let body = send(form.clone()).await?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        if answer["error"] != "authorization_pending" {
            return Err(answer.to_string());
        }
    }
    Ok(())
}

#[tokio::test]
async fn rust_clients_that_sleep_between_polls_meet_no_closed_connection() {
    let (link, _server, tv) = distant().await;
    let url = format!("http://{}/oauth/token", link.address);
    let starts = async || join_all((0..DEVICES).map(|_| tv.start("openid"))).await;
    let (for_reqwest, for_hyper) = (starts().await, starts().await);
    let by_reqwest = for_reqwest.iter().map(async |started| {
        let client = reqwest::Client::new();
        poll(started, async |form| {
            let sent = client.post(&url).header(header::CONTENT_TYPE, FORM).body(form).send().await;
            let answer = sent.map_err(|error| format!("{error:?}"))?;
            answer.bytes().await.map_err(|error| format!("{error:?}"))
        })
        .await
    });
    let by_hyper = for_hyper.iter().map(async |started| {
        let client = Client::builder(TokioExecutor::new()).build_http();
        poll(started, async |form| {
            let request =
                Request::post(&url).header(header::CONTENT_TYPE, FORM).body(Full::new(Bytes::from(form)));
            let sent = client.request(request.map_err(|error| error.to_string())?).await;
            let answer = sent.map_err(|error| format!("{error:?}"))?;
            Ok(answer.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes())
        })
        .await
    });
    let (by_reqwest, by_hyper) = tokio::join!(join_all(by_reqwest), join_all(by_hyper));
    let failures: Vec<_> = by_reqwest.into_iter().chain(by_hyper).filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn x_oauth2_for_go_that_sleeps_between_polls_meets_no_closed_connection() {
    let Some(program) = go::clients().await else { return };
    let (link, server, _) = distant().await;
    let ada = server.ada().await;
    let told = json!({
        "library": "x/oauth2 alone",
        "issuer": format!("http://{}", link.address),
        "client_id": "tv",
        "scopes": ["openid"],
    });
    let mut runs = join_all((0..DEVICES).map(|_| program.run(told.clone()))).await;
    let mut codes = Vec::new();
    for run in &mut runs {
        codes.push(run.says().await["user_code"].as_str().unwrap_or_default().to_owned());
    }
    // Meanwhile they poll.
    sleep(Duration::from_secs(u64::from(POLLS * INTERVAL))).await;
    for code in &codes {
        ada.approve(code).await;
    }
    let mut failures = Vec::new();
    for run in &mut runs {
        failures.extend(run.outcome().await.err());
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
