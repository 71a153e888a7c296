//! The pages a person sees in a browser, as typed views over the templates beside this file.
//!
//! Every value is escaped by the templates. The pages carry no script and no inline style, so they work under
//! a content security policy that allows nothing but the server's own stylesheet.

use askama::Template;

use super::consent_choices::ConsentChoices;
use super::device_words::DeviceWords;
use super::risk_words::RiskWords;
use super::theme::ThemeFrame;
use crate::languages::{Language, Phrase};

/// What every page shows around its content.
#[derive(Debug, Clone)]
pub struct PageFrame {
    /// The language of the page.
    pub language: Language,
    /// The path of the page below `base`, to come back to after the language was changed; `None`: it cannot be
    /// changed here.
    pub here: Option<String>,
    /// The name of the tenant, as its users know it.
    pub tenant_name: String,
    /// The path prefix of every link and form action: empty, or `/t/acme`, without a trailing slash.
    pub base: String,
    /// The URL path of the stylesheet, with a hash of its content so that it can be cached for good.
    pub stylesheet: String,
    /// What the tenant has otherwise than the house.
    pub theme: ThemeFrame,
    /// The account of the browser session, or `None` where nobody is signed in.
    pub signed_in_as: Option<String>,
    /// Whether a role of the account opens the console.
    pub opens_console: bool,
    /// The token every form of this browser session sends back.
    pub csrf: String,
}

impl PageFrame {
    /// The message of this key in the language of the page.
    #[must_use]
    pub fn t(&self, key: &'static str) -> Phrase {
        self.language.t(key)
    }
}

/// The form that takes the user code (RFC 8628 section 3.3).
#[derive(Debug, Clone, Template)]
#[template(path = "device.html", config = ".askama.toml")]
pub struct DeviceEntryPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// What the field holds: the input as it was typed or linked, or empty.
    pub code: String,
    /// Whether the code came with `verification_uri_complete` and was not typed by the user.
    pub code_from_link: bool,
    /// The mark of the code that a link has brought, so that the form says it however the browser's cookies change.
    pub link_mark: Option<String>,
    /// Why the code was not accepted.
    pub error: Option<Phrase>,
}

/// The form that takes a username and a password.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html", config = ".askama.toml")]
pub struct SignInPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// What the username field holds.
    pub username: String,
    /// For which device the person signs in.
    pub connecting: Option<Phrase>,
    /// Why the last attempt failed, in words that do not tell whether the account exists.
    pub error: Option<Phrase>,
    /// Whether the user has a session, but too old a one for this decision.
    pub fresh_required: bool,
}

/// The form by which a person with a link chooses a password.
#[derive(Debug, Clone, Template)]
#[template(path = "set_password.html", config = ".askama.toml")]
pub struct SetPasswordPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// Whose password it will be.
    pub username: String,
    /// The secret of the link.
    pub token: String,
    /// Why the last attempt failed.
    pub error: Option<Phrase>,
}

/// The form by which the first administrator makes their account.
#[derive(Debug, Clone, Template)]
#[template(path = "first_administrator.html", config = ".askama.toml")]
pub struct FirstAdministratorPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// What was typed as the name.
    pub username: String,
    /// The secret of the link.
    pub token: String,
    /// Why the last attempt failed.
    pub error: Option<Phrase>,
}

/// The question whether a device may act for the account.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html", config = ".askama.toml")]
pub struct ConsentPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The registered name of the client.
    pub client_name: String,
    /// Whether the client is registered as the tenant's own.
    pub client_is_first_party: bool,
    /// Whether the client registered itself or is a user's own, so that nobody of the tenant vouches for it.
    pub client_is_unverified: bool,
    /// Whether the client has no credentials, so that its name is a claim and no proof.
    pub client_is_public: bool,
    /// The user code, in the form in which the device shows it; `None` where the person must read it off the device.
    pub user_code: Option<String>,
    /// What the device told about itself.
    pub device: DeviceWords,
    /// When the device asked, as an RFC 3339 timestamp.
    pub requested_at: String,
    /// When the device asked, in words.
    pub requested_at_words: Phrase,
    /// The address from which the device asked.
    pub ip_address: Option<String>,
    /// Where that is, as far as it is known.
    pub place: Option<Phrase>,
    /// The names of the services it asks for; none: only the tenant's default.
    pub resources: Vec<String>,
    /// What may be chosen.
    pub choices: ConsentChoices,
    /// The account that decides.
    pub account: String,
    /// The single-use token that binds the decision to this rendering of the page.
    pub decision_token: String,
    /// The device session to decide on.
    pub session_id: String,
    /// How the approval looks.
    pub risk: RiskWords,
}

/// What the device must send before an approval counts.
#[derive(Debug, Clone, Template)]
#[template(path = "confirmation.html", config = ".askama.toml")]
pub struct ConfirmationPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The characters.
    pub characters: String,
    /// The device session that was approved.
    pub session_id: String,
    /// The token that binds a report to this device session.
    pub decision_token: String,
}

/// The question whether an approval was the reader's own.
#[derive(Debug, Clone, Template)]
#[template(path = "not_me.html", config = ".askama.toml")]
pub struct NotMePage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The registered name of the client.
    pub client_name: String,
    /// The name the device gave itself.
    pub device_name: Option<String>,
    /// When it was approved, as an RFC 3339 timestamp.
    pub approved_at: String,
    /// When it was approved, in words.
    pub approved_at_words: Phrase,
    /// What the link of the message carries.
    pub token: String,
}

/// A page that only tells something: an outcome or an error.
#[derive(Debug, Clone, Template)]
#[template(path = "notice.html", config = ".askama.toml")]
pub struct NoticePage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The heading, which is the title of the page as well.
    pub title: Phrase,
    /// What happened and what to do now.
    pub text: Phrase,
    /// How the page looks.
    pub tone: Tone,
    /// Where to go from here.
    pub next: Option<NextStep>,
}

/// The tone of a [`NoticePage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What the user wanted was done.
    Success,
    /// Something is told without judging it.
    Neutral,
    /// Something went wrong.
    Problem,
}

/// The link at the end of a [`NoticePage`].
#[derive(Debug, Clone)]
pub struct NextStep {
    /// The path it leads to, prefix included. Always a path of this server, never a URL from a request.
    pub href: String,
    /// The text of the link.
    pub label: Phrase,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::consent_choices::{LifetimeChoice, ScopeChoice, TrustChoice};
    use crate::http::pages::risk_words::Retyping;
    use crate::http::pages::theme::LogoFrame;

    const HOSTILE: &str = r#""><script>alert('x')</script>"#;

    fn frame() -> PageFrame {
        PageFrame {
            language: Language::English,
            here: Some(HOSTILE.to_owned()),
            tenant_name: HOSTILE.to_owned(),
            base: "/t/acme".to_owned(),
            stylesheet: "/assets/style-1a2b.css".to_owned(),
            theme: ThemeFrame {
                stylesheet: Some(HOSTILE.to_owned()),
                logo: Some(LogoFrame {
                    path: HOSTILE.to_owned(),
                    dark_path: Some(HOSTILE.to_owned()),
                    alt: Some(HOSTILE.to_owned()),
                }),
                links: vec![(said(), HOSTILE.to_owned())],
            },
            signed_in_as: Some(HOSTILE.to_owned()),
            opens_console: true,
            csrf: "csrf-token".to_owned(),
        }
    }

    fn said() -> Phrase {
        Language::English.t("consent-title").name("client", HOSTILE)
    }

    fn choices() -> ConsentChoices {
        let scope = |is_optional| ScopeChoice {
            name: HOSTILE.to_owned(),
            description: HOSTILE.to_owned(),
            is_optional,
            is_ticked: true,
        };
        ConsentChoices {
            scopes: vec![scope(true), scope(false)],
            withheld: vec![scope(false)],
            leaves_nothing: false,
            scopes_error: None,
            some_are_optional: true,
            lifetime_words: said(),
            device_name: HOSTILE.to_owned(),
            default_name: Some(said()),
            name_error: Some(said()),
            lifetimes: vec![LifetimeChoice { value: "day", words: said(), is_selected: true }],
            trust: Some(TrustChoice { words: said(), is_ticked: true }),
        }
    }

    fn consent() -> ConsentPage {
        let hostile = || HOSTILE.to_owned();
        ConsentPage {
            frame: frame(),
            client_name: hostile(),
            client_is_first_party: false,
            client_is_unverified: false,
            client_is_public: true,
            user_code: Some("BDJW-DSXQ".to_owned()),
            device: DeviceWords {
                name: Some(hostile()),
                user_agent: Some(hostile()),
                ..DeviceWords::default()
            },
            requested_at: "2026-03-01T10:20:00Z".to_owned(),
            requested_at_words: said(),
            ip_address: Some("203.0.113.17".to_owned()),
            place: Some(said()),
            resources: vec![hostile()],
            choices: choices(),
            account: hostile(),
            decision_token: "decision-token".to_owned(),
            session_id: "session".to_owned(),
            risk: RiskWords {
                reasons: vec![said()],
                places: Some(said()),
                can_approve: true,
                must_sign_in: false,
                retyping: Retyping::Now,
                retype_error: Some(said()),
                key: Some(said()),
            },
        }
    }

    fn confirmation() -> ConfirmationPage {
        let text = |text: &str| text.to_owned();
        let (session_id, decision_token) = (text("session"), text("decision-token"));
        ConfirmationPage { frame: frame(), characters: text("KXT"), session_id, decision_token }
    }

    fn every_page() -> Vec<String> {
        let hostile = || HOSTILE.to_owned();
        let notice = |tone| NoticePage {
            frame: frame(),
            title: said(),
            text: said(),
            tone,
            next: Some(NextStep { href: "/t/acme/device".to_owned(), label: said() }),
        };
        let device = |code_from_link, error| DeviceEntryPage {
            frame: frame(),
            code: hostile(),
            code_from_link,
            link_mark: code_from_link.then(hostile),
            error,
        };
        let sign_in = |fresh_required, error| SignInPage {
            frame: frame(),
            username: hostile(),
            connecting: Some(said()),
            error,
            fresh_required,
        };
        [
            device(true, None).render(),
            device(false, Some(said())).render(),
            sign_in(true, None).render(),
            sign_in(false, Some(said())).render(),
            consent().render(),
            confirmation().render(),
            NotMePage {
                frame: frame(),
                client_name: hostile(),
                device_name: Some(hostile()),
                approved_at: hostile(),
                approved_at_words: said(),
                token: hostile(),
            }
            .render(),
            notice(Tone::Success).render(),
            notice(Tone::Neutral).render(),
            notice(Tone::Problem).render(),
        ]
        .into_iter()
        .map(|page| page.expect("the page renders"))
        .collect()
    }

    #[test]
    fn no_page_lets_a_value_become_markup() {
        for page in every_page() {
            for forbidden in ["<script", "<style", " style=", "alert('x')"] {
                assert!(!page.contains(forbidden), "{forbidden} in {page}");
            }
        }
    }

    #[test]
    fn every_form_posts_below_the_base_with_the_csrf_token() {
        for page in every_page() {
            let forms = page.matches("<form ").count();
            assert_eq!(page.matches(r#"method="post" action="/t/acme/"#).count(), forms, "{page}");
            assert_eq!(page.matches(r#"name="csrf" value="csrf-token""#).count(), forms, "{page}");
        }
    }

    #[test]
    fn the_first_submit_button_of_the_decision_is_deny() {
        let page = consent().render().expect("the page renders");
        let deny = page.find(r#"value="deny""#).expect("a button to deny");
        let approve = page.find(r#"value="approve""#).expect("a button to approve");
        assert!(deny < approve);
    }
}
