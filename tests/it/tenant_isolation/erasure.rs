//! A tenant with one of everything in it is erased.

use latchkey::domain::audit::By;
use latchkey::domain::tenants;
use latchkey::model::tenant::{TenantSlug, TenantStanding};
use latchkey::model::version::MeantFor;
use reqwest::Method;

use super::requests::{Foreign, cases};
use super::{operations, two_estates};

/// What outlives its tenant: the audit trail and the key that verifies it.
const KEPT: [&str; 2] = ["audit_events", "mac_keys"];

/// What the tenant has nothing in, and why: each comes of something that nobody does here.
const NOTHING_IN: [(&str, &str); 9] = [
    ("approval_notices", "no mail is sent"),
    ("attempt_budgets", "nobody guesses wrong"),
    ("expiries_counted", "no code expires"),
    ("first_administrator_links", "the tenant was made without one"),
    ("frozen_sources", "nobody phishes"),
    ("half_sign_ins", "nobody stops between password and one-time code"),
    ("revoked_access_tokens", "no client revokes a token of its own"),
    ("spent_user_codes", "housekeeping has deleted no code"),
    ("used_jtis", "no client signs, and no device proves a key"),
];

#[tokio::test]
async fn a_tenant_with_one_of_everything_can_be_erased() {
    let (server, theirs, ours) = two_estates().await;
    let document = server.get("/openapi.json").await.json;
    // One of whatever the document says can be created, beside what is there.
    let mut created = 0;
    for operation in operations(&document).iter().filter(|operation| operation.method == Method::POST) {
        let described = &document["paths"][&operation.path]["post"]["responses"];
        let all = cases(operation, &theirs).unwrap_or_default();
        for case in
            all.iter().filter(|case| described["201"].is_object() && case.expected != Foreign::Forbidden)
        {
            let answer = theirs.ask(&theirs, operation, case).await;
            assert_eq!(answer.status, 201, "{} {answer:?}", operation.id);
            created += 1;
        }
    }
    assert!(created >= 7, "{created}");
    let before = theirs.rows(&server).await;
    let empty: Vec<_> =
        before.iter().filter(|(_, rows)| rows.is_empty()).map(|(table, _)| table.as_str()).collect();
    assert_eq!(empty, NOTHING_IN.map(|(table, _)| table), "only these tables may have nothing to erase");
    let others = ours.rows(&server).await;

    let slug = TenantSlug::parse(&theirs.slug).expect("a slug");
    tenants::set_standing(&server.app, &slug, TenantStanding::Suspended).await.expect("it is disabled");
    tenants::delete(&server.app, &slug, &MeantFor::Any, &By::OPERATOR).await.expect("it is erased");
    let mut left = theirs.rows(&server).await;
    left.retain(|table, rows| !rows.is_empty() && !KEPT.contains(&table.as_str()));
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(ours.rows(&server).await, others, "another tenant lost something");
}
