//! What every page has, so that everybody can use it, also with a screen reader and without scripts (WCAG 2.2).

use std::collections::HashMap;

use super::every_kind_of_page;
use crate::support::TestServer;

/// The start tags of this name, without their brackets.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!("<{name}");
    html.split(opening.as_str())
        .skip(1)
        .filter(|rest| rest.starts_with([' ', '>']))
        .map(|rest| rest.split('>').next().unwrap_or_default())
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

#[tokio::test]
async fn every_page_has_a_language_a_title_and_one_heading() {
    let server = TestServer::start().await;
    for (kind, page) in every_kind_of_page(&server).await {
        assert!(page.html.starts_with("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"), "{kind}: {page:?}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{kind}");
        for name in ["h1", "title", "main", "header", "footer"] {
            assert_eq!(tags(&page.html, name).len(), 1, "{kind}: {name}");
        }
        let title = page.html.split("<title>").nth(1).and_then(|rest| rest.split(" · ").next());
        assert!(title.is_some_and(|title| !title.trim().is_empty()), "{kind}: {page:?}");
        assert!(
            page.says(r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn every_field_that_is_seen_has_a_label_and_every_id_is_given_once() {
    let server = TestServer::start().await;
    for (kind, page) in every_kind_of_page(&server).await {
        let labelled: Vec<_> =
            tags(&page.html, "label").into_iter().filter_map(|tag| attribute(tag, "for")).collect();
        for input in tags(&page.html, "input") {
            if attribute(input, "type") != Some("hidden") {
                let id = attribute(input, "id").unwrap_or_else(|| panic!("{kind}: {input}"));
                assert!(labelled.contains(&id), "{kind}: {input}");
            }
        }
        let mut ids = HashMap::new();
        for id in page.html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            *ids.entry(id).or_insert(0) += 1;
        }
        assert!(ids.values().all(|count| *count == 1), "{kind}: {ids:?}");
        for names in ["aria-describedby", "aria-labelledby"] {
            for named in page.html.split(&format!(" {names}=\"")).skip(1) {
                let named = named.split('"').next().unwrap_or_default();
                assert!(named.split(' ').all(|id| ids.contains_key(id)), "{kind}: {named} is not there");
            }
        }
    }
}

#[tokio::test]
async fn whoever_types_or_pastes_a_code_is_helped_and_told_how_long_it_is_good() {
    let server = TestServer::start().await;
    let page = server.ada().await.visit("/device").await;
    let field = tags(&page.html, "input").into_iter().find(|tag| attribute(tag, "id") == Some("user-code"));
    let field = field.expect("one field for the whole code");
    for (name, value) in [
        ("type", "text"),
        ("autocapitalize", "characters"),
        ("autocomplete", "off"),
        ("spellcheck", "false"),
        // More than the longest code with whatever stands between its letters, so that none is cut when it is pasted.
        ("maxlength", "64"),
    ] {
        assert_eq!(attribute(field, name), Some(value), "{field}");
    }
    assert!(!field.contains("pattern"), "{field}");
    assert!(page.shows("device-expiry"), "{page:?}");
}

#[tokio::test]
async fn pages_of_different_kinds_have_different_titles() {
    let server = TestServer::start().await;
    let pages = every_kind_of_page(&server).await;
    let mut titles = HashMap::new();
    for kind in
        ["entry", "sign-in", "consent", "approved", "declined", "wrong code", "wrong password", "not found"]
    {
        let (_, page) = pages.iter().find(|(name, _)| *name == kind).expect("a page of this kind");
        let title = page.html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        assert_eq!(titles.insert(title, kind), None, "{title:?} is the title of two pages");
    }
}

#[tokio::test]
async fn no_page_needs_a_script_or_loads_anything_from_elsewhere() {
    let server = TestServer::start().await;
    for (kind, page) in every_kind_of_page(&server).await {
        let html = page.html.to_lowercase();
        for foreign in
            ["<script", "<style", " style=", "<iframe", "<img", "<object", "<base", "javascript:", "@import"]
        {
            assert!(!html.contains(foreign), "{kind}: {foreign}");
        }
        for tag in html.split('<').filter_map(|rest| rest.split('>').next()) {
            assert!(
                !tag.split(' ').skip(1).any(|word| word.starts_with("on") && word.contains('=')),
                "{kind}: {tag}"
            );
            for reference in ["href", "src", "action"].into_iter().filter_map(|name| attribute(tag, name)) {
                assert!(reference.starts_with('/') && !reference.starts_with("//"), "{kind}: {reference}");
            }
        }
    }
}

#[test]
fn the_stylesheet_knows_no_left_and_right_so_that_it_fits_every_script() {
    let sheet = include_str!("../../../src/http/pages/style.css");
    // The notch of a telephone is where it is, whatever the script.
    let sheet = sheet.replace("env(safe-area-inset-left)", "").replace("env(safe-area-inset-right)", "");
    for physical in ["left", "right", "top", "bottom", "width", "height"] {
        let found: Vec<_> = sheet
            .lines()
            .filter(|line| !line.trim_start().starts_with("@media") && !line.trim_start().starts_with("/*"))
            .flat_map(|line| line.split([';', '{', '}', ' ', ':', '(']))
            .filter(|word| word.split('-').any(|part| part == physical) && *word != "line-height")
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }
    for shorthand in ["margin:", "padding:", "inset:", "border-width:"] {
        for rule in sheet.split(shorthand).skip(1).filter_map(|rest| rest.split(';').next()) {
            assert!(
                rule.trim().split(' ').count() < 4 || rule.contains('('),
                "{shorthand}{rule} names left and right"
            );
        }
    }
}
