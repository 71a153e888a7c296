//! What a browser carries from sign-in to sign-in: when it first came, and which accounts have signed in there. Sealed:
//! nobody can write it but this server, and nobody else can read who signs in there.

use std::sync::Arc;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::browser::Browser;
use crate::app::App;
use crate::domain::sign_in::SigningBrowser;
use crate::model::guessing::Visit;
use crate::model::known_browser::KnownBrowser;

const VISIT: &str = "visit";
const KNOWN: &str = "known";
/// Accounts whose marks a browser keeps; a browser keeps 4096 bytes in all.
const MOST_MARKS: usize = 5;

/// The cookie of a visit.
#[derive(Serialize, Deserialize)]
struct VisitCookie {
    id: Uuid,
    since: chrono::DateTime<Utc>,
}

/// Reads what the browser carries. One that comes for the first time begins its visit now.
pub(super) fn read(app: &Arc<App>, browser: &mut Browser) -> SigningBrowser {
    let carried =
        browser.sealed_cookie(VISIT).and_then(|text| serde_json::from_str::<VisitCookie>(&text).ok());
    let visit = match carried {
        Some(VisitCookie { id, since }) => Visit { id, since },
        None => begin_visit(app, browser),
    };
    SigningBrowser { visit, marks: marks(browser) }
}

/// Leaves the mark of an account that has signed in, in place of the one it had.
pub(super) fn keep(browser: &mut Browser, mark: KnownBrowser) {
    let mut marks = marks(browser);
    marks.retain(|kept| kept.user != mark.user);
    marks.insert(0, mark);
    marks.truncate(MOST_MARKS);
    if let Ok(text) = serde_json::to_string(&marks) {
        browser.keep_sealed_cookie(KNOWN, &text);
    }
}

fn begin_visit(app: &Arc<App>, browser: &mut Browser) -> Visit {
    let since = app.clock.now();
    let visit = Visit { id: app.random.uuid_v7(since), since };
    if let Ok(text) = serde_json::to_string(&VisitCookie { id: visit.id, since }) {
        browser.set_sealed_cookie(VISIT, &text);
    }
    visit
}

fn marks(browser: &Browser) -> Vec<KnownBrowser> {
    let text = browser.sealed_cookie(KNOWN);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
