//! Links between the documents lead to files and headings that exist, and every page is in the book.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Page, ROOT, is_markdown, page, pages};

/// The anchor of a heading, as repository hosts and mdBook derive it.
fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, '-' | '_' | ' ');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
}

/// What a page links to and shows, with its line.
fn targets(page: &Page) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in page.prose() {
        for (opening, end) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            for rest in line.split(opening).skip(1) {
                targets.push((number, rest.split(end).next().unwrap_or_default().to_owned()));
            }
        }
    }
    targets
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for from in pages() {
        for (line, target) in targets(&from) {
            if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let folder = Path::new(&from.path).parent().expect("a folder");
            let path = if file.is_empty() { Path::new(&from.path).to_owned() } else { folder.join(file) };
            let exists = Path::new(ROOT).join(&path).exists();
            let has_anchor = fragment.is_empty() || {
                let text = std::fs::read_to_string(Path::new(ROOT).join(&path)).unwrap_or_default();
                anchors(&Page { path: target.clone(), text }).contains(fragment)
            };
            if !exists || !has_anchor {
                dead.push(format!("{}:{line}: {target}", from.path));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_page_is_in_the_book_and_linked_from_the_readme() {
    let listed = |page: &Page| -> BTreeSet<String> {
        let files = targets(page)
            .into_iter()
            .filter_map(|(_, target)| target.split('#').next().map(ToOwned::to_owned));
        files
            .filter(|file| is_markdown(file))
            .map(|file| file.trim_start_matches("docs/").to_owned())
            .collect()
    };
    let names: BTreeSet<_> =
        pages().iter().filter_map(|page| page.path.strip_prefix("docs/").map(ToOwned::to_owned)).collect();
    let mut book = listed(&page("SUMMARY.md"));
    book.insert("SUMMARY.md".to_owned());
    assert_eq!(book, names);
    let mut readme = listed(&pages()[0]);
    readme.insert("SUMMARY.md".to_owned());
    assert_eq!(readme, names);
}

#[test]
fn every_page_opens_with_what_the_reader_can_do() {
    for page in pages().iter().filter(|page| page.path != "docs/SUMMARY.md") {
        let opening = page.text.lines().nth(2).unwrap_or_default();
        let says =
            ["After this page", "On this page", "Latchkey is"].iter().any(|start| opening.starts_with(start));
        assert!(says, "{}: {opening}", page.path);
    }
}
