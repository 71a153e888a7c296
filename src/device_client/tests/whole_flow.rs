use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::server::{Scripted, ScriptedServer};
use crate::device_client::{
    ClientIdentity, ClientKey, DeviceDescription, DeviceFlow, DiscoveryError, DpopKey, FlowError, Http,
    LongPoll, Metadata, PollAnswer, Secret, TokenResponse, discover, wait_for_tokens,
};

fn issued() -> Scripted {
    Scripted::tokens(json!({"access_token": "AAA", "token_type": "Bearer", "expires_in": 300}))
}

fn nothing_typed() -> UnboundedReceiver<String> {
    mpsc::unbounded_channel().1
}

fn pending() -> Scripted {
    Scripted::error("authorization_pending")
}

async fn flow(server: &ScriptedServer, long_poll: LongPoll) -> DeviceFlow {
    let http = Http::new().unwrap();
    let metadata = discover(&http, &server.issuer).await.unwrap();
    DeviceFlow { http, metadata, identity: ClientIdentity::public("tv"), long_poll, dpop: None }
}

async fn run(server: &ScriptedServer, long_poll: LongPoll) -> Result<TokenResponse, FlowError> {
    let flow = flow(server, long_poll).await;
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await
}

#[tokio::test]
async fn the_requests_are_those_of_rfc_8628() {
    let server = ScriptedServer::start([pending(), issued()]).await;
    let mut flow = flow(&server, LongPoll::Off).await;
    flow.identity = ClientIdentity::confidential("t:v", Secret::new("s"));
    let device = DeviceDescription { os: Some("plan9".to_owned()), ..Default::default() };
    let authorization = flow.start(Some("openid profile"), &device).await.unwrap();
    let answers = Mutex::new(Vec::new());
    let observe = |answer: &PollAnswer| answers.lock().unwrap().push(answer.clone());
    let tokens =
        wait_for_tokens(&flow, &authorization, &server.clock, observe, &mut nothing_typed()).await.unwrap();
    assert_eq!(tokens.access_token, "AAA");
    assert!(matches!(answers.lock().unwrap()[..], [PollAnswer::Pending, PollAnswer::Tokens(_)]));

    let seen = server.seen();
    assert!(seen.iter().all(|request| request.member("client_id").is_none()), "the header names the client");
    assert_eq!(seen[0].member("scope"), Some("openid profile"));
    assert_eq!(seen[0].member("os"), Some("plan9"));
    assert_eq!(seen[0].member("hostname"), None);
    assert_eq!(seen[1].member("grant_type"), Some("urn:ietf:params:oauth:grant-type:device_code"));
    assert_eq!(seen[1].member("device_code"), Some("D3V1CE"));
    for request in seen {
        assert_eq!(request.headers["authorization"], "Basic dCUzQXY6cw==");
        assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.headers["user-agent"], format!("latchkey/{}", env!("CARGO_PKG_VERSION")));
        assert!(!request.headers.contains_key("prefer"));
    }
}

#[tokio::test]
async fn a_client_authenticates_as_the_metadata_says() {
    let server = ScriptedServer::start([pending(), issued()]).await;
    let mut flow = flow(&server, LongPoll::Off).await;
    flow.identity = ClientIdentity::confidential("t:v", Secret::new("s e"));
    flow.metadata.token_endpoint_auth_methods_supported = Some(vec!["client_secret_post".to_owned()]);
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await.unwrap();
    for request in server.seen() {
        assert_eq!(
            (request.member("client_id"), request.member("client_secret")),
            (Some("t:v"), Some("s e"))
        );
        assert!(!request.headers.contains_key("authorization"));
    }
    flow.metadata.token_endpoint_auth_methods_supported = Some(vec!["tls_client_auth".to_owned()]);
    let refused = flow.start(None, &DeviceDescription::default()).await.unwrap_err();
    assert!(refused.to_string().contains("accepts tls_client_auth for client authentication"), "{refused}");
}

#[tokio::test]
async fn a_client_with_a_key_signs_a_new_assertion_for_each_request() {
    let server = ScriptedServer::start([pending(), issued()]).await;
    let mut flow = flow(&server, LongPoll::Off).await;
    let file = std::env::temp_dir().join(format!("latchkey-client-key-{}.pem", std::process::id()));
    DpopKey::load_or_create(&file).unwrap();
    let key = ClientKey::load(&file, None).unwrap();
    std::fs::remove_file(&file).unwrap();
    flow.identity = ClientIdentity::with_key("robot", key, None);
    flow.metadata.token_endpoint_auth_methods_supported = Some(vec!["private_key_jwt".to_owned()]);
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await.unwrap();
    let mut names = Vec::new();
    for request in server.seen() {
        assert_eq!(
            request.member("client_assertion_type"),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        let assertion = request.member("client_assertion").unwrap();
        let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("robot"), &json!(server.issuer)));
        names.push(claims["jti"].to_string());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn a_server_without_metadata_is_used_by_its_endpoints() {
    // As GitHub answers: errors with 200, an interval with slow_down, members of its own.
    let slow = || Scripted::tokens(json!({"error": "slow_down", "interval": 17}));
    let tokens =
        json!({"access_token": "gho_A", "token_type": "bearer", "scope": ["repo", "gist"], "team": 7});
    let server = ScriptedServer::start([
        Scripted::tokens(json!({"error": "authorization_pending"})),
        slow(),
        Scripted::tokens(tokens),
    ])
    .await;
    let base = server.issuer.trim_end_matches("/t/acme");
    let at = |path: &str| format!("{base}/{path}");
    let metadata = Metadata::of_endpoints(&at("device"), &at("token"), None).unwrap();
    let (http, identity) = (Http::new().unwrap(), ClientIdentity::public("tv"));
    let flow = DeviceFlow { http, metadata, identity, long_poll: LongPoll::Off, dpop: None };
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    let tokens =
        wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await.unwrap();
    assert_eq!(server.polled_at(), [5, 10, 27]);
    assert_eq!(tokens.scope.as_deref(), Some("repo gist"));
    let printed = serde_json::to_value(&tokens).unwrap();
    assert_eq!((&printed["team"], &printed["scope"]), (&json!(7), &json!("repo gist")));
    let unprotected = Metadata::of_endpoints("http://as.example/device", &at("token"), None);
    assert!(matches!(unprotected, Err(DiscoveryError::Endpoint { .. })));
}

#[tokio::test]
async fn slow_down_lasts() {
    let server = ScriptedServer::start([
        pending(),
        Scripted::error("slow_down"),
        pending().after(3),
        Scripted::error("slow_down"),
        issued(),
    ])
    .await;
    run(&server, LongPoll::Off).await.unwrap();
    assert_eq!(server.polled_at(), [5, 10, 20, 33, 48]);
}

#[tokio::test]
async fn trouble_backs_off_and_does_not_give_up() {
    let server = ScriptedServer::start([
        Scripted::status(503).header("retry-after", "42"),
        Scripted::status(502),
        Scripted::status(500),
        Scripted::status(429),
        pending(),
        issued(),
    ])
    .await;
    run(&server, LongPoll::Off).await.unwrap();
    assert_eq!(server.polled_at(), [5, 47, 67, 107, 167, 172]);
}

#[tokio::test]
async fn a_held_poll_is_followed_at_once() {
    let held = |seconds| pending().header("preference-applied", "wait=30").after(seconds);
    let server = ScriptedServer::start([held(30), held(2), pending().after(2), issued()]).await;
    run(&server, LongPoll::Ask).await.unwrap();
    // Held for 30 s, then for less than the interval, then not at all.
    assert_eq!(server.polled_at(), [5, 35, 40, 47]);
    assert!(server.seen().iter().skip(1).all(|poll| poll.headers["prefer"] == "wait=30"));
}

#[tokio::test]
async fn a_hold_that_breaks_is_not_asked_for_again() {
    let server = ScriptedServer::start([Scripted::status(504).after(30), issued()]).await;
    run(&server, LongPoll::Ask).await.unwrap();
    let seen = server.seen();
    assert!(seen[1].headers.contains_key("prefer") && !seen[2].headers.contains_key("prefer"));
    assert_eq!(server.polled_at(), [5, 45]);
}

#[tokio::test]
async fn polling_ends_with_the_codes() {
    let server = ScriptedServer::start([]).await;
    assert!(matches!(run(&server, LongPoll::Off).await, Err(FlowError::Expired)));
    let polls = server.polled_at();
    assert_eq!((polls.len(), polls.last()), (59, Some(&295)));
}

#[tokio::test]
async fn verdicts_stop_the_polling() {
    for (script, expected) in [
        (Scripted::error("access_denied"), "The request was denied."),
        (Scripted::error("expired_token"), "The code expired before it was approved."),
        (Scripted::error("invalid_grant"), "The server rejected the request: invalid_grant."),
        (
            Scripted::status(307).header("location", "https://elsewhere.example/"),
            "The server returned an invalid response: 307 Temporary Redirect without an OAuth error.",
        ),
    ] {
        let server = ScriptedServer::start([script]).await;
        assert_eq!(run(&server, LongPoll::Off).await.unwrap_err().to_string(), expected);
        assert_eq!(server.polled_at(), [5]);
    }
}

#[tokio::test]
async fn a_flood_is_not_read() {
    let flood = Scripted::tokens(Value::String("x".repeat(70_000)));
    let server = ScriptedServer::start([flood]).await;
    let error = run(&server, LongPoll::Off).await.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 returned more than 64 KiB.");
}

#[tokio::test]
async fn a_server_that_is_gone_is_waited_for_until_the_codes_expire() {
    let server = ScriptedServer::start([]).await;
    let mut flow = flow(&server, LongPoll::Ask).await;
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    flow.metadata.token_endpoint.set_port(Some(1)).unwrap();
    let failures = Mutex::new(0);
    let observe = |answer: &PollAnswer| {
        assert!(matches!(answer, PollAnswer::Unavailable(why) if why.contains("refused")), "{answer:?}");
        *failures.lock().unwrap() += 1;
    };
    let outcome = wait_for_tokens(&flow, &authorization, &server.clock, observe, &mut nothing_typed()).await;
    assert!(matches!(outcome, Err(FlowError::Expired)));
    assert_eq!(*failures.lock().unwrap(), 7);
}

#[tokio::test]
async fn nobody_at_the_issuer_is_said_clearly() {
    let server = ScriptedServer::start([]).await;
    let http = Http::new().unwrap();
    let other = server.issuer.replace("/t/acme", "/t/other");
    let error = discover(&http, &other).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::NotFound { status: 404, .. }), "{error}");
}

fn proof_claims(seen: &super::server::Seen) -> Value {
    let proof = seen.headers["dpop"].to_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[tokio::test]
async fn with_a_key_every_request_brings_its_own_proof_and_the_servers_nonce() {
    let bound = json!({"access_token": "AAA", "token_type": "DPoP", "expires_in": 300});
    let server = ScriptedServer::start([
        pending(),
        Scripted::error("use_dpop_nonce").header("dpop-nonce", "one"),
        pending().header("dpop-nonce", "two"),
        Scripted::tokens(bound),
    ])
    .await;
    let mut flow = flow(&server, LongPoll::Off).await;
    flow.dpop = Some(Arc::new(DpopKey::generate().unwrap()));
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    let tokens =
        wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await.unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    // The demand for a nonce is answered at once.
    assert_eq!(server.polled_at(), [5, 10, 10, 15]);
    let proofs: Vec<Value> = server.seen().iter().map(proof_claims).collect();
    let nonces: Vec<&Value> = proofs.iter().map(|proof| &proof["nonce"]).collect();
    assert_eq!(nonces, [&Value::Null, &Value::Null, &Value::Null, &json!("one"), &json!("two")]);
    let mut names: Vec<&str> = proofs.iter().map(|proof| proof["jti"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5);
    assert!(proofs[0]["htu"].as_str().unwrap().ends_with("/device"));
    assert!(proofs[1]["htu"].as_str().unwrap().ends_with("/token"));
}

#[tokio::test]
async fn a_server_that_is_never_content_with_a_nonce_is_not_asked_for_ever() {
    let demand = |nonce| Scripted::error("use_dpop_nonce").header("dpop-nonce", nonce);
    let server = ScriptedServer::start([demand("one"), demand("two"), issued()]).await;
    let mut flow = flow(&server, LongPoll::Off).await;
    flow.dpop = Some(Arc::new(DpopKey::generate().unwrap()));
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    let outcome = wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await;
    assert!(matches!(outcome, Err(FlowError::Refused(error)) if error.code == "use_dpop_nonce"));
    assert_eq!(server.polled_at(), [5, 5]);
}

#[tokio::test]
async fn tokens_that_are_not_bound_are_not_taken_for_bound_ones() {
    let server = ScriptedServer::start([issued()]).await;
    let mut flow = flow(&server, LongPoll::Off).await;
    flow.dpop = Some(Arc::new(DpopKey::generate().unwrap()));
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    let outcome = wait_for_tokens(&flow, &authorization, &server.clock, |_| (), &mut nothing_typed()).await;
    assert!(matches!(outcome, Err(FlowError::NotBound)));
    flow.metadata.dpop_signing_alg_values_supported.clear();
    let refused = flow.start(None, &DeviceDescription::default()).await;
    assert!(matches!(refused, Err(FlowError::NoDpop)));
    assert_eq!(server.seen().len(), 2, "nobody was bothered");
}

#[tokio::test]
async fn what_the_person_types_is_sent_until_an_answer_speaks_of_it() {
    let wrong = || Scripted::error("authorization_pending").with("confirmation_attempts_left", json!(2));
    let server = ScriptedServer::start([pending(), wrong(), pending(), issued()]).await;
    let flow = flow(&server, LongPoll::Off).await;
    let authorization = flow.start(None, &DeviceDescription::default()).await.unwrap();
    let (keyboard, mut typed) = mpsc::unbounded_channel();
    keyboard.send("abc".to_owned()).unwrap();
    let observe = |answer: &PollAnswer| {
        if matches!(answer, PollAnswer::WrongConfirmation { attempts_left: 2 }) {
            keyboard.send("KXT".to_owned()).unwrap();
        }
    };
    wait_for_tokens(&flow, &authorization, &server.clock, observe, &mut typed).await.unwrap();
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().skip(1).map(|seen| seen.member("confirmation_code")).collect();
    assert_eq!(sent, [Some("abc"), Some("abc"), Some("KXT"), Some("KXT")]);
}
