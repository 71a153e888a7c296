use qrcode::{Color, EcLevel, QrCode};

const QUIET_ZONE: usize = 2;

/// Which modules of a QR code the block characters stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The dark ones, for dark text on a light background.
    Dark,
    /// The light ones, for light text on a dark background.
    Light,
}

/// The QR code of a verification URI (RFC 8628 §3.3.1) as rows of half-blocks, two modules per character, with a quiet
/// zone of two. `None` when `url` is too long for any QR code.
#[must_use]
pub fn qr_rows(url: &str, ink: Ink) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    let (size, modules) = (code.width(), code.to_colors());
    let is_dark = |x: usize, y: usize| {
        let (Some(x), Some(y)) = (x.checked_sub(QUIET_ZONE), y.checked_sub(QUIET_ZONE)) else { return false };
        x < size && y < size && modules[y * size + x] == Color::Dark
    };
    let is_inked = |x, y| is_dark(x, y) == (ink == Ink::Dark);
    let full = size + 2 * QUIET_ZONE;
    let row = |y| {
        (0..full)
            .map(|x| match (is_inked(x, y), is_inked(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect()
    };
    Some((0..full).step_by(2).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_has_a_legal_size_and_a_quiet_zone() {
        let rows = qr_rows("https://as.example/device?user_code=WDJB-MJHT", Ink::Dark).unwrap();
        let full = rows[0].chars().count();
        assert_eq!((full - 2 * QUIET_ZONE - 17) % 4, 0, "{full}");
        assert_eq!(rows.len(), full.div_ceil(2));
        assert!(
            rows.iter()
                .all(|row| row.chars().count() == full && row.starts_with("  ") && row.ends_with("  "))
        );
        assert!(rows[0].trim().is_empty() && rows[1].starts_with("  █▀▀▀▀▀█ "), "{}", rows[1]);
    }

    #[test]
    fn light_ink_draws_the_opposite() {
        let rows = qr_rows("https://as.example/device", Ink::Light).unwrap();
        assert!(
            rows[0].chars().all(|module| module == '█') && rows[1].starts_with("██ ▄▄▄▄▄ █"),
            "{}",
            rows[1]
        );
    }

    #[test]
    fn what_fits_no_code_gives_none() {
        assert!(qr_rows(&"x".repeat(5000), Ink::Dark).is_none());
    }
}
