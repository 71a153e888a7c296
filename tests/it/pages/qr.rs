//! The link with the code in it, as a picture: at both of its addresses.

use qrcode::QrCode;
use qrcode::render::svg;

use super::{UNKNOWN_CODE, raw_browser::RawBrowser};
use crate::support::device::send;
use crate::support::{Answer, TestServer};

const ADDRESSES: [&str; 2] = ["/device/qr", "/oauth/device/qr"];

async fn fetch(server: &TestServer, address: &str) -> Answer {
    send(server.http.get(format!("{}{address}", server.base))).await
}

/// The picture of a link.
fn picture(link: &str) -> String {
    let code = QrCode::new(link).expect("the link fits");
    code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build()
}

#[tokio::test]
async fn the_picture_holds_the_link_that_the_device_was_given() {
    let server = TestServer::start().await;
    let started = server.tv().await.start("openid").await;
    for address in ADDRESSES {
        for spelling in [started.user_code.clone(), started.user_code.to_lowercase().replace('-', "+")] {
            let answer = fetch(&server, &format!("{address}?user_code={spelling}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-type"), "image/svg+xml; charset=utf-8");
            assert_eq!(answer.text, picture(&started.verification_uri_complete));
        }
    }
}

#[tokio::test]
async fn the_picture_is_kept_by_nobody_and_runs_nothing() {
    let server = TestServer::start().await;
    for address in ADDRESSES {
        let page = RawBrowser::of(&server).get(&format!("{address}?user_code={UNKNOWN_CODE}")).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.header(name), value, "{address}: {name}");
        }
        assert!(!page.headers.contains_key("set-cookie"), "{page:?}");
        assert!(!page.html.to_lowercase().contains("<script"), "{page:?}");
    }
}

#[tokio::test]
async fn the_picture_tells_nothing_about_whether_the_code_lives() {
    let server = TestServer::start().await;
    let live = server.tv().await.start("openid").await.user_code;
    let before = server.rows().await;
    let (known, unknown) = (
        fetch(&server, &format!("/device/qr?user_code={live}")).await,
        fetch(&server, &format!("/device/qr?user_code={UNKNOWN_CODE}")).await,
    );
    assert_eq!(known.status, unknown.status);
    assert_eq!(unknown.text, picture(&format!("{}/device?user_code={UNKNOWN_CODE}", server.base)));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn what_is_no_code_has_no_picture() {
    let server = TestServer::start().await;
    for address in ADDRESSES {
        for query in [
            "",
            "?",
            "?user_code",
            "?user_code=",
            "?user_code=BDJW",
            "?user_code=BDJW-DSXO",
            "?user_code=%3Csvg%20onload=alert(1)%3E",
            "?user_code=%zz",
            "?user_code=%00",
            "?user_code=BDJW-DSXQ&user_code=BDJW-DSXQ",
            "?code=BDJW-DSXQ",
        ] {
            fetch(&server, &format!("{address}{query}")).await.must_be_error("invalid_request");
        }
        let endless = format!("{address}?user_code={}", "B".repeat(4097));
        fetch(&server, &endless).await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_tenants_picture_holds_the_tenants_link() {
    let server = TestServer::start().await;
    let (_, base) = server.tenant("acme").await;
    for address in ADDRESSES {
        let answer = fetch(&server, &format!("/t/acme{address}?user_code={UNKNOWN_CODE}")).await;
        assert_eq!(answer.text, picture(&format!("{base}/device?user_code={UNKNOWN_CODE}")));
        let answer = fetch(&server, &format!("/t/nobody{address}?user_code={UNKNOWN_CODE}")).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (404, "invalid_request"), "{answer:?}");
    }
}
