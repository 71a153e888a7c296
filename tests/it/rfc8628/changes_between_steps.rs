//! A client, person or tenant that may no longer take part, at any moment of the flow: no tokens come of it.

use latchkey::model::client::GrantType;
use latchkey::model::user::Standing;

use crate::support::device::Started;
use crate::support::{Device, Page, Person, TestServer};

/// What an operator does meanwhile.
#[derive(Clone, Copy, Debug)]
enum Change {
    ClientDisabled,
    ClientWithoutGrant,
    ClientDeleted,
    PersonDisabled,
    PersonLocked,
    PersonDeleted,
    TenantDisabled,
}

const CHANGES: [Change; 7] = [
    Change::ClientDisabled,
    Change::ClientWithoutGrant,
    Change::ClientDeleted,
    Change::PersonDisabled,
    Change::PersonLocked,
    Change::PersonDeleted,
    Change::TenantDisabled,
];

impl Change {
    async fn make(self, server: &TestServer) {
        match self {
            Self::ClientDisabled => server.change_client("tv", |client| client.enabled = false).await,
            Self::ClientWithoutGrant => {
                let rest = vec![GrantType::RefreshToken];
                server.change_client("tv", |client| client.grant_types = rest).await;
            }
            Self::ClientDeleted => server.execute("DELETE FROM clients").await,
            Self::PersonDisabled => server.set_standing("ada", Standing::Disabled).await,
            Self::PersonLocked => server.set_standing("ada", Standing::Locked).await,
            Self::PersonDeleted => server.execute("DELETE FROM users").await,
            Self::TenantDisabled => server.execute("UPDATE tenants SET enabled = false").await,
        }
    }
}

/// A started code, and its person signed in before the form to enter it.
async fn begun() -> (TestServer, Device, Person, Started, Page) {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.sign_in().await;
    let form = ada.visit("/device").await;
    (server, tv, ada, started, form)
}

/// Insists that the device gets nothing, now that `change` was made.
async fn must_get_nothing(server: &TestServer, tv: &Device, started: &Started, change: Change) {
    let answer = tv.poll(started).await;
    assert!(answer.status.is_client_error(), "{change:?} {answer:?}");
    answer.must_be_an_oauth_body();
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0, "{change:?}");
}

#[tokio::test]
async fn nothing_comes_of_a_change_before_the_code_is_entered() {
    for change in CHANGES {
        let (server, tv, ada, started, form) = begun().await;
        change.make(&server).await;
        let page = ada.submit(&form, "/device", &[("user_code", &started.user_code)]).await;
        assert!(!page.says("name=\"decision\""), "{change:?} {page:?}");
        must_get_nothing(&server, &tv, &started, change).await;
    }
}

#[tokio::test]
async fn nothing_comes_of_a_change_before_the_decision() {
    for change in CHANGES {
        let (server, tv, ada, started, form) = begun().await;
        let consent = ada.submit(&form, "/device", &[("user_code", &started.user_code)]).await;
        assert!(consent.says("name=\"decision\""), "{consent:?}");
        change.make(&server).await;
        let page = ada.decide(&consent, "approve").await;
        assert!(!page.says("Your device is connected"), "{change:?} {page:?}");
        assert_eq!(server.audited("device_authorization.approved", "success").await, 0, "{change:?}");
        must_get_nothing(&server, &tv, &started, change).await;
    }
}

#[tokio::test]
async fn nothing_comes_of_a_change_before_the_tokens_are_collected() {
    for change in CHANGES {
        let (server, tv, ada, started, _) = begun().await;
        ada.approve(&started.user_code).await;
        change.make(&server).await;
        must_get_nothing(&server, &tv, &started, change).await;
        assert_eq!(server.audited("device_authorization.redeemed", "success").await, 0, "{change:?}");
    }
}
