//! Every page there is, in every state, each with a name. A new page is one more line here; then the tests of
//! [`super::accessibility`] are about it, too.

use latchkey::domain::activity;
use latchkey::domain::audit::By;
use latchkey::domain::first_administrator::{self, Invitation};
use latchkey::domain::password_links;
use latchkey::model::policy::trust::TrustAllowed;
use latchkey::model::tenant::TenantSlug;
use serde_json::json;

use super::{UNKNOWN_CODE, every_kind_of_page};
use crate::phishing::{
    BERLIN, HOSTED, PARIS, approve_typing, open_by_link, report, server_with, set_policy, start_from,
};
use crate::support::address_file::Folder;
use crate::support::mail_sink::MailSink;
use crate::support::person::LANGUAGE;
use crate::support::{Authenticator, DpopKey, Page, Person, TestServer};

/// Pages, and the server that still serves what they load.
pub(super) struct Gallery {
    pub(super) server: TestServer,
    pub(super) pages: Vec<(&'static str, Page)>,
    _files: (Folder, Folder),
}

const THEME: &str = r##"
name = "Acme Media"
[light]
accent = "#0b6e4f"
background = "#e8f3ee"
text = "#10201a"
[dark]
accent = "#7fd8a8"
background = "#06130d"
[logo]
file = "logo.svg"
alt = "Acme"
[links]
support = "mailto:help@acme.example"
privacy = "https://acme.example/privacy"
imprint = "https://acme.example/imprint"
"##;
const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" rx="8" fill="#0b6e4f"/><circle cx="16" cy="16" r="8" fill="#fff"/><path d="M36 10h64v4H36zM36 18h44v4H36z" fill="#fff"/></svg>"##;

impl Gallery {
    /// Every page, in English.
    pub(super) async fn open() -> Self {
        let mut gallery = Self::for_people().await;
        gallery.pages.extend(console(&gallery.server).await);
        gallery
    }

    /// The pages that a person sees who prefers this language; the console is in English only.
    pub(super) async fn open_in(language: &'static str) -> Self {
        LANGUAGE.scope(language, Box::pin(Self::for_people())).await
    }

    async fn for_people() -> Self {
        let mut sink = MailSink::start().await;
        let themes = Folder::new();
        std::fs::create_dir_all(themes.path("themed")).expect("a folder");
        themes.replace("themed/theme.toml", THEME);
        themes.replace("themed/logo.svg", LOGO);
        let (url, theme_dir) = (sink.url.clone(), themes.path(""));
        let (server, places) = server_with(|config| {
            config.pages.theme_dir = Some(theme_dir);
            config.mail.smtp_url = Some(url.parse().expect("a URL"));
            "Latchkey <no-reply@example.org>".clone_into(&mut config.mail.from);
            config.policy.trust.allowed = TrustAllowed::Anyone;
        })
        .await;
        server.app.themes.reread();
        let mut pages = every_kind_of_page(&server).await;
        pages.extend(entries_and_sign_ins(&server).await);
        pages.extend(questions(&server).await);
        pages.extend(accounts(&server).await);
        pages.extend(links(&server, &mut sink).await);
        Self { server, pages, _files: (themes, places) }
    }
}

type Named = Vec<(&'static str, Page)>;

async fn entries_and_sign_ins(server: &TestServer) -> Named {
    let (_, themed) = server.tenant("themed").await;
    let visitor = Person::new(&themed, "ada", "");
    let dan = server.person("dan", &[]).await;
    dan.sign_in().await;
    let app = dan.set_up_authenticator(&server.clock).await.app;
    let dan = dan.at_another_browser();
    dan.sign_in().await;
    vec![
        ("themed entry", visitor.visit("/device").await),
        ("themed sign-in's error", visitor.sign_in_with("wrong").await),
        ("themed notice", visitor.visit("/no/such/page").await),
        ("sign-in's wrong code", dan.enter_second_factor(&app.wrong_code()).await),
        ("signed-in entry", dan.enter_second_factor(&app.next_code()).await),
        ("security with an app", dan.visit("/account/security").await),
        ("app removed", remove_authenticator(&dan, &app).await),
        ("too many sign-ins", sign_in_too_often(&visitor).await),
    ]
}

async fn remove_authenticator(dan: &Person, app: &Authenticator) -> Page {
    let removal = dan.visit("/account/security/remove-authenticator").await;
    dan.submit(&removal, "/account/security/remove-authenticator", &[("code", &app.next_code())]).await
}

async fn sign_in_too_often(visitor: &Person) -> Page {
    for _ in 0..20 {
        visitor.sign_in_with("not the password").await;
    }
    visitor.sign_in_with("not the password").await
}

/// The question whether a device may be connected, by how it looks.
async fn questions(server: &TestServer) -> Named {
    let client =
        async |id: &'static str| server.public_client(id, "openid profile email offline_access").await;
    let (camera, radio) = (client("camera").await, client("radio").await);
    let eve = server.person("eve", &[]).await.forwarded_for(BERLIN);
    eve.sign_in().await;
    let details =
        [("scope", "openid profile email offline_access"), ("device_name", "Küche"), ("os", "TV OS 12")];
    let trusting = eve.open(&camera.ask(&details).await.string("user_code")).await;
    let nameless = [("decision", "approve"), ("device_name", "a\u{202e}b")];
    let name_refused = eve.submit(&trusting, "/device/consent", &nameless).await;
    let scopes = eve.open(&camera.start("email profile").await.user_code).await;
    let form = scopes.form("/device/consent").into_iter();
    let mut none = form.filter(|(name, _)| !name.starts_with("scope:")).collect::<Vec<_>>();
    none.push(("decision".to_owned(), "approve".to_owned()));
    let none: Vec<_> = none.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let unticked = eve.post("/device/consent", &none).await;
    assert_eq!(unticked.status, 400, "{unticked:?}");
    let warned = eve.open(&start_from(&camera, PARIS).await.user_code).await;
    let hosted = start_from(&camera, HOSTED).await;
    let retype = open_by_link(&eve, &hosted).await;
    let retype_refused = approve_typing(&eve, &retype, UNKNOWN_CODE).await;
    server.clock.advance(60.0);
    let sign_in_first = open_by_link(&eve, &start_from(&camera, PARIS).await).await;
    let sign_in_again = eve.decide(&sign_in_first, "approve").await;
    set_policy(server, "radio", json!({"approval": {"reverse_confirmation": "always"}})).await;
    let asked = eve.open(&start_from(&radio, BERLIN).await.user_code).await;
    let confirmation = eve.decide(&asked, "approve").await;
    let forbidden = eve.open(&start_from(&radio, PARIS).await.user_code).await;
    set_policy(server, "radio", json!({"approval": {"rules": {"other_country": "deny"}}})).await;
    let forbidden = eve.visit(&forbidden.location).await;
    let key = DpopKey::new(server);
    let garden = camera.with_key(&key);
    let first = garden.ask(&[("scope", "openid"), ("device_name", "Garden")]).await;
    let consent = eve.open(&first.string("user_code")).await;
    eve.decide(&consent, "approve").await;
    garden.poll_code(&first.string("device_code"), &[]).await.must_be_bound_tokens();
    let known = eve.open(&garden.start("openid").await.user_code).await;
    let reported = report(&eve, &eve.open(&start_from(&camera, PARIS).await.user_code).await).await;
    vec![
        ("consent with trust", trusting),
        ("consent with a refused name", name_refused),
        ("consent with no scope ticked", unticked),
        ("consent with a warning", warned),
        ("consent with the code to type", retype),
        ("consent with a wrong code typed", retype_refused),
        ("consent after a new sign-in", sign_in_first),
        ("sign-in again", sign_in_again),
        ("confirmation", confirmation),
        ("consent that cannot be given", forbidden),
        ("consent of a known device", known),
        ("reported", reported),
    ]
}

async fn accounts(server: &TestServer) -> Named {
    let speaker = server.public_client("speaker", "openid offline_access").await;
    let fay = server.person("fay", &[]).await;
    fay.at_another_browser().sign_in().await;
    fay.sign_in().await;
    let none = fay.visit("/account/devices").await;
    for name in
        ["Kitchen", "A very long name of a device that nobody would ever give it unless they test pages"]
    {
        let asked =
            speaker.ask(&[("scope", "openid offline_access"), ("device_name", name), ("os", "TV OS")]).await;
        let consent = fay.open(&asked.string("user_code")).await;
        fay.decide(&consent, "approve").await;
        speaker.poll_code(&asked.string("device_code"), &[]).await.must_be_tokens();
    }
    let devices = fay.visit("/account/devices").await;
    let locked = fay.submit(&devices, "/account/devices/lock", &[]).await;
    server.execute("UPDATE devices SET trusted = true WHERE name = 'Kitchen'").await;
    server.execute("UPDATE devices SET locked_by_administrator = true WHERE locked_at IS NOT NULL").await;
    let trusted = fay.visit("/account/devices").await;
    let refused = fay.submit(&devices, "/account/devices/rename", &[("name", "a\u{202e}b")]).await;
    let password = fay.visit("/account/security/password").await;
    let wrong_password =
        [("current_password", "wrong"), ("new_password", "a"), ("new_password_repeated", "b")];
    let password_refused = fay.submit(&password, "/account/security/password", &wrong_password).await;
    let new = "a wholly new passphrase";
    let right_password =
        [("current_password", fay.password.as_str()), ("new_password", new), ("new_password_repeated", new)];
    let offer = fay.visit("/account/security/authenticator").await;
    let key = fay.submit(&offer, "/account/security/authenticator", &[]).await;
    let key_refused = fay.submit(&key, "/account/security/authenticator", &[("code", "000000")]).await;
    vec![
        ("security without an app", fay.visit("/account/security").await),
        ("authenticator's wrong code", key_refused),
        ("no devices", none),
        ("devices", devices),
        ("a locked device", locked),
        ("a trusted device and one that an administrator locked", trusted),
        ("devices with a refused name", refused),
        ("password refused", password_refused),
        ("password changed", fay.submit(&password, "/account/security/password", &right_password).await),
    ]
}

/// What the links of messages lead to.
async fn links(server: &TestServer, sink: &mut MailSink) -> Named {
    let gil = server.person("gil", &[]).await;
    let lamp = server.public_client("lamp", "openid offline_access").await;
    let asked = lamp.ask(&[("scope", "openid"), ("device_name", "Lamp")]).await;
    let consent = gil.open(&asked.string("user_code")).await;
    gil.decide(&consent, "approve").await;
    let mail = loop {
        let mail = sink.next().await;
        if mail.recipients == ["gil@example.org"] {
            break mail;
        }
    };
    let stranger = gil.at_another_browser();
    let not_me = stranger.visit(&mail.link(&server.base)).await;
    let disowned = stranger.submit(&not_me, "/device/not-me", &[]).await;
    let tenant = server.app.cached.tenant(&server.app.db, &TenantSlug::root()).await;
    let tenant = tenant.expect("the database answers").expect("the default tenant");
    let user = server.user_id("gil").await;
    let link = password_links::start(&server.app, &tenant, user, &By::OPERATOR).await.expect("a link");
    let form = stranger.visit(&link.url).await;
    let short = [("password", "short"), ("password_again", "short")];
    let refused = stranger.submit(&form, "/set-password", &short).await;
    let long = [("password", "a wholly new passphrase"), ("password_again", "a wholly new passphrase")];
    let done = stranger.submit(&form, "/set-password", &long).await;
    let over = stranger.visit(&form.location).await;
    let Ok(Invitation::Made { url, .. }) = first_administrator::invite(&server.app).await else {
        panic!("there is no administrator yet");
    };
    let first = stranger.visit(&url).await;
    let named = [("username", "zoë"), ("password", "short"), ("password_again", "short")];
    let first_refused = stranger.submit(&first, "/first-administrator", &named).await;
    let named = [("username", "zoë"), long[0], long[1]];
    let first_done = stranger.submit(&first, "/first-administrator", &named).await;
    let first_over = stranger.visit(&url).await;
    vec![
        ("first administrator", first),
        ("first administrator refused", first_refused),
        ("first administrator made", first_done),
        ("first administrator's link over", first_over),
        ("not me", not_me),
        ("disowned", disowned),
        ("new password", form),
        ("new password refused", refused),
        ("new password set", done),
        ("new password's link over", over),
    ]
}

async fn console(server: &TestServer) -> Named {
    let hal = server.person("hal", &["admin"]).await;
    let outsider = hal.visit("/console/sessions").await;
    assert_eq!(outsider.location, "/sign-in");
    hal.sign_in().await;
    let ida = server.person("ida", &[]).await;
    ida.sign_in().await;
    server.get("/.well-known/jwks.json").await;
    let form = hal.visit("/console/clients/new").await;
    let answers = [("id", "gate"), ("client_name", "Gate"), ("auth_method", "client_secret_basic")];
    let secret = hal.submit(&form, "/console/clients/new", &answers).await;
    let taken = hal.submit(&form, "/console/clients/new", &answers).await;
    let radio = hal.visit("/console/client?id=radio").await;
    let tried = hal.submit(&radio, "/console/client/try", &[]).await;
    let list = hal.visit("/console/sessions").await;
    let denied = hal.submit(&list, "/console/session/deny", &[]).await;
    let devices = hal.visit("/console/devices").await;
    let locked = hal.submit(&devices, "/console/devices/lock", &[]).await;
    let device = locked.form("/console/devices/unlock")["device"].clone();
    let disconnection = hal.visit(&format!("/console/devices/disconnect?device={device}")).await;
    let keys = hal.visit("/console/keys").await;
    let rotation = [("algorithm", "ES256"), ("when", "at-once")];
    let rotated = hal.submit(&keys, "/console/keys/rotate", &rotation).await;
    let jo = server.person("jo", &["maker"]).await;
    jo.sign_in().await;
    jo.set_up_authenticator(&server.clock).await;
    let user = hal.visit(&format!("/console/user?id={}", server.user_id("jo").await)).await;
    let link = hal.submit(&user, "/console/user/password-link", &[]).await;
    let question = format!("/console/user/delete?id={}", server.user_id("jo").await);
    let own = format!("/console/user/delete?id={}", server.user_id("hal").await);
    server.person("kai", &[]).await;
    let kai = hal.visit(&format!("/console/user/delete?id={}", server.user_id("kai").await)).await;
    let refused = hal.visit("/console/users/new").await;
    let refused = hal.submit(&refused, "/console/users/new", &[("username", "jo")]).await;
    activity::write(&server.app).await.expect("the database answers");
    vec![
        ("console's overview", hal.visit("/console").await),
        ("console's overview of a month", hal.visit("/console?span=month").await),
        ("console's users", hal.visit("/console/users").await),
        ("console's users of no role", hal.visit("/console/users?role=No").await),
        ("console's user", user),
        ("console's user with a link", link),
        ("console's device to disconnect", disconnection),
        ("console's account to delete", hal.visit(&question).await),
        ("console's own account, which stays", hal.visit(&own).await),
        ("console's users but one", hal.submit(&kai, "/console/user/delete", &[]).await),
        ("console's new user refused", refused),
        ("console's sessions", list),
        ("console's sessions of nobody", hal.visit("/console/sessions?user=nobody").await),
        ("console's denied session", denied),
        ("console's tried session", tried),
        ("console's devices", locked),
        ("console's clients", hal.visit("/console/clients").await),
        ("console's client with a secret", secret),
        ("console's form", form),
        ("console's form refused", taken),
        ("console's change", hal.visit("/console/client/change?id=gate").await),
        ("console's keys", rotated),
        ("console's audit", hal.visit("/console/audit").await),
        ("console closed", ida.visit("/console/keys").await),
    ]
}
