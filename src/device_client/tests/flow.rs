use serde_json::{Value, json};

use super::*;

fn answer() -> Value {
    json!({
        "device_code": "D3V1CE",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.example/device",
        "verification_uri_complete": "https://as.example/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
    })
}

fn read(body: &Value) -> Result<DeviceAuthorization, FlowError> {
    read_start(body.to_string().as_bytes())
}

#[test]
fn an_absent_interval_is_five_seconds() {
    let authorization = read(&answer()).unwrap();
    assert_eq!(authorization.interval, Duration::from_secs(5));
    assert_eq!(authorization.expires_in, Duration::from_mins(30));
    assert_eq!(authorization.user_code, "WDJB-MJHT");
}

#[test]
fn an_interval_of_zero_does_not_hammer() {
    let mut body = answer();
    body["interval"] = json!(0);
    assert_eq!(read(&body).unwrap().interval, Duration::from_secs(1));
}

#[test]
fn the_name_from_the_drafts_is_understood() {
    let mut body = answer();
    body["verification_uri"] = Value::Null;
    body["verification_url"] = json!("https://www.google.com/device");
    assert_eq!(read(&body).unwrap().verification_uri, "https://www.google.com/device");
}

#[test]
fn only_web_addresses_reach_the_person() {
    let mut body = answer();
    body["verification_uri_complete"] = json!("tel:+31201234567");
    assert_eq!(read(&body).unwrap().verification_uri_complete, None);
    for address in ["javascript:alert(1)", "file:///etc/passwd", "example.com/device"] {
        body["verification_uri"] = json!(address);
        assert!(matches!(read(&body), Err(FlowError::Unreadable(_))), "{address}");
    }
}

#[test]
fn what_is_required_is_required() {
    for member in ["device_code", "user_code", "verification_uri", "expires_in"] {
        let mut body = answer();
        body.as_object_mut().unwrap().remove(member);
        assert!(matches!(read(&body), Err(FlowError::Unreadable(_))), "{member}");
    }
}

#[test]
fn the_device_code_is_not_printed() {
    let shown = format!("{:?}", read(&answer()).unwrap());
    assert!(!shown.contains("D3V1CE"), "{shown}");
}
