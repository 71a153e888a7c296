//! A logo: taken for what it is, whatever its name says, and only if it is small.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::ThemeError;
use super::hash::hash;

/// The largest picture in bytes. Everybody who signs in fetches it, often on a telephone.
const MAX_BYTES: u64 = 256 * 1024;

/// A picture, and how to serve it.
#[derive(Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    /// Its kind, as `Content-Type` says it.
    pub media_type: &'static str,
    pub hash: String,
}

impl Picture {
    /// Reads a picture that lies in this very folder.
    pub(super) fn read(folder: &Path, file: &str) -> Result<Self, ThemeError> {
        let refused = |problem| ThemeError::Picture { file: file.to_owned(), problem };
        if file.starts_with('.') || file.contains(['/', '\\', '\0']) {
            return Err(refused("must be a file name in the directory of theme.toml"));
        }
        let bytes = read(&folder.join(file), MAX_BYTES)
            .map_err(|error| ThemeError::File { file: file.to_owned(), error })?;
        let Some(bytes) = bytes else { return Err(refused("must be a file of at most 256 KiB")) };
        let media_type = media_type(&bytes).ok_or_else(|| refused("must be an SVG, PNG or WebP image"))?;
        let hash = hash(&bytes);
        Ok(Self { bytes, media_type, hash })
    }
}

/// What a file holds; `None`: it is none, or too large.
pub(super) fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    // Looked at first: a pipe would keep whoever opens it waiting for ever.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    let text = str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    (text.starts_with('<') && text.contains("<svg")).then_some("image/svg+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_it_holds() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some("image/png")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some("image/svg+xml")),
            ("\u{feff}<?xml version='1.0'?>\n<!-- x --><svg/>".as_bytes(), Some("image/svg+xml")),
            (b"<!doctype html><script>alert(1)</script>", None),
            (b"root:x:0:0:<svg", None),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"\xff<svg", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_picture_lies_beside_its_theme() {
        for outside in ["../x.svg", "/etc/passwd", "a/b.svg", "..", ".hidden.svg", "a\\b.svg", "a\0.svg"] {
            let refusal = Picture::read(Path::new("/"), outside).expect_err(outside).to_string();
            assert!(refusal.contains("must be a file name"), "{outside}: {refusal}");
        }
    }
}
