use std::fs;

/// What this device tells the server about itself, so that the approval page can show the person which device is
/// asking (the phishing concern of RFC 8628 §5.4). These are extension parameters: a server that does not know
/// them ignores them (RFC 6749 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceDescription {
    /// A name that its owner recognises, sent as `device_name`.
    pub device_name: Option<String>,
    /// The operating system, sent as `os`.
    pub os: Option<String>,
    /// The host name, sent as `hostname`.
    pub hostname: Option<String>,
    /// The version of this client, sent as `client_version`.
    pub client_version: Option<String>,
}

impl DeviceDescription {
    /// Describes the machine this runs on (for RFC 8628 §5.4), under `device_name` if there is one. Its host name is left
    /// out: it often contains a person's name, and the server need not be theirs.
    #[must_use]
    pub fn of_this_machine(device_name: Option<String>) -> Self {
        Self {
            device_name,
            os: Some(std::env::consts::OS.to_owned()),
            hostname: None,
            client_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    /// Adds the host name of this machine.
    #[must_use]
    pub fn with_hostname(self) -> Self {
        Self { hostname: hostname(), ..self }
    }

    /// The form members; RFC 6749 §3.1 has a parameter without a value count as absent.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("device_name", &self.device_name),
            ("os", &self.os),
            ("hostname", &self.hostname),
            ("client_version", &self.client_version),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .filter(|(_, value)| !value.is_empty())
    }
}

/// The running name first: `/etc/hostname` only holds the name for the next start.
fn hostname() -> Option<String> {
    ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter().find_map(|path| {
        let name = fs::read_to_string(path).ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_name_is_sent_only_when_asked_for() {
        let members = |description: DeviceDescription| {
            description.members().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        let machine = DeviceDescription::of_this_machine(None);
        assert_eq!(members(machine.clone()), "os client_version");
        assert_eq!(members(machine.with_hostname()), "os hostname client_version");
    }

    #[test]
    fn empty_members_are_left_out() {
        let description = DeviceDescription {
            os: Some(String::new()),
            hostname: Some("den".to_owned()),
            ..Default::default()
        };
        assert_eq!(description.members().collect::<Vec<_>>(), [("hostname", "den")]);
    }
}
