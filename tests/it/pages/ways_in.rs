//! Whatever changes how an account signs in ends what was begun by the way there was before.

use latchkey::domain::audit::By;
use latchkey::domain::second_factor::remove;
use latchkey::domain::tokens_not_before::{self, Subject};
use latchkey::domain::users;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;

use crate::support::authenticator::Enrolled;
use crate::support::{Person, TestServer};

const NEW: &str = "a wholly new passphrase";

/// An account with a second factor, signed in at home; a thief who knows its password and waits for the code; and a
/// link that an administrator has made.
struct Scene {
    server: TestServer,
    ada: Person,
    enrolled: Enrolled,
    thief: Person,
    link: String,
}

async fn set() -> Scene {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    let thief = ada.at_another_browser();
    assert_eq!(thief.sign_in().await.location, "/sign-in/code");
    let link = server.password_link("ada").await;
    Scene { server, ada, enrolled, thief, link }
}

impl Scene {
    async fn waits(&self) -> bool {
        self.thief.visit("/sign-in/code").await.location == "/sign-in/code"
    }

    async fn is_link_good(&self) -> bool {
        self.ada.at_another_browser().visit(&self.link).await.status == 200
    }

    async fn change_password(&self) {
        let path = "/account/security/password";
        let form = self.ada.visit(path).await;
        let answers = [
            ("current_password", self.ada.password.as_str()),
            ("new_password", NEW),
            ("new_password_repeated", NEW),
        ];
        assert!(self.ada.submit(&form, path, &answers).await.is_titled("password-done-title"));
    }

    async fn with_code(&self, path: &str) {
        let form = self.ada.visit(path).await;
        let code = self.enrolled.app.next_code();
        assert_eq!(self.ada.submit(&form, path, &[("code", &code)]).await.status, 200);
    }

    async fn choose_password(&self) {
        let form = self.ada.visit(&self.link).await;
        let answers = [("password", NEW), ("password_again", NEW)];
        assert_eq!(self.ada.submit(&form, "/set-password", &answers).await.status, 200);
    }

    async fn standing(&self, standing: Standing) {
        self.server.set_standing("ada", standing).await;
        // Back again, as if nothing had been: what was ended does not come back.
        self.server.execute("UPDATE users SET enabled = true, locked_at = NULL").await;
    }

    async fn change(&self, deed: Deed) {
        let app = &self.server.app;
        match deed {
            Deed::PasswordChanged => self.change_password().await,
            Deed::PasswordChosen => self.choose_password().await,
            Deed::RecoveryCodesRenewed => self.with_code("/account/security/recovery-codes").await,
            Deed::SecondFactorRemoved => self.with_code("/account/security/remove-authenticator").await,
            Deed::SecondFactorReset => {
                assert!(remove::reset(app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.expect("an account"));
            }
            Deed::SignedOutEverywhere => {
                users::sign_out_everywhere(app, DEFAULT_TENANT, "ada", &By::OPERATOR)
                    .await
                    .expect("an account");
            }
            Deed::Locked => self.standing(Standing::Locked).await,
            Deed::Disabled => self.standing(Standing::Disabled).await,
            Deed::InvalidatedForUser | Deed::InvalidatedForTenant => {
                self.server.clock.advance(1.0);
                let subject = match deed {
                    Deed::InvalidatedForUser => Subject::User("ada".to_owned()),
                    _ => Subject::Tenant,
                };
                let now = self.server.clock.now();
                tokens_not_before::raise(app, DEFAULT_TENANT, &subject, now).await.expect("a subject");
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    PasswordChanged,
    PasswordChosen,
    RecoveryCodesRenewed,
    SecondFactorRemoved,
    SecondFactorReset,
    SignedOutEverywhere,
    Locked,
    Disabled,
    InvalidatedForUser,
    InvalidatedForTenant,
}

#[tokio::test]
async fn every_change_of_how_an_account_signs_in_ends_half_sign_ins_and_links() {
    for deed in [
        Deed::PasswordChanged,
        Deed::PasswordChosen,
        Deed::RecoveryCodesRenewed,
        Deed::SecondFactorRemoved,
        Deed::SecondFactorReset,
        Deed::SignedOutEverywhere,
        Deed::Locked,
        Deed::Disabled,
        Deed::InvalidatedForUser,
        Deed::InvalidatedForTenant,
    ] {
        let scene = set().await;
        assert!(scene.waits().await && scene.is_link_good().await, "{deed:?}");
        scene.change(deed).await;
        assert!(!scene.waits().await, "a half sign-in outlives {deed:?}");
        assert!(!scene.is_link_good().await, "a link outlives {deed:?}");
    }
}

#[tokio::test]
async fn a_new_second_factor_ends_links_that_were_made_before() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let before = server.password_link("ada").await;
    ada.set_up_authenticator(&server.clock).await;
    assert_eq!(ada.at_another_browser().visit(&before).await.status, 404);
}

#[tokio::test]
async fn a_thief_who_waits_for_the_code_is_out_after_a_new_password() {
    let scene = set().await;
    let form = scene.thief.visit("/sign-in/code").await;
    scene.choose_password().await;
    let code = scene.enrolled.app.next_code();
    scene.thief.submit(&form, "/sign-in/code", &[("code", &code)]).await;
    assert!(!scene.thief.visit("/device").await.says("Signed in as"));
}
