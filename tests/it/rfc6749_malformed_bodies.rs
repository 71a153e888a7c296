//! Bodies that are not what they say: each gets the endpoint's usual JSON refusal, and none a 500.

use reqwest::multipart;

use crate::support::device::{BodyType, DEVICE_GRANT, send};
use crate::support::{Answer, TestServer};

const ENDPOINTS: [&str; 2] = ["/oauth/device-authorization", "/oauth/token"];
const FORM: &str = "application/x-www-form-urlencoded";
const LIMIT: usize = 32_768;

/// Posts these bytes as this media type.
async fn post(server: &TestServer, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.http.post(format!("{}{path}", server.base)).body(body);
    send(request.header("content-type", media_type)).await
}

#[tokio::test]
async fn media_types_are_read_in_any_case_and_with_parameters() {
    let server = TestServer::start().await;
    server.tv().await;
    for (media_type, body) in [
        ("application/x-www-form-urlencoded; charset=UTF-8", "client_id=tv"),
        ("Application/X-WWW-Form-URLEncoded ;charset=\"utf-8\"", "client_id=tv"),
        ("application/json; charset=utf-8", r#"{"client_id":"tv"}"#),
        ("APPLICATION/JSON", r#" {"client_id" : "\u0074v"} "#),
        (
            "Multipart/Form-Data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\ntv\r\n--x--\r\n",
        ),
    ] {
        let answer = post(&server, ENDPOINTS[0], media_type, body).await;
        assert_eq!(answer.status, 200, "{media_type} {answer:?}");
    }
}

#[tokio::test]
async fn other_media_types_are_refused() {
    let server = TestServer::start().await;
    server.tv().await;
    for path in ENDPOINTS {
        for media_type in
            ["text/plain", "application/xml", "application/x-www-form-urlencodedx", "json", "", "*/*"]
        {
            let answer = post(&server, path, media_type, "client_id=tv").await;
            assert_eq!(answer.status, 415, "{media_type} {answer:?}");
            assert_eq!(answer.must_be_an_oauth_body().error(), "invalid_request");
        }
        let untyped = server.http.post(format!("{}{path}", server.base)).body("client_id=tv");
        let answer = send(untyped).await;
        assert_eq!(answer.status, 415, "{answer:?}");
        answer.must_be_an_oauth_body();
    }
}

#[tokio::test]
async fn forms_that_cannot_be_read_are_refused() {
    let server = TestServer::start().await;
    server.tv().await;
    for path in ENDPOINTS {
        for body in [
            &b"client_id=%"[..],
            b"client_id=%4",
            b"client_id=%zz",
            b"%=x",
            b"client_id=%ff",
            b"client_id=\xff",
            b"client_id=tv&x=%ed%a0%80",
            b"client_id=tv%00",
            b"client_id=tv&x=\0",
        ] {
            post(&server, path, FORM, body).await.must_be_error("invalid_request");
        }
        post(&server, path, FORM, "").await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_nul_in_any_parameter_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for body in BodyType::ALL {
        for name in [
            "client_id",
            "client_secret",
            "scope",
            "resource",
            "device_name",
            "os",
            "hostname",
            "client_version",
            "metadata",
            "grant_type",
            "device_code",
            "refresh_token",
            "unknown",
        ] {
            for path in ENDPOINTS {
                for value in ["\0", "a\0b"] {
                    let answer = send(body.fill(tv.request(path), &[(name, value)])).await;
                    answer.must_be_error("invalid_request");
                }
            }
        }
    }
}

#[tokio::test]
async fn json_that_cannot_be_read_is_refused() {
    let server = TestServer::start().await;
    server.tv().await;
    let deep = format!("{{\"client_id\":\"tv\",\"x\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for path in ENDPOINTS {
        for body in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"\"tv\"",
            b"client_id=tv",
            b"{\"client_id\":\"tv\"",
            b"{\"client_id\":\"tv\",}",
            b"{\"client_id\":\"tv\"}x",
            b"{'client_id':'tv'}",
            b"{\"client_id\":\"\\ud800\"}",
            b"{\"client_id\":\"\\udc00\\ud800\"}",
            b"{\"client_id\":\"\xff\"}",
            b"\xef\xbb\xbf{\"client_id\":\"tv\"}",
            b"{\"client_id\":\"tv\\u0000\"}",
            b"{\"client_id\":\"tv\",\"x\":1e999}",
            b"{\"client_id\":\"t\x01v\"}",
        ] {
            post(&server, path, "application/json", body).await.must_be_error("invalid_request");
        }
        post(&server, path, "application/json", deep.clone()).await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn parameters_in_json_are_text_and_nothing_else() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for (path, name) in [
        (ENDPOINTS[0], "client_id"),
        (ENDPOINTS[0], "client_secret"),
        (ENDPOINTS[0], "scope"),
        (ENDPOINTS[0], "device_name"),
        (ENDPOINTS[0], "os"),
        (ENDPOINTS[0], "hostname"),
        (ENDPOINTS[0], "client_version"),
        (ENDPOINTS[1], "grant_type"),
        (ENDPOINTS[1], "device_code"),
        (ENDPOINTS[1], "refresh_token"),
        (ENDPOINTS[1], "scope"),
    ] {
        for value in ["1", "true", "[\"openid\"]", "[]", "{}", "{\"a\":\"b\"}"] {
            let body = format!("{{\"{name}\":{value}}}");
            post(&server, path, "application/json", body).await.must_be_error("invalid_request");
        }
    }
    for metadata in ["1", "[1]", "true", "\"[]\""] {
        let body = format!("{{\"client_id\":\"tv\",\"metadata\":{metadata}}}");
        post(&server, ENDPOINTS[0], "application/json", body).await.must_be_error("invalid_request");
    }
    for resource in ["1", "[1]", "[null]", "{}", "[[\"https://a.example\"]]"] {
        let body = format!("{{\"client_id\":\"tv\",\"resource\":{resource}}}");
        post(&server, ENDPOINTS[0], "application/json", body).await.must_be_error("invalid_request");
    }
    let nothing =
        serde_json::json!({"client_id": "tv", "scope": null, "metadata": null, "device_name": null});
    assert_eq!(send(tv.request(ENDPOINTS[0]).json(&nothing)).await.status, 200);
}

#[tokio::test]
async fn multipart_bodies_that_cannot_be_read_are_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let part = "Content-Disposition: form-data; name=\"client_id\"\r\n\r\ntv";
    for path in ENDPOINTS {
        for (media_type, body) in [
            ("multipart/form-data", format!("--x\r\n{part}\r\n--x--\r\n")),
            ("multipart/form-data; boundary=", format!("--x\r\n{part}\r\n--x--\r\n")),
            ("multipart/form-data; boundary=y", format!("--x\r\n{part}\r\n--x--\r\n")),
            ("multipart/form-data; boundary=x", format!("--x\r\n{part}")),
            ("multipart/form-data; boundary=x", String::new()),
            ("multipart/form-data; boundary=x", "--x\r\n\r\ntv\r\n--x--\r\n".to_owned()),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data\r\n\r\ntv\r\n--x--\r\n".to_owned(),
            ),
        ] {
            post(&server, path, media_type, body.clone()).await.must_be_error("invalid_request");
        }
        let bytes = multipart::Form::new().part("client_id", multipart::Part::bytes(vec![0xff, 0xfe]));
        send(tv.request(path).multipart(bytes)).await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_taken_for_parameters() {
    let server = TestServer::start().await;
    server.tv().await;
    // `client_id=tv`, by gzip.
    let gzip = hex::decode("1f8b08000000000002034bcec94ccd2b89cf4cb12d290300fa00af9b0c000000").unwrap();
    for path in ENDPOINTS {
        for media_type in [FORM, "application/json"] {
            let request =
                server.http.post(format!("{}{path}", server.base)).header("content-encoding", "gzip");
            let answer = send(request.header("content-type", media_type).body(gzip.clone())).await;
            assert!([400, 415].contains(&answer.status.as_u16()), "{answer:?}");
            assert_eq!(answer.must_be_an_oauth_body().error(), "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large_whatever_its_type() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let filler = "a".repeat(4000);
    let many: Vec<(String, &str)> = (0..9).map(|n| (format!("x{n}"), filler.as_str())).collect();
    for path in ENDPOINTS {
        for body in BodyType::ALL {
            let mut parameters = vec![("client_id", "tv"), ("grant_type", DEVICE_GRANT)];
            parameters.extend(many.iter().map(|(name, value)| (name.as_str(), *value)));
            let answer = send(body.fill(tv.request(path), &parameters)).await;
            assert_eq!(answer.status, 413, "{body:?} {answer:?}");
            assert_eq!(answer.must_be_an_oauth_body().error(), "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_body_at_the_limit_is_read() {
    let server = TestServer::start().await;
    server.tv().await;
    let filler = (0..8).map(|n| format!("&x{n}={}", "a".repeat(4000))).collect::<Vec<_>>().concat();
    let body = format!("client_id=tv{filler}");
    let body = format!("{body}&y={}", "a".repeat(LIMIT - body.len() - 3));
    assert_eq!(body.len(), LIMIT);
    assert_eq!(post(&server, ENDPOINTS[0], FORM, body.clone()).await.status, 200);
    assert_eq!(post(&server, ENDPOINTS[0], FORM, format!("{body}a")).await.status, 413);
}
