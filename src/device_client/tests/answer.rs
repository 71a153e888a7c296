use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::*;

fn classified(status: u16, body: &Value) -> PollAnswer {
    let body = body.to_string().into_bytes();
    classify(&Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body })
}

fn headers(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
}

#[test]
fn the_four_codes_of_rfc_8628_are_told_apart() {
    for (code, expected) in [
        ("authorization_pending", PollAnswer::Pending),
        ("slow_down", PollAnswer::SlowDown),
        ("access_denied", PollAnswer::Denied),
        ("expired_token", PollAnswer::Expired),
    ] {
        for status in [200, 400, 401, 403, 429] {
            assert_eq!(classified(status, &json!({"error": code})), expected, "{status} {code}");
        }
    }
}

#[test]
fn the_server_being_busy_is_no_verdict() {
    for status in [408, 429, 500, 502, 503, 504] {
        for body in [json!({"error": "server_error"}), Value::Null] {
            assert!(matches!(classified(status, &body), PollAnswer::Unavailable(_)), "{status}");
        }
    }
    assert!(matches!(classified(503, &json!({"error": "access_denied"})), PollAnswer::Unavailable(_)));
}

#[test]
fn other_errors_stop_and_say_what_the_server_said() {
    let PollAnswer::Refused(error) =
        classified(401, &json!({"error": "invalid_client", "error_description": "no \u{1b}[2Jsuch client"}))
    else {
        panic!("not refused");
    };
    assert_eq!(error.to_string(), "invalid_client (no [2Jsuch client)");
    for status in [302, 404] {
        assert!(matches!(classified(status, &json!("moved")), PollAnswer::Unreadable(_)), "{status}");
    }
}

#[test]
fn an_unreadable_success_quotes_nothing() {
    let PollAnswer::Unreadable(why) = classified(200, &json!({"access_token": "AAA", "expires_in": "AAA"}))
    else {
        panic!("not unreadable");
    };
    assert!(!why.contains("AAA"), "{why}");
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:07Z").unwrap().with_timezone(&Utc);
    for (written, expected) in [
        ("17", Some(17)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("soon", None),
    ] {
        let read = retry_after(&headers("retry-after", written), now);
        assert_eq!(read, expected.map(Duration::from_secs), "{written}");
    }
}

#[test]
fn an_applied_wait_is_found_among_other_preferences() {
    for (written, expected) in [
        ("wait=30", true),
        ("Wait = \"30\"", true),
        ("return=minimal, wait=10; x", true),
        ("respond-async", false),
        ("waiting=3", false),
    ] {
        assert_eq!(is_wait_applied(&headers("preference-applied", written)), expected, "{written}");
    }
}
