//! Colleagues behind one address: a visitor who guesses does not shut the others out.

use super::WRONG_CREDENTIALS;
use crate::support::{Person, TestServer};

const WRONG: &str = "wrong horse battery staple";

/// A visitor who guesses as often as they are let.
struct Guesser {
    name: fn(usize) -> String,
    /// The browser that is used again; `None`: a new one for each guess.
    browser: Option<Person>,
    guesses: usize,
}

impl Guesser {
    fn of(server: &TestServer, name: fn(usize) -> String) -> [Self; 2] {
        let browser = Person::new(&server.base, "nobody", WRONG);
        [Self { name, browser: Some(browser), guesses: 0 }, Self { name, browser: None, guesses: 0 }]
    }

    /// Guesses until there are three refusals in a row.
    async fn guess(&mut self, server: &TestServer) {
        let mut refused = 0;
        while refused < 3 {
            let name = (self.name)(self.guesses + refused);
            let person = match &self.browser {
                Some(browser) => browser.as_user(&name),
                None => Person::new(&server.base, &name, WRONG),
            };
            let page = person.sign_in().await;
            if page.status == 429 {
                refused += 1;
            } else {
                assert!(page.status == 400 && page.shows(WRONG_CREDENTIALS), "{page:?}");
                self.guesses += 1;
                refused = 0;
            }
        }
    }
}

#[tokio::test]
async fn a_colleague_at_a_new_browser_gets_in_within_thirty_seconds_of_a_guesser() {
    let names: [fn(usize) -> String; 3] =
        [|nth| format!("made-up-{nth}"), |nth| format!("person-{}", nth % 20), |_| "ada".to_owned()];
    for name in names {
        let server = TestServer::start().await;
        let ada = server.ada().await;
        for number in 0..20 {
            server.person(&format!("person-{number}"), &[]).await;
        }
        for mut guesser in Guesser::of(&server, name) {
            let colleague = ada.at_another_browser();
            let mut waited = 0;
            loop {
                guesser.guess(&server).await;
                let page = colleague.sign_in().await;
                if page.says("Signed in as") {
                    break;
                }
                assert_eq!(page.status, 429, "{page:?}");
                assert!(waited < 30, "{} guesses shut a colleague out", guesser.guesses);
                waited += 1;
                server.clock.advance(1.0);
            }
            server.clock.advance(3_600.0);
        }
    }
}

#[tokio::test]
async fn an_address_is_judged_no_more_often_than_its_tries_come_back() {
    let server = TestServer::start().await;
    let browsers: Vec<_> =
        (0..60).map(|number| Person::new(&server.base, &format!("name-{number}"), WRONG)).collect();
    for browser in &browsers {
        browser.visit("/sign-in").await;
    }
    // However patient the browsers are: ten, twenty for patient ones, and what has come back.
    server.clock.advance(60.0);
    let mut judged = 0;
    for browser in &browsers {
        judged += usize::from(browser.sign_in().await.status == 400);
    }
    assert_eq!(judged, 30);
}

#[tokio::test]
async fn a_known_browser_gets_in_at_once_behind_a_guesser() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    ada.sign_out().await;
    let [_, mut guesser] = Guesser::of(&server, |_| "ada".to_owned());
    guesser.guess(&server).await;
    let [_, mut guesser] = Guesser::of(&server, |nth| format!("made-up-{nth}"));
    guesser.guess(&server).await;
    assert!(ada.sign_in().await.says("Signed in as"));
}

#[tokio::test]
async fn a_refused_browser_is_told_how_long_it_must_be_patient() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let [_, mut guesser] = Guesser::of(&server, |nth| format!("made-up-{nth}"));
    guesser.guess(&server).await;
    let page = ada.sign_in().await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "10"), "{page:?}");
    server.clock.advance(10.0);
    assert!(ada.sign_in().await.says("Signed in as"));
}
