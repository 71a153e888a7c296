//! Values that no query parameter may have.

/// Parameters that take any text: whatever is not there is not found.
pub const ANY_TEXT: [&str; 7] = ["username", "client_id", "actor", "action", "target_kind", "target_id", "q"];

/// For each other parameter, values that are none.
const UNFIT: [(&str, &[&str]); 22] = [
    ("limit", &["0", "1001", "-1", "x"]),
    ("offset", &["-1", "2147483648", "x"]),
    ("page", &["0", "-1", "x", "1000001"]),
    ("page_size", &["0", "1001", "x"]),
    ("cursor", &["x", "AAAA"]),
    ("status", &["nonsense"]),
    ("role", &["NO ROLE"]),
    ("arrival", &["guessed"]),
    ("outcome", &["maybe"]),
    ("format", &["xml"]),
    ("span", &["year"]),
    ("enabled", &["maybe"]),
    ("including_this", &["maybe"]),
    ("country", &["XYZ", "1"]),
    ("user_id", &["x"]),
    ("owner", &["x"]),
    ("request_id", &["x"]),
    ("from", &["yesterday"]),
    ("to", &["yesterday"]),
    ("created_after", &["yesterday"]),
    ("created_before", &["2026-13-01T00:00:00Z"]),
    ("last_seen_before", &["1767225600"]),
];

/// Those of a parameter; `None`: nobody has thought of it.
pub fn unfit(name: &str) -> Option<&'static [&'static str]> {
    UNFIT.into_iter().find(|(of, _)| *of == name).map(|(_, values)| values)
}
