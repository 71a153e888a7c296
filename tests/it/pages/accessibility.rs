//! Every page can be used by everybody: axe-core finds nothing, nothing sticks out of the smallest screen, and the
//! keyboard reaches everything. Without Chromium, npm or its registry the tests say so and are skipped.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use fantoccini::key::Key;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::chromium::Chromium;
use super::gallery::Gallery;
use crate::support::programs;

/// The width of a phone. What its pages consist of is what those of the narrowest one do.
const ORDINARY: u32 = 390;
const WIDTHS: [u32; 3] = [320, ORDINARY, 1280];

/// Whatever axe-core finds, of every kind that it knows, or only of the kinds that are told.
const VIOLATIONS: &str = "
    const rules = {'target-size': {enabled: true}};
    return axe.run(document, {resultTypes: ['violations'], rules, runOnly: arguments[0] ?? undefined}).then(found =>
        found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join('; ')));";

/// Whatever makes the page scroll sideways (WCAG 2.2, 1.4.10).
const STICKS_OUT: &str = "
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.body.querySelectorAll('*')]
        .filter(e => { const box = e.getBoundingClientRect(); return box.right > width + 1 || box.left < -1; })
        .map(e => e.outerHTML.slice(0, 120));";

/// What there is to reach, and a note of what was reached.
const CONTROLS: &str = "
    window.controls = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
        .filter(e => e.checkVisibility() && !e.disabled);
    window.reached = new Set();
    window.unmarked = [];
    const note = e => {
        reached.add(e);
        if (e !== document.body && getComputedStyle(e).outlineStyle === 'none') unmarked.push(e.outerHTML);
    };
    addEventListener('focusin', event => note(event.target));
    // From the top, once a field that wants the focus at first has had it.
    const frame = () => new Promise(requestAnimationFrame);
    return frame().then(frame).then(() => {
        document.body.tabIndex = -1;
        document.body.focus();
        reached.clear();
        return controls.length;
    });";

/// What the keyboard does not reach, or where nobody sees that it has.
const OUT_OF_REACH: &str =
    "return controls.filter(e => !reached.has(e)).map(e => e.outerHTML).concat(unmarked);";

/// The source of axe-core, where it can be had. It is installed once for all: npm first removes what another test may be
/// reading.
async fn axe() -> Option<&'static str> {
    static SOURCE: OnceCell<Option<String>> = OnceCell::const_new();
    SOURCE.get_or_init(install_axe).await.as_deref()
}

async fn install_axe() -> Option<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pages/accessibility");
    let folder = programs::folder("accessibility", &sources, &["package.json", "package-lock.json"]);
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    programs::run("npm", &mut install).await?;
    Some(std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).expect("axe-core"))
}

/// Serves the pages as they were collected, with their headers; what they load comes from their server.
async fn exhibit(gallery: Arc<Gallery>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let router = Router::new().fallback(show).with_state(gallery);
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

async fn show(State(gallery): State<Arc<Gallery>>, uri: Uri) -> impl IntoResponse {
    let number = uri.path().strip_prefix("/page/").and_then(|number| number.parse::<usize>().ok());
    if let Some((_, page)) = number.and_then(|number| gallery.pages.get(number)) {
        let mut headers = page.headers.clone();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::SET_COOKIE);
        headers.remove(header::TRANSFER_ENCODING);
        return (StatusCode::OK, headers, page.html.clone().into_bytes());
    }
    let answer = gallery.server.http.get(format!("{}{uri}", gallery.server.base)).send().await;
    let answer = answer.expect("the server answers");
    let media_type = answer.headers().get(header::CONTENT_TYPE).cloned();
    let headers = HeaderMap::from_iter(media_type.map(|value| (header::CONTENT_TYPE, value)));
    (answer.status(), headers, answer.bytes().await.expect("it arrives").to_vec())
}

#[tokio::test]
async fn every_page_can_be_used_by_everybody() {
    let Some(axe) = axe().await else { return };
    let Some(browser) = Chromium::start("gallery").await else { return };
    let gallery = Arc::new(Box::pin(Gallery::open()).await);
    let base = exhibit(Arc::clone(&gallery)).await;
    browser.bring_along(axe).await;
    let mut found = Vec::new();
    for (number, (name, _)) in gallery.pages.iter().enumerate() {
        browser.resize(ORDINARY).await;
        browser.visit(&format!("{base}/page/{number}")).await;
        let out_of_reach = out_of_reach(&browser).await;
        found.extend(texts(&out_of_reach).map(|text| format!("{name}, by keyboard: {text}")));
        for width in WIDTHS {
            browser.resize(width).await;
            let wide = browser.run(STICKS_OUT, json!(null)).await;
            found.extend(texts(&wide).map(|text| format!("{name}, {width} wide: {text}")));
            if width != ORDINARY {
                let violations = browser.run(VIOLATIONS, json!(null)).await;
                found.extend(texts(&violations).map(|text| format!("{name}, {width} wide: {text}")));
            }
        }
        // Nothing but colours is otherwise in the dark, and they are the same at every width.
        browser.surround("dark").await;
        let violations = browser.run(VIOLATIONS, json!(["cat.color"])).await;
        found.extend(texts(&violations).map(|text| format!("{name}, dark: {text}")));
        browser.surround("light").await;
    }
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
    browser.close().await;
}

/// Text in a language that is not the page's: in German, what has words that only English has, in Chinese, what has
/// several words in Latin letters. Names are nobody's language.
const LEFT_OVERS: &str = "
    const foreign = {
        'de': /\\b(the|you|your|with|this|that|and|of|not|please|is|are)\\b/i,
        'zh-Hans': /[a-z]{2,}[ ,.]+[a-z]{2,}[ ,.]+[a-z]{2,}/i,
    }[arguments[0]];
    if (document.documentElement.lang !== arguments[0]) return ['lang is ' + document.documentElement.lang];
    const found = [document.title].filter(text => foreign.test(text.split(' · ')[0]));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const node = texts.currentNode;
        if (!node.parentElement.closest('[translate=no], script, style') && foreign.test(node.data)) found.push(node.data);
    }
    for (const e of document.querySelectorAll('[aria-label], [alt], [placeholder], [title]')) {
        for (const name of ['aria-label', 'alt', 'placeholder', 'title']) {
            if (foreign.test(e.getAttribute(name) ?? '')) found.push(e.getAttribute(name));
        }
    }
    return found;";

/// German has the longest words, Chinese breaks anywhere: each in the width that is hardest for it.
#[tokio::test]
async fn every_page_is_whole_in_every_language() {
    let Some(axe) = axe().await else { return };
    let Some(browser) = Chromium::start("languages").await else { return };
    browser.bring_along(axe).await;
    let mut found = Vec::new();
    for (language, width) in [("de", 320), ("zh-Hans", 390)] {
        let gallery = Arc::new(Gallery::open_in(language).await);
        let base = exhibit(Arc::clone(&gallery)).await;
        browser.resize(width).await;
        browser.surround("light").await;
        for (number, (name, _)) in gallery.pages.iter().enumerate() {
            browser.visit(&format!("{base}/page/{number}")).await;
            for (script, argument) in [
                (STICKS_OUT, json!(null)),
                (LEFT_OVERS, json!(language)),
                (VIOLATIONS, json!(["wcag2a", "wcag2aa"])),
            ] {
                let faults = browser.run(script, argument).await;
                found.extend(texts(&faults).map(|text| format!("{name} in {language}: {text}")));
            }
        }
    }
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
    browser.close().await;
}

#[tokio::test]
async fn no_page_sticks_out_when_its_script_runs_from_right_to_left() {
    let Some(browser) = Chromium::start("right-to-left").await else { return };
    let gallery = Arc::new(Box::pin(Gallery::open()).await);
    let base = exhibit(Arc::clone(&gallery)).await;
    browser.resize(320).await;
    let mut found = Vec::new();
    for (number, (name, _)) in gallery.pages.iter().enumerate() {
        browser.visit(&format!("{base}/page/{number}")).await;
        browser.run("document.documentElement.dir = 'rtl'", json!(null)).await;
        let wide = browser.run(STICKS_OUT, json!(null)).await;
        found.extend(texts(&wide).map(|text| format!("{name}: {text}")));
        if ["consent with the code to type", "devices", "themed entry"].contains(name) {
            browser.picture(&name.replace(' ', "-")).await;
        }
    }
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
    browser.close().await;
}

/// Presses Tab often enough to come to everything.
async fn out_of_reach(browser: &Chromium) -> Value {
    let controls = browser.run(CONTROLS, json!(null)).await.as_u64().expect("a number");
    let tabs: String = (0..=controls).map(|_| char::from(Key::Tab)).collect();
    browser.type_text(&tabs).await;
    browser.run(OUT_OF_REACH, json!(null)).await
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str)
}
