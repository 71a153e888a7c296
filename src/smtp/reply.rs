//! What a mail server's refusal is about: the message, its recipient, or the mail server itself.

/// What stands in the way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// This message is refused for good.
    Message,
    /// The recipient's mailbox takes nothing for now.
    Mailbox,
    /// The mail server takes no message at all.
    Server,
}

/// Judges a reply by its code (RFC 5321 §4.2) and the enhanced code that its text may begin with (RFC 3463).
pub(super) fn obstacle(code: u16, text: &str) -> Obstacle {
    // It shuts down, refuses all mail, or does not understand what every mail server understands; it wants another
    // sign-in, or more encryption.
    let is_of_server = matches!(code, 421 | 500 | 502..=504 | 521 | 454 | 530 | 534 | 535 | 538);
    // Its own state, the protocol, or the sender, who is the same in every message.
    let is_of_all_mail = matches!(enhanced(text), Some((3 | 5, _) | (1, 7 | 8)));
    match code {
        _ if is_of_server || is_of_all_mail => Obstacle::Server,
        500.. => Obstacle::Message,
        _ => Obstacle::Mailbox,
    }
}

/// The subject and detail of an enhanced code.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut parts = text.split_whitespace().next()?.split('.');
    let class = parts.next()?;
    let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (["4", "5"].contains(&class) && parts.next().is_none()).then_some((subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_failures_are_about_the_server() {
        for (code, text, expected) in [
            (550, "5.1.1 <ada@example.org>: user unknown", Obstacle::Message),
            (550, "no such user", Obstacle::Message),
            (552, "5.2.2 mailbox full", Obstacle::Message),
            (554, "5.7.1 rejected as spam", Obstacle::Message),
            (501, "5.1.3 bad address syntax", Obstacle::Message),
            (450, "4.2.0 greylisted, come back later", Obstacle::Mailbox),
            (452, "4.2.2 over quota", Obstacle::Mailbox),
            (451, "local error", Obstacle::Mailbox),
            (421, "4.7.0 too many connections", Obstacle::Server),
            (451, "4.3.0 queue file write error", Obstacle::Server),
            (452, "4.3.1 insufficient system storage", Obstacle::Server),
            (535, "5.7.8 credentials invalid", Obstacle::Server),
            (530, "5.7.0 must issue STARTTLS first", Obstacle::Server),
            (553, "5.1.8 sender domain not found", Obstacle::Server),
            (503, "bad sequence of commands", Obstacle::Server),
            (521, "this host takes no mail", Obstacle::Server),
            (550, "5.1.1.1 odd", Obstacle::Message),
        ] {
            assert_eq!(obstacle(code, text), expected, "{code} {text}");
        }
    }
}
