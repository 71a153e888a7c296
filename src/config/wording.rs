//! What is wrong with a value, in the words of people who write settings.

/// Says a message of serde in words: what the setting must be, and what was found.
pub(super) fn in_words(message: &str) -> String {
    let parts = |start| message.strip_prefix(start)?.rsplit_once(", expected ");
    if let Some((found, expected)) = parts("invalid type: ").or_else(|| parts("invalid value: ")) {
        return match kind(expected) {
            // Of what is no text, the parser says only that it is no variant.
            "string only" => "must be text".to_owned(),
            expected => format!("must be {expected}, found {found}"),
        };
    }
    if let Some((found, known)) = parts("unknown variant ") {
        let known = known.trim_start_matches("one of ").replace(" or ", ", ").replace('`', "");
        return format!("must be one of {known}, found {}", found.replace('`', ""));
    }
    message.to_owned()
}

/// The name of a type, in words.
fn kind(expected: &str) -> &str {
    match expected {
        "bool" | "a boolean" => "true or false",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "text",
        "a sequence" => "a list",
        other => other,
    }
}
