//! What ends with a person, a client, a device or a tenant: at once, on every server.

use chrono::TimeDelta;
use latchkey::domain::audit::By;
use latchkey::domain::housekeeping::ENDED_DEVICES;
use latchkey::domain::tokens_not_before::{self, RaiseError, Subject};
use latchkey::domain::{clients, devices, tenants, users};
use latchkey::model::audit_event::Actor;
use latchkey::model::client::GrantType;
use latchkey::model::ids::{ClientId, DeviceId};
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug, TenantStanding};
use latchkey::model::token_family::RevocationReason;
use latchkey::model::user::Standing;
use latchkey::model::version::MeantFor;
use sqlx::AssertSqlSafe;

use crate::support::{Answer, Device, Person, Started, TestServer, jwt};

const OFFLINE: &str = "openid offline_access";

/// Two servers, a resource server, and a person with two devices connected and one that may collect its tokens.
struct House {
    server: TestServer,
    replica: TestServer,
    tv: Device,
    api: Device,
    ada: Person,
    tokens: Answer,
    uncollected: Started,
}

impl House {
    /// In a box, since it is larger than what fits on the stack of every test.
    fn build() -> impl Future<Output = Self> {
        Box::pin(async {
            let server = TestServer::start().await;
            let replica = server.replica().await;
            let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
            let tokens = tv.connect(&ada, OFFLINE).await;
            let uncollected = tv.start(OFFLINE).await;
            ada.approve(&uncollected.user_code).await;
            let house = Self { server, replica, tv, api, ada, tokens, uncollected };
            house.must_live(&house.tokens).await;
            house
        })
    }

    fn access(&self) -> String {
        self.tokens.string("access_token")
    }

    /// Asks both servers, the one that was not told first.
    fn bases(&self) -> [&str; 2] {
        [&self.replica.base, &self.server.base]
    }

    async fn must_live(&self, tokens: &Answer) {
        for base in self.bases() {
            let token = tokens.string("access_token");
            self.api.at(base).introspect(&token).await.must_be_active();
            assert_eq!(self.tv.at(base).userinfo(&token).await.status, 200);
        }
    }

    /// Insists that an access token is worth nothing anywhere.
    async fn must_be_worthless(&self, tokens: &Answer) {
        for base in self.bases() {
            let token = tokens.string("access_token");
            self.api.at(base).introspect(&token).await.must_be_inactive();
            self.tv.at(base).userinfo(&token).await.must_be_an_invalid_token();
        }
    }

    /// Insists that neither refreshing nor collecting brings tokens, at any server; the latter is answered so.
    async fn must_bring_nothing(&self, refresh_token: &str, uncollected: &str) {
        for base in self.bases() {
            let tv = self.tv.at(base);
            tv.refresh(refresh_token).await.must_be_error("invalid_grant");
            tv.poll(&self.uncollected).await.must_be_error(uncollected);
        }
    }

    /// Insists that a refresh is refused for now, and not for good.
    async fn must_be_asked_to_come_back(&self) {
        for base in self.bases() {
            let answer = self.tv.at(base).refresh(&self.tokens.string("refresh_token")).await;
            assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "3600"), "{answer:?}");
            assert_eq!(answer.string("error"), "temporarily_unavailable", "{answer:?}");
        }
    }

    async fn set_standing(&self, standing: Standing) {
        let done =
            users::set_standing(&self.server.app, DEFAULT_TENANT, "ada", standing, &By::OPERATOR).await;
        done.expect("the account exists");
    }
}

#[tokio::test]
async fn a_disabled_person_loses_everything_at_once_and_for_good() {
    let house = House::build().await;
    assert!(house.ada.visit("/device").await.says("Sign out"));
    house.set_standing(Standing::Disabled).await;
    house.must_be_worthless(&house.tokens).await;
    house.must_bring_nothing(&house.tokens.string("refresh_token"), "access_denied").await;
    assert!(!house.ada.visit("/device").await.says("Sign out"));
    let ended = "SELECT count(*) FROM audit_events
                 WHERE action = 'user.changed' AND details -> 'ended' = '{\"devices\": 1, \"browsers\": 1, \"codes\": 1}'";
    assert_eq!(house.server.count(ended).await, 1);
    house.set_standing(Standing::Good).await;
    house.must_be_worthless(&house.tokens).await;
    house.must_bring_nothing(&house.tokens.string("refresh_token"), "access_denied").await;
    assert!(!house.ada.visit("/device").await.says("Sign out"));
    // What begins now lives.
    let again = house.tv.connect(&house.ada.at_another_browser(), OFFLINE).await;
    house.must_live(&again).await;
    house.tv.refresh(&again.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn what_slips_in_while_a_person_is_disabled_dies_when_they_come_back() {
    let house = House::build().await;
    house.server.clock.advance(60.0);
    house.set_standing(Standing::Disabled).await;
    house.server.clock.advance(60.0);
    // As a redemption and a sign-in would leave it that began a moment before.
    let slipped = "UPDATE devices SET revoked_at = NULL, created_at = created_at + interval '90 s'";
    sqlx::query(slipped).execute(&house.server.app.db).await.unwrap();
    let slipped = "UPDATE browser_sessions SET ended_at = NULL, created_at = created_at + interval '90 s'";
    sqlx::query(slipped).execute(&house.server.app.db).await.unwrap();
    house.must_be_worthless(&house.tokens).await;
    house.set_standing(Standing::Good).await;
    house.must_be_worthless(&house.tokens).await;
    assert!(!house.ada.visit("/device").await.says("Sign out"));
}

#[tokio::test]
async fn a_device_hears_that_its_approval_was_taken_back() {
    let server = TestServer::hearing().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    users::set_standing(&server.app, DEFAULT_TENANT, "ada", Standing::Disabled, &By::OPERATOR).await.unwrap();
    for base in [&replica.base, &server.base] {
        tv.at(base).poll(&started).await.must_be_error("access_denied");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'denied'").await, 1);
}

#[tokio::test]
async fn a_locked_person_gets_nothing_until_released() {
    let house = House::build().await;
    house.set_standing(Standing::Locked).await;
    house.must_be_worthless(&house.tokens).await;
    house.must_be_asked_to_come_back().await;
    house.tv.poll(&house.uncollected).await.must_be_error("access_denied");
    house.set_standing(Standing::Good).await;
    house.must_live(&house.tokens).await;
    house.tv.refresh(&house.tokens.string("refresh_token")).await.must_be_tokens();
    house.tv.poll(&house.uncollected).await.must_be_tokens();
}

#[tokio::test]
async fn a_deleted_person_leaves_nothing_but_the_audit_trail() {
    let house = House::build().await;
    let id = house.server.user_id("ada").await;
    users::delete(&house.server.app, DEFAULT_TENANT, "ADA", &MeantFor::Any, &By::OPERATOR).await.unwrap();
    house.must_be_worthless(&house.tokens).await;
    house.must_bring_nothing(&house.tokens.string("refresh_token"), "invalid_grant").await;
    assert!(!house.ada.visit("/device").await.says("Sign out"));
    for table in ["users", "devices", "browser_sessions", "device_authorizations"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let left: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&house.server.app.db).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(house.server.audited("user.deleted", "success").await, 1);
    // Whoever comes under the same name is somebody else.
    house.server.ada().await;
    assert_ne!(house.server.user_id("ada").await, id);
    house.must_be_worthless(&house.tokens).await;
    let nobody =
        users::delete(&house.server.app, DEFAULT_TENANT, "nobody", &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(nobody, Err(users::UserError::NoSuchUser)), "{nobody:?}");
}

#[tokio::test]
async fn what_a_person_decided_is_erased_with_them_whatever_became_of_it() {
    let house = House::build().await;
    let (server, tv, ada) = (&house.server, &house.tv, &house.ada);
    ada.deny(&tv.start(OFFLINE).await.user_code).await;
    // Housekeeping may take a device sooner than what was decided.
    let redeemed = tv.connect(ada, OFFLINE).await;
    let revoked = tv.post("/oauth/revoke", &[("token", &redeemed.string("refresh_token"))]).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let sooner = server.replica_with(|config| config.housekeeping.ended_devices_days = 1).await;
    server.clock.advance(2.0 * 86_400.0);
    assert_eq!(ENDED_DEVICES.clear_batch(&sooner.app).await.expect("the database answers"), 1);
    let decided = "SELECT count(*) FROM device_authorizations WHERE decided_by_user_id IS NOT NULL";
    assert_eq!(server.count(decided).await, 3);
    users::delete(&server.app, DEFAULT_TENANT, "ada", &MeantFor::Any, &By::OPERATOR).await.unwrap();
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}

#[tokio::test]
async fn a_person_whose_clients_are_still_there_is_not_deleted() {
    let house = House::build().await;
    let ada = house.server.user_id("ada").await;
    house.server.client("own", "openid", |client| client.owner = Some(ada)).await;
    let refused =
        users::delete(&house.server.app, DEFAULT_TENANT, "ada", &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(refused, Err(users::UserError::OwnsClients)), "{refused:?}");
    house.must_live(&house.tokens).await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_what_is_connected_and_leaves_the_account() {
    let house = House::build().await;
    let second = house.tv.connect(&house.ada, OFFLINE).await;
    let bob = house.server.person("bob", &[]).await;
    let bobs = house.tv.connect(&bob, OFFLINE).await;
    users::sign_out_everywhere(&house.server.app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.unwrap();
    for tokens in [&house.tokens, &second] {
        house.must_be_worthless(tokens).await;
        house.must_bring_nothing(&tokens.string("refresh_token"), "access_denied").await;
    }
    assert!(!house.ada.visit("/device").await.says("Sign out"));
    assert_eq!(house.server.audited("user.signed_out_everywhere", "success").await, 1);
    house.must_live(&bobs).await;
    let again = house.tv.connect(&house.ada, OFFLINE).await;
    house.must_live(&again).await;
}

#[tokio::test]
async fn a_disabled_client_and_its_tokens_rest_until_it_is_enabled_again() {
    let house = House::build().await;
    house.server.change_client("tv", |client| client.enabled = false).await;
    for base in house.bases() {
        house.api.at(base).introspect(&house.access()).await.must_be_inactive();
        house.tv.at(base).userinfo(&house.access()).await.must_be_an_invalid_token();
    }
    house.replica.hear_all().await;
    for base in house.bases() {
        let tv = house.tv.at(base);
        tv.refresh(&house.tokens.string("refresh_token")).await.must_be_error("invalid_client");
        tv.poll(&house.uncollected).await.must_be_error("invalid_client");
    }
    house.server.change_client("tv", |client| client.enabled = true).await;
    house.must_live(&house.tokens).await;
}

#[tokio::test]
async fn a_deleted_client_takes_its_codes_devices_and_tokens_along() {
    let house = House::build().await;
    let app = &house.server.app;
    let client = latchkey::store::clients::find(&app.db, DEFAULT_TENANT, "tv").await.unwrap().unwrap();
    clients::delete(app, &client, &MeantFor::Any, &By::OPERATOR).await.unwrap();
    house.must_be_worthless(&house.tokens).await;
    house.replica.hear_all().await;
    for base in house.bases() {
        house.tv.at(base).poll(&house.uncollected).await.must_be_error("invalid_client");
    }
    assert_eq!(house.server.count("SELECT count(*) FROM devices").await, 0);
    assert_eq!(house.server.count("SELECT count(*) FROM device_authorizations").await, 0);
    assert_eq!(house.server.audited("client.deleted", "success").await, 1);
    let again = clients::delete(app, &client, &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(again, Err(clients::ClientError::NoSuchClient)), "{again:?}");
    // One that comes under the same name is another one.
    let successor = house.server.tv().await;
    house.must_be_worthless(&house.tokens).await;
    successor.refresh(&house.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_grant_that_is_taken_away_stops_what_comes_and_not_what_is_out() {
    let house = House::build().await;
    house.server.change_client("tv", |client| client.grant_types = vec![GrantType::DeviceCode]).await;
    house.replica.hear_all().await;
    let refresh_token = house.tokens.string("refresh_token");
    for base in house.bases() {
        house.tv.at(base).refresh(&refresh_token).await.must_be_error("unauthorized_client");
    }
    house.server.change_client("tv", |client| client.grant_types = vec![GrantType::RefreshToken]).await;
    house.replica.hear_all().await;
    for base in house.bases() {
        house.tv.at(base).poll(&house.uncollected).await.must_be_error("unauthorized_client");
    }
    house.must_live(&house.tokens).await;
}

#[tokio::test]
async fn a_removed_device_dies_alone() {
    let house = House::build().await;
    let sibling = house.tv.connect(&house.ada, OFFLINE).await;
    let (_, claims) = jwt::verify(&house.server, &house.server.base, &house.access()).await;
    let device: DeviceId = serde_json::from_value(claims["device_id"].clone()).unwrap();
    let user = house.server.user_id("ada").await;
    let (reason, by) = (RevocationReason::DeviceRemoved, By { actor: Actor::User(user), origin: None });
    let (elsewhere, _) = house.server.tenant("acme").await;
    assert!(!devices::revoke(&house.server.app, elsewhere, device, reason, &by).await.unwrap());
    house.must_live(&house.tokens).await;
    assert!(devices::revoke(&house.server.app, DEFAULT_TENANT, device, reason, &by).await.unwrap());
    house.must_be_worthless(&house.tokens).await;
    house.tv.refresh(&house.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert!(!devices::revoke(&house.server.app, DEFAULT_TENANT, device, reason, &by).await.unwrap());
    assert_eq!(house.server.audited("token_family.revoked", "success").await, 1);
    house.must_live(&sibling).await;
    house.tv.refresh(&sibling.string("refresh_token")).await.must_be_tokens();
    house.tv.poll(&house.uncollected).await.must_be_tokens();
}

#[tokio::test]
async fn a_locked_device_has_no_tokens_until_it_is_unlocked() {
    let house = House::build().await;
    sqlx::query("UPDATE devices SET locked_at = now()").execute(&house.server.app.db).await.unwrap();
    house.must_be_worthless(&house.tokens).await;
    house.must_be_asked_to_come_back().await;
    sqlx::query("UPDATE devices SET locked_at = NULL").execute(&house.server.app.db).await.unwrap();
    house.must_live(&house.tokens).await;
    house.tv.refresh(&house.tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn a_refresh_repeated_while_the_device_is_locked_ends_nothing() {
    let house = House::build().await;
    let first = house.tokens.string("refresh_token");
    house.tv.refresh(&first).await.must_be_tokens();
    sqlx::query("UPDATE devices SET locked_at = now()").execute(&house.server.app.db).await.unwrap();
    // Its answer was lost, and the device asks again.
    house.must_be_asked_to_come_back().await;
    sqlx::query("UPDATE devices SET locked_at = NULL").execute(&house.server.app.db).await.unwrap();
    house.tv.refresh(&first).await.must_be_tokens();
}

#[tokio::test]
async fn what_has_ended_stays_invalid_while_it_is_locked() {
    for ended in [
        "UPDATE devices SET revoked_at = created_at",
        "UPDATE devices SET expires_at = created_at",
        "UPDATE devices SET idle_expires_at = created_at",
        "UPDATE users SET tokens_not_before = now() + interval '1000 years'",
        "UPDATE users SET enabled = false",
    ] {
        let house = House::build().await;
        house.server.execute("UPDATE devices SET locked_at = now()").await;
        house.server.execute("UPDATE users SET locked_at = now()").await;
        house.server.execute(ended).await;
        let refresh_token = house.tokens.string("refresh_token");
        for base in house.bases() {
            house.tv.at(base).refresh(&refresh_token).await.must_be_error("invalid_grant");
        }
    }
}

/// A tenant with one connected device.
async fn acme(house: &House) -> (Device, Device, Person, Answer) {
    let (id, base) = house.server.tenant("acme").await;
    let tv = house.server.client_of(id, &base, "tv", OFFLINE, |_| ()).await;
    let audience = format!("{base}/api");
    let api = house
        .server
        .client_of(id, &base, "api", "openid", |client| {
            client.auth_method = latchkey::model::client::AuthMethod::ClientSecretPost;
            client.introspects = vec![audience];
        })
        .await;
    let eve = house.server.person_of(id, &base, "eve", &[]).await;
    let tokens = tv.connect(&eve, OFFLINE).await;
    tv.start("openid").await;
    api.introspect(&tokens.string("access_token")).await.must_be_active();
    (tv, api, eve, tokens)
}

#[tokio::test]
async fn a_suspended_tenant_answers_nobody_until_it_goes_on() {
    let house = House::build().await;
    let (tv, api, eve, tokens) = acme(&house).await;
    let slug = TenantSlug::parse("acme").unwrap();
    tenants::set_standing(&house.server.app, &slug, TenantStanding::Suspended).await.unwrap();
    house.replica.hear_all().await;
    for base in house.bases().map(|base| format!("{base}/t/acme")) {
        for answer in [
            tv.at(&base).refresh(&tokens.string("refresh_token")).await,
            tv.at(&base).userinfo(&tokens.string("access_token")).await,
            tv.at(&base).revoke(&tokens.string("access_token")).await,
            api.at(&base).introspect(&tokens.string("access_token")).await,
            tv.at(&base).ask(&[]).await,
        ] {
            assert_eq!(answer.status, 404, "{answer:?}");
        }
    }
    assert_eq!(eve.visit("/device").await.status, 404);
    house.must_live(&house.tokens).await;
    tenants::set_standing(&house.server.app, &slug, TenantStanding::Enabled).await.unwrap();
    api.introspect(&tokens.string("access_token")).await.must_be_active();
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    assert_eq!(house.server.audited("tenant.changed", "success").await, 2);
}

#[tokio::test]
async fn an_erased_tenant_leaves_only_its_audit_trail_and_its_neighbours() {
    let house = House::build().await;
    let before = house.server.rows().await;
    let (tv, _api, _eve, tokens) = acme(&house).await;
    let app = &house.server.app;
    tv.revoke("nonsense").await;
    let slug = TenantSlug::parse("acme").unwrap();
    let id = latchkey::store::tenants::find(&app.db, &slug).await.unwrap().unwrap().id;
    for (statement, table) in [
        ("INSERT INTO used_jtis (tenant_id, jti_hash, expires_at) VALUES ($1, '\\x00', now())", "used_jtis"),
        ("INSERT INTO revoked_access_tokens SELECT $1, 'x', now()", "revoked_access_tokens"),
        ("INSERT INTO spent_user_codes SELECT $1, '\\x00', now()", "spent_user_codes"),
    ] {
        sqlx::query(statement).bind(id.0).execute(&app.db).await.expect(table);
    }
    let enabled = tenants::delete(app, &slug, &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(enabled, Err(tenants::TenantError::IsEnabled)), "{enabled:?}");
    let root = tenants::delete(app, &TenantSlug::root(), &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(root, Err(tenants::TenantError::IsTheDefault)), "{root:?}");
    tenants::set_standing(app, &slug, TenantStanding::Suspended).await.unwrap();
    tenants::delete(app, &slug, &MeantFor::Any, &By::OPERATOR).await.unwrap();
    house.replica.hear_all().await;
    for base in house.bases().map(|base| format!("{base}/t/acme")) {
        assert_eq!(tv.at(&base).userinfo(&tokens.string("access_token")).await.status, 404);
    }
    let mut after = house.server.rows().await;
    let audit = after.remove("audit_events").unwrap();
    // Its audit key stays as long as the events do, and its token key went.
    let keys = after.remove("mac_keys").unwrap();
    assert!(
        keys.lines().filter(|row| row.contains(&id.to_string())).all(|row| row.contains(",audit,")),
        "{keys}"
    );
    for (table, rows) in after {
        // When a session was last polled, and what happened, is written later.
        if !["device_authorizations", "activity"].contains(&table.as_str()) {
            assert_eq!(rows, before[&table], "{table}");
        }
        assert!(!rows.contains(&id.to_string()), "{table}");
    }
    assert!(audit.contains(&id.to_string()) && audit.contains("tenant.deleted"));
    house.must_live(&house.tokens).await;
    let gone = tenants::delete(app, &slug, &MeantFor::Any, &By::OPERATOR).await;
    assert!(matches!(gone, Err(tenants::TenantError::NoSuchTenant)), "{gone:?}");
}

async fn raise(house: &House, subject: &Subject, back: TimeDelta) {
    let instant = house.server.clock.now() - back;
    let raised = tokens_not_before::raise(&house.server.app, DEFAULT_TENANT, subject, instant).await;
    raised.expect("the subject exists");
}

fn subjects() -> [Subject; 3] {
    [Subject::Tenant, Subject::User("ada".to_owned()), Subject::Client("tv".to_owned())]
}

#[tokio::test]
async fn nothing_counts_that_was_issued_before_the_instant() {
    for subject in subjects() {
        let house = House::build().await;
        let own = house.server.own_token("tv", "own").await;
        house.server.clock.advance(5.0);
        raise(&house, &subject, TimeDelta::zero()).await;
        house.must_be_worthless(&house.tokens).await;
        let of_client = house.api.introspect(&own).await;
        match subject {
            Subject::User(_) => of_client.must_be_active(),
            _ => of_client.must_be_inactive(),
        };
        assert_eq!(house.server.audited("tokens_not_before.raised", "success").await, 1);
        let signed_in = house.ada.visit("/device").await.says("Sign out");
        assert_eq!(signed_in, matches!(subject, Subject::Client(_)), "{subject:?}");
        // What begins now counts, in the same instant even.
        let again = house.tv.connect(&house.ada, OFFLINE).await;
        house.must_live(&again).await;
        house.tv.refresh(&again.string("refresh_token")).await.must_be_tokens();
    }
}

#[tokio::test]
async fn nothing_that_was_issued_before_the_instant_brings_new_tokens() {
    for subject in subjects() {
        let house = House::build().await;
        house.server.clock.advance(5.0);
        raise(&house, &subject, TimeDelta::zero()).await;
        house.replica.hear_all().await;
        for base in house.bases() {
            let tv = house.tv.at(base);
            tv.refresh(&house.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
            assert_ne!(tv.poll(&house.uncollected).await.status, 200, "{subject:?}");
        }
    }
}

#[tokio::test]
async fn the_instant_is_only_ever_raised_and_never_into_the_future() {
    let house = House::build().await;
    house.server.clock.advance(60.0);
    for subject in subjects() {
        // Older than everything there is.
        raise(&house, &subject, TimeDelta::hours(1)).await;
        house.must_live(&house.tokens).await;
        let ahead = house.server.clock.now() + TimeDelta::seconds(1);
        let refused = tokens_not_before::raise(&house.server.app, DEFAULT_TENANT, &subject, ahead).await;
        assert!(matches!(refused, Err(RaiseError::InTheFuture)), "{refused:?}");
    }
    raise(&house, &Subject::Tenant, TimeDelta::zero()).await;
    raise(&house, &Subject::Tenant, TimeDelta::hours(1)).await;
    house.must_be_worthless(&house.tokens).await;
    for nobody in [Subject::User("nobody".to_owned()), Subject::Client("nobody".to_owned())] {
        let instant = house.server.clock.now();
        let refused = tokens_not_before::raise(&house.server.app, DEFAULT_TENANT, &nobody, instant).await;
        assert!(matches!(refused, Err(RaiseError::NoSuchSubject)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_restored_backup_brings_no_revoked_token_back() {
    let house = House::build().await;
    // The backup: everything as it is now.
    let rows = "CREATE TABLE backup AS SELECT * FROM devices";
    sqlx::query(rows).execute(&house.server.app.db).await.unwrap();
    house.server.clock.advance(60.0);
    assert_eq!(house.tv.revoke(&house.tokens.string("refresh_token")).await.status, 200);
    house.must_be_worthless(&house.tokens).await;
    let restore = "UPDATE devices d SET revoked_at = b.revoked_at FROM backup b WHERE b.id = d.id";
    sqlx::query(restore).execute(&house.server.app.db).await.unwrap();
    // This is what the runbook is against.
    house.must_live(&house.tokens).await;
    raise(&house, &Subject::Tenant, TimeDelta::zero()).await;
    house.must_be_worthless(&house.tokens).await;
}

#[tokio::test]
async fn a_change_that_cannot_be_written_down_does_not_happen() {
    let house = House::build().await;
    sqlx::query("ALTER TABLE audit_events RENAME TO elsewhere").execute(&house.server.app.db).await.unwrap();
    let app = &house.server.app;
    let id = ClientId::parse("tv").unwrap();
    let client = latchkey::store::clients::find(&app.db, DEFAULT_TENANT, id.as_str()).await.unwrap().unwrap();
    assert!(
        users::set_standing(app, DEFAULT_TENANT, "ada", Standing::Disabled, &By::OPERATOR).await.is_err()
    );
    assert!(users::sign_out_everywhere(app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.is_err());
    assert!(users::delete(app, DEFAULT_TENANT, "ada", &MeantFor::Any, &By::OPERATOR).await.is_err());
    assert!(clients::delete(app, &client, &MeantFor::Any, &By::OPERATOR).await.is_err());
    assert!(tenants::set_standing(app, &TenantSlug::root(), TenantStanding::Suspended).await.is_err());
    let now = house.server.clock.now();
    assert!(tokens_not_before::raise(app, DEFAULT_TENANT, &Subject::Tenant, now).await.is_err());
    sqlx::query("ALTER TABLE elsewhere RENAME TO audit_events").execute(&house.server.app.db).await.unwrap();
    house.must_live(&house.tokens).await;
    house.tv.poll(&house.uncollected).await.must_be_tokens();
}
