//! What messages say. Names of others stand in lines of their own kind: whatever could break a line, hide text or turn
//! its direction is taken out of them.

use crate::languages::{Language, Phrase, places, words};
use crate::model::approval_notice::DueNotice;

/// The longest name in a message, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Subject and text of the message about an approval.
pub(super) fn of_approval(notice: &DueNotice, link: &str) -> (String, String) {
    let language = Language::of_tag(&notice.language).unwrap_or(Language::English);
    let approved = &notice.approved;
    let client = in_one_line(&approved.client_name);
    let tenant = in_one_line(&notice.tenant_name);
    let mut facts = vec![language.t("mail-approval-client").text("client", &client)];
    if let Some(device) = &approved.device_name {
        facts.push(language.t("mail-approval-device").text("device", &in_one_line(device)));
    }
    let (date, time) = (words::date(language, approved.at), approved.at.format("%H:%M").to_string());
    facts.push(language.t("mail-approval-time").phrase("date", date).text("time", &time));
    if let Some(address) = approved.ip_address {
        facts.push(language.t("mail-approval-address").text("address", &address.to_string()));
    }
    if let Some(place) = approved.place.as_ref().and_then(|place| places::in_words(language, place)) {
        facts.push(language.t("mail-approval-place").phrase("place", place));
    }
    let paragraphs = [
        line(&language.t("mail-approval-lead").text("tenant", &tenant)),
        facts.iter().map(line).collect::<Vec<_>>().join("\n"),
        line(&language.t("mail-approval-harmless")),
        format!("{}\n{link}", line(&language.t("mail-approval-link"))),
        line(&language.t("mail-approval-link-lifetime")),
    ];
    let subject = line(&language.t("mail-approval-subject").text("client", &client));
    (subject, format!("{}\n", paragraphs.join("\n\n")))
}

fn line(phrase: &Phrase) -> String {
    in_line(&phrase.plain()).collect()
}

fn in_one_line(name: &str) -> String {
    in_line(name).take(MAX_NAME_CHARS).collect()
}

fn in_line(text: &str) -> impl Iterator<Item = char> {
    let hidden = |letter: &char| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    text.chars()
        .filter(move |letter| !hidden(letter))
        .map(move |letter| if breaks(letter) { ' ' } else { letter })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::model::approval_notice::Approved;
    use crate::model::ids::DeviceAuthorizationId;
    use crate::model::place::Place;
    use crate::model::tenant::TenantSlug;

    fn notice(language: &str, name: &str) -> DueNotice {
        DueNotice {
            tenant_id: crate::model::tenant::DEFAULT_TENANT,
            session_id: DeviceAuthorizationId(Uuid::nil()),
            tenant_slug: TenantSlug::root(),
            tenant_host: None,
            tenant_name: name.to_owned(),
            recipient: "ada@example.org".to_owned(),
            language: language.to_owned(),
            approved: Approved {
                client_name: name.to_owned(),
                device_name: Some(name.to_owned()),
                ip_address: Some([192, 0, 2, 1].into()),
                place: Some(Place {
                    city: Some("Berlin".into()),
                    country: Some("DE".into()),
                    organisation: Some(name.to_owned()),
                    asn: Some(64500),
                    ..Place::default()
                }),
                at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            },
            token_sealed: Vec::new(),
            attempts: 1,
        }
    }

    #[test]
    fn a_message_is_in_the_language_of_the_approval() {
        let (subject, text) = of_approval(&notice("de", "Fernseher"), "https://login.example.org/x");
        assert_eq!(subject, "Fernseher wurde mit Ihrem Konto verbunden");
        let approved =
            Language::German.t("mail-approval-time").text("date", "15. Januar 2027").text("time", "08:00");
        let place = Language::German
            .t("mail-approval-place")
            .text("place", "Berlin, Deutschland · Fernseher (AS64500)");
        let facts = format!(
            "App: Fernseher\nGerät: Fernseher\n{}\nIP-Adresse des Geräts: 192.0.2.1\n{}\n",
            approved.plain(),
            place.plain()
        );
        assert!(text.contains(&facts), "{text}");
        assert!(text.contains("\nhttps://login.example.org/x\n"), "{text}");
        assert!(of_approval(&notice("tlh", "TV"), "").0.contains("was connected"));
    }

    #[test]
    fn no_name_breaks_a_line_or_hides_text() {
        let hostile = "a\r\nBcc: b\u{2028}c\u{202e}d\u{200b}e\u{0}f";
        let harmless = of_approval(&notice("en", "x"), "link").1.lines().count();
        let (subject, text) = of_approval(&notice("en", hostile), "link");
        assert_eq!(subject, "a  Bcc: b cde f was connected to your account");
        assert_eq!(text.lines().count(), harmless);
        assert!(of_approval(&notice("en", &"x".repeat(9999)), "link").0.len() < 200);
    }
}
