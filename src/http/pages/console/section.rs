//! The parts of the console.

/// Where the console begins.
pub(super) fn entrance(base: &str) -> String {
    format!("{base}{}", Section::Overview.path())
}

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What happens, in figures.
    Overview,
    /// Device-authorization sessions.
    Sessions,
    /// Connected devices.
    Devices,
    /// People's accounts.
    Users,
    /// Registered clients.
    Clients,
    /// The keys that sign tokens.
    Keys,
    /// What the audit trail tells.
    Audit,
}

impl Section {
    pub(super) const ALL: [Self; 7] =
        [Self::Overview, Self::Sessions, Self::Devices, Self::Users, Self::Clients, Self::Keys, Self::Audit];

    /// Where it begins.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Sessions => "/console/sessions",
            Self::Devices => "/console/devices",
            Self::Users => "/console/users",
            Self::Clients => "/console/clients",
            Self::Keys => "/console/keys",
            Self::Audit => "/console/audit",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sessions => "Authorizations",
            Self::Devices => "Devices",
            Self::Users => "Users",
            Self::Clients => "Clients",
            Self::Keys => "Signing keys",
            Self::Audit => "Audit log",
        }
    }

    /// The section that a page belongs to: `/console/client` belongs to `/console/clients`. What belongs to none is
    /// the overview's.
    pub(super) fn of(path: &str) -> Self {
        let of_page = |section: &Self| {
            let rest = path.strip_prefix(section.path().trim_end_matches('s'));
            let rest = rest.map(|rest| rest.strip_prefix('s').unwrap_or(rest));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL[1..].iter().copied().find(of_page).unwrap_or(Self::Overview)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_belongs_to_a_section() {
        for section in Section::ALL {
            assert_eq!(Section::of(section.path()), section);
        }
        for section in &Section::ALL[1..] {
            let one = section.path().trim_end_matches('s');
            assert_eq!(Section::of(one), *section, "{one}");
            assert_eq!(Section::of(&format!("{one}/change")), *section, "{one}");
            assert_eq!(Section::of(&format!("{}/new", section.path())), *section, "{one}");
        }
        assert_eq!(Section::of("/admin"), Section::Overview);
    }
}
