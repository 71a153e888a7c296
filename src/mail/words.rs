//! What messages say.

use crate::model::approval_notice::DueNotice;
use crate::model::place::Place;

/// The longest name in a message, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Subject and text of the message about an approval.
pub(super) fn of_approval(notice: &DueNotice, link: &str) -> (String, String) {
    let approved = &notice.approved;
    let (client, tenant) = (name(&approved.client_name), name(&notice.tenant_name));
    let mut text = format!("A device was connected to your account at {tenant}.\n\nApp: {client}\n");
    if let Some(device) = &approved.device_name {
        text.push_str(&format!("Device: {}\n", name(device)));
    }
    text.push_str(&format!("Approved: {} UTC\n", approved.at.format("%Y-%m-%d %H:%M")));
    if let Some(address) = approved.ip_address {
        text.push_str(&format!("IP address of the device: {address}\n"));
    }
    if let Some(place) = &approved.place {
        text.push_str(&format!("Place of the device: {}\n", name(&in_words(place))));
    }
    text.push_str(&format!(
        "\nIf this was you, there is nothing to do.\n\nThis was not me, disconnect the device:\n{link}\n\nThe link works for 7 days.\n"
    ));
    (format!("{client} was connected to your account"), text)
}

/// "Berlin, DE · Example Networks (AS64500)"
fn in_words(place: &Place) -> String {
    let parts = [place.city.clone(), place.country.clone()];
    let place_words = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match (&place.organisation, place.asn) {
        (Some(organisation), Some(asn)) => format!("{place_words} · {organisation} (AS{asn})"),
        _ => place_words,
    }
}

/// A name that somebody gave, in one line and without what hides or reorders text: it must not look like a line of ours.
fn name(text: &str) -> String {
    let disguises = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if disguises(c) { ' ' } else { c }).take(MAX_NAME_CHARS).collect()
}
