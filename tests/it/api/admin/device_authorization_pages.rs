//! Device-authorization sessions, by page number.

use reqwest::Method;
use serde_json::{Value, json};

use super::Office;

const LIST: &str = "/admin/oauth/devices";

#[tokio::test]
async fn a_page_has_the_envelope_and_fields_that_its_callers_know() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let started = office.tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let answer = office.get(&format!("{LIST}?client_id=tv")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.json["code"], &answer.json["total"]), (&json!(0), &json!(1)));
    assert!(answer.json["message"].is_string() && answer.json["timestamp"].is_string());
    let pagination = json!({"page": 1, "page_size": 20, "total": 1, "total_is_estimate": false, "total_pages": 1,
                            "has_next": false, "has_prev": false});
    assert_eq!(answer.json["pagination"], pagination);
    let mut item = answer.json["items"][0].clone();
    let members = item.as_object_mut().unwrap();
    let id = members.remove("device_code").unwrap();
    assert_ne!(id, started.device_code);
    assert!(uuid::Uuid::try_parse(id.as_str().unwrap()).is_ok());
    for time in ["created_at", "expires_at", "updated_at"] {
        assert!(members.remove(time).unwrap().is_string(), "{time}");
    }
    let expected = json!({
        "client_id": "tv", "interval": 5, "poll_count": 0, "scope": "openid", "status": "authorized",
        "user_code": started.user_code, "user_id": office.server.user_id("ada").await.to_string(),
    });
    assert_eq!(item, expected);
    assert!(!answer.text.contains(&started.device_code));
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let office = Office::build().await;
    for _ in 0..5 {
        office.server.clock.advance(1.0);
        office.tv.start("openid").await;
    }
    let mut times = Vec::new();
    for page in 1..=3 {
        let answer = office.get(&format!("{LIST}?page={page}&page_size=2&status=pending")).await;
        let pagination = &answer.json["pagination"];
        assert_eq!((&pagination["total"], &pagination["total_pages"]), (&json!(5), &json!(3)), "{answer:?}");
        assert_eq!((&pagination["has_next"], &pagination["has_prev"]), (&json!(page < 3), &json!(page > 1)));
        times.extend(
            answer.json["items"].as_array().unwrap().iter().map(|item| item["created_at"].to_string()),
        );
    }
    assert_eq!(times.len(), 5);
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    let beyond = office.get(&format!("{LIST}?page=50&page_size=2")).await;
    assert_eq!((beyond.status.as_u16(), &beyond.json["items"]), (200, &Value::Array(Vec::new())));
}

#[tokio::test]
async fn bad_parameters_and_callers_are_refused() {
    let office = Office::build().await;
    for bad in ["page=0", "page=x", "page_size=0", "page_size=1001", "status=approved", "page=1000000000"] {
        let answer = office.get(&format!("{LIST}?{bad}")).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_parameter"), "{bad}: {answer:?}");
    }
    office.must_be_closed(Method::GET, LIST).await;
    let (theirs, base) = office.of_another_tenant().await;
    office.tv.start("openid").await;
    let answer = office.ask_with(Method::GET, &format!("{base}{LIST}?client_id=tv"), &theirs).await;
    assert_eq!(answer.json["total"], 0, "{answer:?}");
}

#[tokio::test]
async fn a_large_total_is_an_estimate_and_says_so() {
    let office = Office::build().await;
    office
        .server
        .execute(
            "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac,
                                          user_code_sealed, created_at, expires_at, interval_seconds)
             SELECT gen_random_uuid(), t.id, 'tv', sha256(n::text::bytea), sha256(('u' || n)::bytea), '',
                    now() - n * interval '1 ms', now() + interval '600 s', 5
             FROM tenants t, generate_series(1, 10001) n WHERE t.slug = ''",
        )
        .await;
    office.server.execute("ANALYZE device_authorizations").await;
    let answer = office.get(&format!("{LIST}?page=501")).await;
    let pagination = &answer.json["pagination"];
    assert_eq!(pagination["total_is_estimate"], true, "{answer:?}");
    let total = pagination["total"].as_i64().unwrap();
    assert!((10_001..20_000).contains(&total), "{total}");
    assert_eq!(pagination["total"], answer.json["total"]);
    assert_eq!((&pagination["has_next"], &pagination["has_prev"]), (&json!(false), &json!(true)));
    // A code that was sealed with another key does not hide the others.
    assert_eq!(answer.json["items"][0]["user_code"], Value::Null);
}
