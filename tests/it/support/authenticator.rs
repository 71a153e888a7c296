//! An authenticator app: makes codes from the key that a page shows (RFC 6238), by other code than the server's.

use aws_lc_rs::hmac;

use super::clock::ManualClock;
use super::{Page, Person};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An app with one key in it.
pub struct Authenticator {
    key: hmac::Key,
    clock: ManualClock,
}

/// What somebody has who has set up an app.
pub struct Enrolled {
    pub app: Authenticator,
    pub recovery_codes: Vec<String>,
    /// The page with the codes.
    pub page: Page,
}

impl Authenticator {
    /// Types in the key that the page shows.
    fn with_key_of(page: &Page, clock: &ManualClock) -> Self {
        let shown = page.html.split("class=\"key\"").nth(1).and_then(|rest| rest.split_once('>'));
        Self::with_key(shown.expect("a key").1.split('<').next().unwrap_or_default(), clock)
    }

    /// Types in a key (RFC 4648 §6).
    pub fn with_key(key: &str, clock: &ManualClock) -> Self {
        let letters = key.chars().filter(|letter| *letter != ' ');
        let mut bits = 0_u64;
        let mut bytes = Vec::new();
        for (index, letter) in letters.enumerate() {
            bits = (bits << 5) | ALPHABET.find(letter).expect("a letter of base 32") as u64;
            if index % 8 == 7 {
                bytes.extend_from_slice(&bits.to_be_bytes()[3..]);
                bits = 0;
            }
        }
        assert_eq!(bytes.len(), 20);
        Self { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), clock: clock.clone() }
    }

    /// The code it shows now.
    pub fn code(&self) -> String {
        self.code_of(self.clock.now().timestamp() / 30)
    }

    fn code_of(&self, step: i64) -> String {
        let mac = hmac::sign(&self.key, &step.to_be_bytes());
        let offset = usize::from(mac.as_ref()[19] & 0xf);
        let four = mac.as_ref()[offset..offset + 4].try_into().expect("four bytes");
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }

    /// Waits until it shows a code that it has not shown yet, and gives that.
    pub fn next_code(&self) -> String {
        self.clock.advance(30.0);
        self.code()
    }

    /// A code that it shows neither now nor soon, nor has shown lately.
    pub fn wrong_code(&self) -> String {
        let step = self.clock.now().timestamp() / 30;
        let near: Vec<_> = (step - 3..=step + 3).map(|step| self.code_of(step)).collect();
        let wrong = (0..8).map(|number| format!("{number:06}")).find(|code| !near.contains(code));
        wrong.expect("eight codes are not seven")
    }
}

impl Person {
    /// Sets up an app, signed in as they are.
    pub async fn set_up_authenticator(&self, clock: &ManualClock) -> Enrolled {
        let offer = self.visit("/account/security/authenticator").await;
        let shown = self.submit(&offer, "/account/security/authenticator", &[]).await;
        let app = Authenticator::with_key_of(&shown, clock);
        let page = self.submit(&shown, "/account/security/authenticator", &[("code", &app.code())]).await;
        let recovery_codes: Vec<_> = page
            .html
            .split("<li><code>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(recovery_codes.len(), 10, "{page:?}");
        Enrolled { app, recovery_codes, page }
    }

    /// Answers the question for a code.
    pub async fn enter_second_factor(&self, code: &str) -> Page {
        let page = self.visit("/sign-in/code").await;
        self.submit(&page, "/sign-in/code", &[("code", code)]).await
    }
}
