//! Colours, and how well people can tell them apart (WCAG 2.2).

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A colour of the sRGB space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour([u8; 3]);

pub(super) const WHITE: Colour = Colour([255; 3]);
pub(super) const BLACK: Colour = Colour([0; 3]);

impl Colour {
    /// `0x2f4ac2` is `#2f4ac2`.
    pub(super) const fn of(rgb: u32) -> Self {
        let [_, red, green, blue] = rgb.to_be_bytes();
        Self([red, green, blue])
    }

    /// Reads `#rrggbb` or `#rgb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let long = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        Some(Self::of(u32::from_str_radix(&long, 16).ok()?))
    }

    /// This colour with one part in seven of another.
    pub(super) fn towards(self, other: Self) -> Self {
        let mixed = |at: usize| {
            let sum = u16::from(self.0[at]) * 6 + u16::from(other.0[at]);
            u8::try_from(sum / 7).unwrap_or(u8::MAX)
        };
        Self([mixed(0), mixed(1), mixed(2)])
    }

    /// The contrast ratio of two colours, from 1 to 21: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2])
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` must be a color such as `#2f4ac2`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_stylesheets_write_them_and_nothing_else_is_one() {
        assert_eq!(Colour::parse("#2f4AC2").unwrap().to_string(), "#2f4ac2");
        assert_eq!(Colour::parse("#fa0").unwrap().to_string(), "#ffaa00");
        for wrong in ["", "#", "2f4ac2", "#2f4ac", "#2f4ac2ff", "#+f4ac2", "#ééé", "red", "#fff;}*{x:y"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn contrast_is_what_wcag_says() {
        for (one, two, expected) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            // The two greys that are known for being just above and just below the line.
            ("#767676", "#ffffff", 4.54),
            ("#777777", "#ffffff", 4.48),
            ("#ff0000", "#ffffff", 4.00),
        ] {
            let (one, two) = (Colour::parse(one).unwrap(), Colour::parse(two).unwrap());
            assert!((one.contrast(two) - expected).abs() < 0.005, "{one} {two} {}", one.contrast(two));
            assert!((one.contrast(two) - two.contrast(one)).abs() < f64::EPSILON);
        }
    }
}
