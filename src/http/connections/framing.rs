//! How the head of an HTTP/1.1 request says where its body ends. hyper follows one of several statements and hides the
//! others. A request that makes several may be an attempt to be read differently by two servers (RFC 9112 §6.1, §11.2).

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Uri, header};

use super::peer::Unreadable;

/// How much of a line is kept, in bytes: more than any line that matters has.
const KEPT: usize = 128;

/// What the lines of a head say about the body, read as they arrive.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The beginning of an unfinished line.
    line: Vec<u8>,
    /// The beginning of the first line.
    first: Vec<u8>,
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
        if self.part == Part::Before {
            self.part = Part::Head;
            self.first = line[..line.len().min(KEPT)].into();
            return;
        }
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

    /// Returns what is known of a request whose head cannot be read: its method and its target, or `*`.
    pub(super) fn request(&self) -> Request<Body> {
        let line = if self.part == Part::Before { &self.line } else { &self.first };
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        let mut request = Request::new(Body::empty());
        *request.method_mut() = words.next().and_then(|word| word.parse().ok()).unwrap_or(Method::GET);
        *request.uri_mut() = words
            .next()
            .and_then(|word| word.parse().ok())
            .filter(|target: &Uri| target.path().starts_with('/'))
            .unwrap_or_else(|| Uri::from_static("*"));
        request
    }

    /// Returns why a request with such a head is refused, if it is. Of a head that arrived together with the request
    /// before it, only the headers are known.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<Unreadable> {
        let codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let coding =
            codings.fold(Coding::None, |known, value| known.and(value.to_str().unwrap_or("unreadable")));
        match coding {
            Coding::Unknown => Some(Unreadable::TransferCoding),
            Coding::Chunked if self.has_length => Some(Unreadable::TwoLengths),
            Coding::Chunked | Coding::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(lines: &[&str]) -> Option<Unreadable> {
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
            framing.refusal(&headers)
        };
        let whole = refused(head.len());
        assert!([1, 7, 40].into_iter().all(|size| refused(size) == whole), "{lines:?}");
        whole
    }

    #[test]
    fn one_statement_of_where_the_body_ends_is_enough_and_two_are_too_many() {
        let long = format!("X-Long: {}", "a".repeat(500));
        for (lines, expected) in [
            (&["Content-Length: 5"][..], None),
            (&["Transfer-Encoding: chunked"], None),
            (&["transfer-encoding: Chunked"], None),
            (&[&long, "Transfer-Encoding: chunked"], None),
            (&["Content-Length: 5", "Transfer-Encoding: chunked"], Some(Unreadable::TwoLengths)),
            (&["Transfer-Encoding: chunked", &long, "content-length: 5"], Some(Unreadable::TwoLengths)),
            (&["Transfer-Encoding: gzip, chunked"], Some(Unreadable::TransferCoding)),
            (&["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], Some(Unreadable::TransferCoding)),
            (&["Transfer-Encoding: chunked, chunked"], Some(Unreadable::TransferCoding)),
        ] {
            assert_eq!(refusal(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn method_and_target_are_told_of_a_head_that_cannot_be_read() {
        let long = format!("GET /device/{} HTTP/1.1\r\n\r\n", "a".repeat(500));
        for (head, method, path) in [
            ("POST /oauth/token?a=b HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "POST", "/oauth/token"),
            ("\r\nPOST /devices HTTP/1.1\r\n: b\r\n\r\n", "POST", "/devices"),
            ("GET http://a.example/devices HTTP/1.1\r\n\r\n", "GET", "/devices"),
            ("G@T /devices HTTP/9.9\r\n", "GET", "/devices"),
            ("GET /oauth/jwks", "GET", "/oauth/jwks"),
            (&long, "GET", &format!("/device/{}", "a".repeat(KEPT - 12))),
            ("\u{16}\u{3}\u{1} no HTTP", "GET", "*"),
            ("", "GET", "*"),
        ] {
            for size in [1, head.len().max(1)] {
                let mut framing = Framing::default();
                head.as_bytes().chunks(size).for_each(|chunk| framing.read(chunk));
                let request = framing.request();
                assert_eq!((request.method().as_str(), request.uri().path()), (method, path), "{head}");
            }
        }
    }
}
