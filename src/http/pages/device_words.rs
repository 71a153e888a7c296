//! What a device said about itself, in words for the person who decides.

use crate::languages::{Language, Phrase};

/// What a device told about itself. Nothing of it is verified.
#[derive(Debug, Clone, Default)]
pub struct DeviceWords {
    /// The name its owner gave it.
    pub name: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
    /// The version of the client.
    pub client_version: Option<String>,
    /// The browser that its request says it is, if that is one we know.
    pub browser: Option<Phrase>,
    /// The `User-Agent` header of its request, if that names no browser that we know.
    pub user_agent: Option<String>,
}

impl DeviceWords {
    /// The statements the device made, each with its label, in the order in which the page shows them.
    pub(super) fn statements(&self, language: Language) -> Vec<(Phrase, &str)> {
        [
            (language.t("consent-device-name"), &self.name),
            (language.t("consent-device-os"), &self.os),
            (language.t("consent-device-hostname"), &self.hostname),
            (language.t("consent-device-version"), &self.client_version),
            (language.t("consent-device-user-agent"), &self.user_agent),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some((label, value.as_deref()?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_device_said_is_listed() {
        assert!(DeviceWords::default().statements(Language::English).is_empty());
        let device = DeviceWords { os: Some("Android 14".to_owned()), ..DeviceWords::default() };
        let said: Vec<_> = device
            .statements(Language::English)
            .into_iter()
            .map(|(label, value)| (label.to_string(), value))
            .collect();
        assert_eq!(said, [(Language::English.t("consent-device-os").to_string(), "Android 14")]);
    }
}
