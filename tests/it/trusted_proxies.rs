//! Behind proxies: whose word counts for where a request came from, and what is counted by it.

use reqwest::StatusCode;

use crate::support::device::send;
use crate::support::{Page, Person, TestServer};

const WRONG: &str = "wrong horse battery staple";

/// Tries a wrong password, each time for another name, so that only the address is counted.
async fn try_from(server: &TestServer, addresses: &str, number: usize) -> StatusCode {
    let nobody = Person::new(&server.base, &format!("nobody-{number}"), WRONG);
    nobody.forwarded_for(addresses).sign_in().await.status
}

/// Spends all that the address has.
async fn exhaust(server: &TestServer, addresses: &str) {
    for number in 0..10 {
        assert_eq!(try_from(server, addresses, number).await, 400);
    }
    assert_eq!(try_from(server, addresses, 10).await, 429);
}

#[tokio::test]
async fn without_a_listed_proxy_nobody_can_choose_the_address_they_are_counted_by() {
    let server = TestServer::start().await;
    for number in 0..10 {
        assert_eq!(try_from(&server, &format!("198.51.100.{number}"), number).await, 400);
    }
    assert_eq!(try_from(&server, "198.51.100.10", 10).await, 429);
    let ada = server.ada().await;
    assert_eq!(ada.sign_in().await.status, 429, "the request's own address was not the one counted");
}

#[tokio::test]
async fn a_listed_proxy_is_believed() {
    let server = TestServer::behind_a_proxy().await;
    exhaust(&server, "198.51.100.1").await;
    assert_eq!(try_from(&server, "198.51.100.2", 0).await, 400);
}

#[tokio::test]
async fn what_a_client_wrote_before_the_proxy_did_is_not_believed() {
    let server = TestServer::behind_a_proxy().await;
    for number in 0..10 {
        let addresses = format!("203.0.113.{number}, 198.51.100.1");
        assert_eq!(try_from(&server, &addresses, number).await, 400);
    }
    for addresses in
        ["203.0.113.99, 198.51.100.1", "nonsense, 198.51.100.1", "198.51.100.1", ", 198.51.100.1"]
    {
        assert_eq!(try_from(&server, addresses, 11).await, 429, "{addresses}");
    }
}

#[tokio::test]
async fn several_header_lines_are_read_as_one_list() {
    let server = TestServer::behind_a_proxy().await;
    exhaust(&server, "198.51.100.1").await;
    let form = Person::new(&server.base, "nobody", WRONG);
    let page = form.visit("/sign-in").await;
    let request = form
        .browser()
        .post(format!("{}/sign-in", server.base))
        .header("x-forwarded-for", "203.0.113.5")
        .header("x-forwarded-for", "198.51.100.1")
        .form(&page.form("/sign-in"));
    assert_eq!(Page::read(request.send().await.expect("the server answers")).await.status, 429);
}

#[tokio::test]
async fn all_addresses_of_one_ipv6_network_of_64_bits_are_one() {
    let server = TestServer::behind_a_proxy().await;
    for number in 0..10 {
        assert_eq!(try_from(&server, &format!("2001:db8:0:1::{number:x}"), number).await, 400);
    }
    assert_eq!(try_from(&server, "2001:db8:0:1:ffff:ffff:ffff:ffff", 10).await, 429);
    assert_eq!(try_from(&server, "2001:db8:0:2::1", 10).await, 400);
}

#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same() {
    let server = TestServer::behind_a_proxy().await;
    exhaust(&server, "198.51.100.1").await;
    assert_eq!(try_from(&server, "::ffff:198.51.100.1", 11).await, 429);
    assert_eq!(try_from(&server, "::ffff:198.51.100.2", 11).await, 400);
}

#[tokio::test]
async fn new_codes_are_counted_by_the_same_address() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let ask = async |address: &str| {
        let request = tv.request("/oauth/device-authorization").header("x-forwarded-for", address);
        send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await.status
    };
    for number in 0..20 {
        assert_eq!(ask(&format!("198.51.100.{number}")).await, 200);
    }
    assert_eq!(ask("198.51.100.20").await, 429);
}

#[tokio::test]
async fn the_audit_trail_and_the_person_see_the_address_that_counts() {
    for (server, seen) in
        [(TestServer::start().await, "127.0.0.1"), (TestServer::behind_a_proxy().await, "198.51.100.1")]
    {
        let (tv, ada) = (server.tv().await, server.ada().await);
        let request = tv.request("/oauth/device-authorization");
        let request = request.header("x-forwarded-for", "203.0.113.5, 198.51.100.1");
        let code = send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await.string("user_code");
        let ada = ada.forwarded_for("203.0.113.5, 198.51.100.1");
        let page = ada.open(&code).await;
        assert!(page.says(&format!("<bdi dir=\"ltr\">{seen}</bdi>")), "{seen}: {page:?}");
        let trail: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT host(ip_address) FROM audit_events WHERE ip_address IS NOT NULL",
        )
        .fetch_all(&server.app.db)
        .await
        .expect("the audit trail");
        assert_eq!(trail, [seen]);
    }
}

#[tokio::test]
async fn no_header_changes_the_links_that_are_handed_out() {
    let server = TestServer::behind_a_proxy().await;
    let request = server.tv().await.request("/oauth/device-authorization");
    let request = request
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "host=evil.example;proto=https")
        .header("host", "evil.example");
    let answer = send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await;
    assert_eq!(answer.string("verification_uri"), format!("{}/device", server.base));
}

#[tokio::test]
async fn a_page_asked_for_in_the_clear_is_sent_to_https_without_the_code() {
    for (trusted, status) in [("127.0.0.1/32", 303), ("192.0.2.0/24", 200)] {
        let server = TestServer::with(|config| {
            config.server.public_url = Some("https://login.example.org".parse().expect("a URL"));
            config.server.trusted_proxies = vec![trusted.parse().expect("a network")];
        })
        .await;
        let clear = |path: &str| {
            server.http.get(format!("{}{path}", server.base)).header("x-forwarded-proto", "http")
        };
        let answer = send(clear("/device")).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        let answer = send(clear("/device?user_code=BDJW-DSXQ")).await;
        let target = if status == 303 { "https://login.example.org/device" } else { "/device" };
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, target));
    }
}

#[tokio::test]
async fn an_unlisted_proxy_is_named_by_the_readiness_check() {
    for (server, named) in [(TestServer::start().await, true), (TestServer::behind_a_proxy().await, false)] {
        let warnings = async || server.get("/health/ready").await.json["warnings"].clone();
        assert_eq!(warnings().await, serde_json::json!([]));
        for header in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"] {
            send(server.http.get(format!("{}/health/live", server.base)).header(header, "198.51.100.1"))
                .await;
        }
        let warnings = warnings().await;
        assert_eq!(warnings.as_array().expect("a list").len(), usize::from(named), "{warnings}");
        assert_eq!(warnings.to_string().contains("127.0.0.1 sends forwarding headers"), named, "{warnings}");
    }
}
