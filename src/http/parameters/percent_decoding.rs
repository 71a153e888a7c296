//! `application/x-www-form-urlencoded`, read strictly: a broken escape or bytes that are no UTF-8 are an error
//! here, where lenient readers guess.

use crate::domain::oauth_error::OAuthError;

/// The pairs of a form, decoded.
pub(super) fn form_pairs(body: &[u8]) -> Result<Vec<(String, String)>, OAuthError> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            Ok((decode_component(name)?, decode_component(value)?))
        })
        .collect()
}

pub fn decode_component(text: &[u8]) -> Result<String, OAuthError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digits = [0; 1];
                let pair = [rest.next().copied(), rest.next().copied()].map(Option::unwrap_or_default);
                hex::decode_to_slice(pair, &mut digits).map_err(|_| {
                    OAuthError::invalid_request("A parameter contains invalid percent-encoding.")
                })?;
                digits[0]
            }
            byte => *byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| OAuthError::invalid_request("A parameter is not valid UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_strictly() {
        let pairs = form_pairs(b"a=1+2&b=%C3%A9%26&c&=x&&d==").unwrap();
        let expected = [("a", "1 2"), ("b", "é&"), ("c", ""), ("", "x"), ("d", "=")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for broken in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%=x", b"a=%ff", b"a=\xff"] {
            assert!(form_pairs(broken).is_err(), "{broken:?}");
        }
    }
}
