//! A tenant is made together with whoever administers it.

use reqwest::Method;
use serde_json::json;

use super::Office;
use crate::support::Person;

const PASSWORD: &str = "a wholly new passphrase";

#[tokio::test]
async fn a_new_tenants_first_administrator_chooses_a_password_and_administers_it() {
    let office = Office::build().await;
    let new = json!({"slug": "acme", "name": "Acme Ltd",
        "administrator": {"username": "grace", "display_name": "Grace Hopper", "email": "g@acme.example"}});
    let made = office.tell(Method::POST, "/admin/tenants", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!((&made.json["slug"], made.header("etag")), (&json!("acme"), "\"1\""));
    let link = made.json["administrator"]["set_password"]["url"].as_str().expect("a link").to_owned();
    let base = format!("{}/t/acme", office.server.base);
    assert!(link.starts_with(&format!("{base}/set-password?token=")), "{link}");
    let grace = Person::new(&base, "grace", PASSWORD);
    let form = grace.visit(&link).await;
    let answers = [("password", PASSWORD), ("password_again", PASSWORD)];
    let done = grace.submit(&form, "/set-password", &answers).await;
    assert!(done.is_titled("set-password-done-title"), "{done:?}");
    assert_eq!(grace.sign_in().await.status, 200);
    let users = grace.fetch(format!("{base}/admin/users"));
    let users = crate::support::device::send(users).await;
    assert_eq!(users.json["users"][0]["id"], made.json["administrator"]["id"], "{users:?}");
    assert_eq!(users.json["users"][0]["roles"], json!(["admin"]));
    assert_eq!(users.json["users"].as_array().map(Vec::len), Some(1));
    for (action, times) in [("tenant.created", 2), ("user.created", 2), ("user.password_reset_started", 1)] {
        assert_eq!(office.server.audited(action, "success").await, times, "{action}");
    }
    let shown = office.get("/admin/tenants/acme").await;
    assert!(shown.json.get("administrator").is_none(), "the link is shown once: {shown:?}");
    assert!(!office.server.rows().await["audit_events"].contains("lkp_"));
}

#[tokio::test]
async fn without_a_fit_administrator_no_tenant_is_made_either() {
    let office = Office::build().await;
    let before = office.server.rows().await;
    for (administrator, field) in [
        (json!({"username": " grace"}), "administrator.username"),
        (json!({"username": "grace", "email": "nowhere"}), "administrator.email"),
        (json!({"username": "grace", "display_name": "\u{202e}"}), "administrator.display_name"),
        (json!({"username": "grace", "roles": []}), "administrator.roles"),
        (json!({}), "administrator"),
    ] {
        let new = json!({"slug": "acme", "administrator": administrator});
        let refused = office.tell(Method::POST, "/admin/tenants", &new).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (422, "validation_failed"), "{refused:?}");
        assert_eq!(refused.json["errors"][0]["field"], field, "{refused:?}");
    }
    assert_eq!(office.server.rows().await, before);
    office.server.tenant("acme").await;
    let before = office.server.rows().await;
    let again = json!({"slug": "acme", "administrator": {"username": "grace"}});
    let taken = office.tell(Method::POST, "/admin/tenants", &again).await;
    assert_eq!((taken.status.as_u16(), taken.error()), (409, "tenant_slug_taken"), "{taken:?}");
    for table in ["tenants", "users", "password_links", "scopes"] {
        assert_eq!(office.server.rows().await[table], before[table], "{table}");
    }
}
