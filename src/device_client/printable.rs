/// `text` without the characters that could steer a terminal or disguise what it shows: controls (ANSI escapes
/// among them), direction overrides and invisible marks. Line breaks become spaces (RFC 8628 §3.2 leaves the
/// shown strings to the server).
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { character })
        .filter(|character| !character.is_control() && !is_invisible(*character))
        .collect()
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_overrides_are_removed() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}\u{9b}c"), "a[31mbc");
        assert_eq!(printable("x\u{202e}y\u{200b}z"), "xyz");
        assert_eq!(printable("one\r\ntwo"), "one  two");
        assert_eq!(printable("Zoë 日本 WDJB-MJHT"), "Zoë 日本 WDJB-MJHT");
    }
}
