//! The theme of one tenant, read and found good.

use std::path::Path;

use super::error::ThemeError;
use super::hash::hash;
use super::palette;
use super::picture::{self, Picture};
use super::theme_file::{Link, ThemeFile};

const FILE: &str = "theme.toml";
/// The largest `theme.toml` in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// How the pages of a tenant look.
#[derive(Debug)]
pub struct Theme {
    /// The tenant's name on its pages; `None`: the one it was made with.
    pub name: Option<String>,
    /// The stylesheet that goes over the house's.
    pub stylesheet: String,
    /// What changes when the stylesheet changes.
    pub stylesheet_hash: String,
    pub logo: Option<Logo>,
    pub links: Vec<Link>,
}

#[derive(Debug)]
pub struct Logo {
    pub picture: Picture,
    pub dark: Option<Picture>,
    /// What it says, in the name's place; `None`: it stands beside the name.
    pub alt: Option<String>,
}

impl Theme {
    /// Reads all of a tenant's folder that its `theme.toml` speaks of.
    pub(super) fn read(folder: &Path) -> Result<Self, ThemeError> {
        let unreadable = |problem: &str| ThemeError::Unreadable(problem.to_owned());
        let file = picture::read(&folder.join(FILE), MAX_BYTES)
            .map_err(|error| ThemeError::File { file: FILE.to_owned(), error })?
            .ok_or_else(|| unreadable("must be a file of at most 16 KiB"))?;
        let text = str::from_utf8(&file).map_err(|_| unreadable("must be UTF-8 text"))?;
        let file = ThemeFile::parse(text)?;
        let stylesheet = palette::stylesheet(file.light.as_ref(), file.dark.as_ref())?;
        let logo = file.logo.as_ref().map(|logo| {
            let dark = logo.dark_file.as_ref().map(|file| Picture::read(folder, file)).transpose()?;
            Ok(Logo { picture: Picture::read(folder, &logo.file)?, dark, alt: logo.alt.clone() })
        });
        Ok(Self {
            name: file.name.clone(),
            stylesheet_hash: hash(stylesheet.as_bytes()),
            stylesheet,
            logo: logo.transpose()?,
            links: file.links()?,
        })
    }
}
