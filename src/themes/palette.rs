//! The colours of a theme beside those of the house that it leaves as they are. What warns, and *Decline*, have the
//! same colours everywhere: people are to know them again.

use super::colour::{BLACK, Colour, WHITE};
use super::error::ThemeError;
use super::theme_file::Colours;

/// What text needs on what it stands on (WCAG 2.2, 1.4.3).
const TEXT: f64 = 4.5;
/// What controls and pictures need (WCAG 2.2, 1.4.11).
const CONTROLS: f64 = 3.0;

/// The colours of `style.css` that a theme's stand beside.
struct House {
    name: &'static str,
    page: Colour,
    card: Colour,
    sunken: Colour,
    ink: Colour,
    ink_soft: Colour,
    control_line: Colour,
}

const LIGHT: House = House {
    name: "light",
    page: Colour::of(0x00ee_f1f6),
    card: Colour::of(0x00ff_ffff),
    sunken: Colour::of(0x00f4_f6fa),
    ink: Colour::of(0x0018_202d),
    ink_soft: Colour::of(0x004c_586a),
    control_line: Colour::of(0x0073_7f90),
};

const DARK: House = House {
    name: "dark",
    page: Colour::of(0x000e_1219),
    card: Colour::of(0x0018_1e29),
    sunken: Colour::of(0x0011_1722),
    ink: Colour::of(0x00e9_edf4),
    ink_soft: Colour::of(0x00ae_b8c7),
    control_line: Colour::of(0x0083_90a3),
};

/// The stylesheet that goes over the house's.
pub(super) fn stylesheet(light: Option<&Colours>, dark: Option<&Colours>) -> Result<String, ThemeError> {
    let mut sheet = String::new();
    for (house, colours) in [(LIGHT, light), (DARK, dark)] {
        if let Some(colours) = colours {
            let rules = house.rules(colours)?;
            sheet += "@media (prefers-color-scheme: ";
            sheet += house.name;
            sheet += ") {\n  :root {";
            sheet += &rules;
            sheet += " }\n}\n";
        }
    }
    Ok(sheet)
}

impl House {
    fn rules(&self, given: &Colours) -> Result<String, ThemeError> {
        let page = given.background.unwrap_or(self.page);
        let ink = given.text.unwrap_or(self.ink);
        let on_accent = given.accent_text.unwrap_or_else(|| more_contrast(given.accent));
        // Under the pointer the button moves away from its text, so what holds for it holds then, too.
        let hover = given.accent.towards(if on_accent.contrast(WHITE) < on_accent.contrast(BLACK) {
            BLACK
        } else {
            WHITE
        });
        for (front, back, needed) in [
            (("accent_text", on_accent), ("accent", given.accent), TEXT),
            (("accent_text", on_accent), ("the accent under the pointer", hover), TEXT),
            (("accent", given.accent), ("the card", self.card), CONTROLS),
            (("accent", given.accent), ("background", page), CONTROLS),
            (("text", ink), ("the card", self.card), TEXT),
            (("text", ink), ("the sunken part of the card", self.sunken), TEXT),
            (("text", ink), ("background", page), TEXT),
            (("the footer's text", self.ink_soft), ("background", page), TEXT),
            (("the line around controls", self.control_line), ("background", page), CONTROLS),
        ] {
            self.require(front, back, needed)?;
        }
        Ok(format!(
            " --accent: {}; --accent-hover: {hover}; --on-accent: {on_accent}; --page: {page}; --ink: {ink};",
            given.accent
        ))
    }

    fn require(
        &self,
        (front, front_colour): (&str, Colour),
        (back, back_colour): (&str, Colour),
        needed: f64,
    ) -> Result<(), ThemeError> {
        let contrast = front_colour.contrast(back_colour);
        if contrast >= needed {
            return Ok(());
        }
        Err(ThemeError::Contrast {
            scheme: self.name,
            front: format!("{front} ({front_colour})"),
            back: format!("{back} ({back_colour})"),
            // Not rounded, or 4.499 would be said to be 4.5 and too little.
            found: (contrast * 100.0).floor() / 100.0,
            needed,
        })
    }
}

/// White or black, whichever can be read better on this colour: one of them always can.
fn more_contrast(colour: Colour) -> Colour {
    if colour.contrast(WHITE) >= colour.contrast(BLACK) { WHITE } else { BLACK }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(accent: &str) -> Colours {
        let accent = Colour::parse(accent).unwrap();
        Colours { accent, accent_text: None, background: None, text: None }
    }

    fn refusal(light: Option<&Colours>, dark: Option<&Colours>) -> String {
        stylesheet(light, dark).expect_err("it should have been refused").to_string()
    }

    #[test]
    fn the_house_has_the_colours_of_its_stylesheet() {
        let sheet = include_str!("../http/pages/style.css");
        let dark = sheet.split("prefers-color-scheme: dark").nth(1).unwrap();
        for (house, rules) in [(LIGHT, sheet), (DARK, dark)] {
            for (name, colour) in [
                ("page", house.page),
                ("card", house.card),
                ("sunken", house.sunken),
                ("ink", house.ink),
                ("ink-soft", house.ink_soft),
                ("control-line", house.control_line),
            ] {
                let rule =
                    rules.split(&format!(" --{name}: ")).nth(1).and_then(|rest| rest.split(';').next());
                assert_eq!(rule, Some(colour.to_string().as_str()), "{} {name}", house.name);
            }
        }
    }

    #[test]
    fn a_colour_that_is_given_alone_goes_into_its_scheme_with_what_follows_from_it() {
        let sheet = stylesheet(Some(&colours("#0b6e4f")), None).unwrap();
        assert!(sheet.starts_with("@media (prefers-color-scheme: light) {"), "{sheet}");
        assert!(
            sheet.contains("--accent: #0b6e4f; --accent-hover: #095e43; --on-accent: #ffffff;"),
            "{sheet}"
        );
        assert!(!sheet.contains("dark"), "{sheet}");
        // A bright button has dark text and becomes brighter still.
        let sheet = stylesheet(None, Some(&colours("#ffb000"))).unwrap();
        assert!(sheet.contains("--accent-hover: #ffbb24; --on-accent: #000000;"), "{sheet}");
    }

    #[test]
    fn white_or_black_can_be_read_on_every_colour() {
        for rgb in (0..=0x00ff_ffff).step_by(0x0111) {
            let colour = Colour::of(rgb);
            assert!(more_contrast(colour).contrast(colour) >= TEXT, "{colour}");
        }
    }

    #[test]
    fn every_pair_that_is_too_much_alike_is_refused_by_name_and_figure() {
        assert_eq!(
            refusal(Some(&colours("#ffcc00")), None),
            "light: accent (#ffcc00) on the card (#ffffff) has a contrast of 1.51:1 and needs 3:1 (WCAG 2.2 AA)"
        );
        assert!(refusal(None, Some(&colours("#2f4ac2"))).starts_with("dark: accent (#2f4ac2) on the card"));
        let given = |change: fn(&mut Colours)| {
            let mut colours = colours("#0b6e4f");
            change(&mut colours);
            refusal(Some(&colours), None)
        };
        let grey = |colours: &mut Colours| colours.accent_text = Colour::parse("#aaaaaa");
        assert!(given(grey).contains("accent_text (#aaaaaa) on accent (#0b6e4f)"), "{}", given(grey));
        let alike = |colours: &mut Colours| colours.background = Colour::parse("#0b6e50");
        assert!(given(alike).contains("accent (#0b6e4f) on background (#0b6e50) has a contrast of 1.0"));
        let pale = |colours: &mut Colours| colours.text = Colour::parse("#888888");
        assert!(given(pale).contains("text (#888888) on the card (#ffffff) has a contrast of 3.5"));
        let murky = |colours: &mut Colours| {
            (colours.accent, colours.background) = (BLACK, Colour::parse("#a0a0a0"));
        };
        assert!(given(murky).contains("the footer's text (#4c586a) on background"), "{}", given(murky));
    }

    #[test]
    fn what_is_just_too_little_is_not_said_to_be_enough() {
        let given = Colours { accent_text: Colour::parse("#ffffff"), ..colours("#777777") };
        assert!(refusal(Some(&given), None).contains("has a contrast of 4.47:1 and needs 4.5:1"));
    }
}
