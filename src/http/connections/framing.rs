//! How the head of an HTTP/1.1 request says where its body ends. hyper follows one of several statements and hides the
//! others. A request that makes several may be an attempt to be read differently by two servers (RFC 9112 §6.1, §11.2).

use axum::http::{HeaderMap, StatusCode, header};

/// How much of an unfinished line is kept, in bytes: more than any line that matters has.
const KEPT: usize = 128;

/// What the lines of a head say about the body, read as they arrive.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The beginning of an unfinished line.
    line: Vec<u8>,
    part: Part,
    has_length: bool,
    coding: Coding,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Empty lines may come first (RFC 9112 §2.2).
    #[default]
    Before,
    Head,
    Body,
}

/// The transfer coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    None,
    Chunked,
    /// One that this server does not understand.
    Unknown,
}

impl Coding {
    fn and(self, value: &str) -> Self {
        value.split(',').map(str::trim).filter(|name| !name.is_empty()).fold(self, |known, name| {
            // To chunk twice is not allowed (RFC 9112 §7.1).
            if known == Self::None && name.eq_ignore_ascii_case("chunked") {
                Self::Chunked
            } else {
                Self::Unknown
            }
        })
    }
}

impl Framing {
    /// Takes note of what has come.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while self.part != Part::Body {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                let room = KEPT.saturating_sub(self.line.len()).min(bytes.len());
                self.line.extend_from_slice(&bytes[..room]);
                return;
            };
            let (rest_of_line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.line.is_empty() {
                self.end_line(rest_of_line);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&rest_of_line[..rest_of_line.len().min(KEPT)]);
                self.end_line(&line);
            }
            bytes = rest;
        }
    }

    fn end_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            if self.part == Part::Head {
                self.part = Part::Body;
            }
            return;
        }
        self.part = Part::Head;
        // Nearly all lines begin differently.
        if !matches!(line[0], b'c' | b'C' | b't' | b'T') {
            return;
        }
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else {
            return;
        };
        if name.eq_ignore_ascii_case(header::CONTENT_LENGTH.as_str()) {
            self.has_length = true;
        } else if name.eq_ignore_ascii_case(header::TRANSFER_ENCODING.as_str()) {
            self.coding = self.coding.and(value);
        }
    }

    /// Whether the whole head was seen: it has not arrived together with the request before it.
    pub(super) fn is_known(&self) -> bool {
        self.part == Part::Body
    }

    /// Whether the body has a coding that this server does not understand, which hyper calls a bad request where it is
    /// the last one (RFC 9112 §6.1: 501).
    pub(super) fn is_unknown(&self) -> bool {
        self.coding == Coding::Unknown
    }

    /// Returns the status with which a request with such a head is rejected, if it is. Of a head that arrived together
    /// with the request before it, only the headers are known.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<StatusCode> {
        let codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let coding =
            codings.fold(Coding::None, |known, value| known.and(value.to_str().unwrap_or("unreadable")));
        match coding {
            Coding::Unknown => Some(StatusCode::NOT_IMPLEMENTED),
            Coding::Chunked if self.has_length => Some(StatusCode::BAD_REQUEST),
            Coding::Chunked | Coding::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(lines: &[&str]) -> Option<u16> {
        let head = format!(
            "POST /token: HTTP/1.1\r\nHost: a\r\n{}\r\n\r\nContent-Length: 1\r\n",
            lines.join("\r\n")
        );
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        // hyper takes it away.
        headers.remove(header::CONTENT_LENGTH);
        let refused = |size: usize| {
            let mut framing = Framing::default();
            head.as_bytes().chunks(size).for_each(|chunk| framing.read(chunk));
            framing.refusal(&headers).map(|status| status.as_u16())
        };
        let whole = refused(head.len());
        assert!([1, 7, 40].into_iter().all(|size| refused(size) == whole), "{lines:?}");
        whole
    }

    #[test]
    fn one_statement_of_where_the_body_ends_is_enough_and_two_are_too_many() {
        let long = format!("X-Long: {}", "a".repeat(500));
        for (lines, status) in [
            (&["Content-Length: 5"][..], None),
            (&["Transfer-Encoding: chunked"], None),
            (&["transfer-encoding: Chunked"], None),
            (&[&long, "Transfer-Encoding: chunked"], None),
            (&["Content-Length: 5", "Transfer-Encoding: chunked"], Some(400)),
            (&["Transfer-Encoding: chunked", &long, "content-length: 5"], Some(400)),
            (&["Transfer-Encoding: gzip, chunked"], Some(501)),
            (&["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], Some(501)),
            (&["Transfer-Encoding: chunked, chunked"], Some(501)),
        ] {
            assert_eq!(refusal(lines), status, "{lines:?}");
        }
    }

    #[test]
    fn an_unknown_coding_is_known_before_the_head_is_understood() {
        for (head, unknown) in [
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", true),
            ("\r\nPOST / HTTP/1.1\r\nTransfer-Encoding:gzip\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("POST / HTTP/1.1\r\n\r\nTransfer-Encoding: gzip\r\n", false),
        ] {
            let mut framing = Framing::default();
            framing.read(head.as_bytes());
            assert_eq!(framing.is_unknown(), unknown, "{head}");
        }
    }
}
