//! How long a person lets a device stay connected.

/// What a person may choose from, shortest first. No time of the day is among them: the server does not know where in
/// the world the evening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifetime {
    /// Until its first access token ends: no refresh token.
    Once,
    TwelveHours,
    Day,
    Week,
    Month,
    /// As long as the policy allows.
    Longest,
}

impl Lifetime {
    /// Every choice, shortest first.
    pub const ALL: [Self; 6] =
        [Self::Once, Self::TwelveHours, Self::Day, Self::Week, Self::Month, Self::Longest];

    /// The word in forms and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::TwelveHours => "twelve_hours",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Longest => "longest",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lifetime| lifetime.as_str() == text)
    }

    /// The span in seconds; `None` where something else sets the end.
    #[must_use]
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Once | Self::Longest => None,
            Self::TwelveHours => Some(12 * 3600),
            Self::Day => Some(24 * 3600),
            Self::Week => Some(7 * 24 * 3600),
            Self::Month => Some(30 * 24 * 3600),
        }
    }
}
