//! What a device is called: by its name, else by what its `User-Agent` says, else by its client and the end of its
//! identifier, so that no two devices without a name look the same.

use uuid::Uuid;

use super::browser_names;
use crate::languages::Language;
use crate::model::device::Device;

/// What a person, a page or a program calls the device; `client` is what its client is called there.
#[must_use]
pub fn of(language: Language, device: &Device, client: &str) -> String {
    let name = device.description.name.as_deref();
    name.map_or_else(
        || without_name(language, device.user_agent.as_deref(), client, device.authorization_id.0),
        ToOwned::to_owned,
    )
}

/// What a device without a name is called, from its request on.
#[must_use]
pub fn without_name(
    language: Language,
    user_agent: Option<&str>,
    client: &str,
    authorization: Uuid,
) -> String {
    browser_names::program_in_words(language, user_agent).map_or_else(
        || {
            // The beginning of an identifier is a time, and the same for many.
            let end = authorization.simple().to_string().split_off(26);
            language.t("device-label-client").text("client", client).text("id", &end).plain()
        },
        |words| words.plain(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_a_name_is_called_by_its_program_or_by_client_and_identifier() {
        let id = Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_00ab_cdef);
        let said = |user_agent| without_name(Language::English, user_agent, "Example TV", id);
        assert_eq!(said(Some("gh/2.62.0 (linux; amd64)")), "gh on Linux");
        assert_eq!(said(Some("curl/8.15.0")), "curl");
        let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
        assert_eq!(said(Some(firefox)), "Firefox on Windows");
        assert_eq!(said(Some("Mozilla/5.0 (Nothing known)")), "Example TV (abcdef)");
        assert_eq!(said(None), "Example TV (abcdef)");
        assert_eq!(without_name(Language::SimplifiedChinese, None, "电视", id), "电视（abcdef）");
    }
}
