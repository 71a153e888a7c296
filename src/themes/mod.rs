//! How the pages of each tenant look, from files that the operator provides and may change while the server runs.
//! Whoever has none, or one that cannot be used, has the house's style.
//!
//! [`Themes`] watches the folder, [`theme_file`] reads what is written, [`palette`] refuses colours that people cannot
//! tell apart, [`picture`] takes the logo.

mod colour;
mod palette;
mod picture;
mod theme;
mod theme_file;
mod version;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use self::version::Version;
use crate::config;
use crate::model::tenant::TenantSlug;

pub use picture::Picture;
pub use theme::{Logo, Theme};
pub use theme_file::{Link, LinkKind};

/// The folder of the default tenant, whose slug is empty. No slug has an underscore.
const ROOT: &str = "_root";

/// The themes, as they were when they were last whole.
#[derive(Debug)]
pub struct Themes {
    folder: Option<PathBuf>,
    in_use: RwLock<HashMap<TenantSlug, Arc<Theme>>>,
    /// As what each tenant's folder was last seen, usable or not; held while they are read.
    seen: Mutex<HashMap<OsString, Version>>,
}

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("the directory name must be `{ROOT}` or a tenant slug")]
    NoTenant,
    /// A file is missing or cannot be read.
    #[error("{file}: {error}")]
    File { file: String, error: io::Error },
    /// `theme.toml` is not written as it must be.
    #[error("theme.toml: {0}")]
    Unreadable(String),
    /// Two colours are too much alike (WCAG 2.2, 1.4.3 and 1.4.11).
    #[error("{scheme}: {front} on {back} has a contrast of {found:.2}:1 and needs {needed}:1 (WCAG 2.2 AA)")]
    Contrast {
        /// `light` or `dark`.
        scheme: &'static str,
        /// What stands in front, with its colour.
        front: String,
        /// What it stands on, with its colour.
        back: String,
        /// How much it has, cut off after two decimals.
        found: f64,
        needed: f64,
    },
    /// The logo is no picture that can be shown.
    #[error("{file}: {problem}")]
    Picture { file: String, problem: &'static str },
}

impl Themes {
    /// Knows of none until the files are read.
    #[must_use]
    pub fn new(settings: &config::Pages) -> Self {
        Self { folder: settings.theme_dir.clone(), in_use: RwLock::default(), seen: Mutex::default() }
    }

    /// Whether there is a folder to look at.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// The theme of a tenant; `None`: the house's style.
    #[must_use]
    pub fn of(&self, slug: &TenantSlug) -> Option<Arc<Theme>> {
        self.folder.as_ref()?;
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).get(slug).cloned()
    }

    /// Reads each theme that has changed since it was last read. One that cannot be used is logged, and the one
    /// before still holds. One whose folder is gone is gone.
    pub fn reread(&self) {
        let Some(folder) = &self.folder else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let names = match tenants_folders(folder) {
            Ok(names) => names,
            Err(error) => {
                // It may be mounted or exchanged just now: what was read before still holds.
                tracing::warn!(%error, path = %folder.display(), "theme directory could not be read");
                return;
            }
        };
        seen.retain(|name, _| names.contains(name) || self.forget(name));
        for name in names {
            let path = folder.join(&name);
            // Looked at before it is read: what changes meanwhile is noticed the next time.
            let now = Version::of(&path);
            if seen.get(&name) != Some(&now) {
                self.read(&name, &path);
                seen.insert(name, now);
            }
        }
    }

    fn read(&self, name: &OsStr, path: &Path) {
        let read = slug(name).ok_or(ThemeError::NoTenant).and_then(|slug| Ok((slug, Theme::read(path)?)));
        match read {
            Ok((slug, theme)) => {
                tracing::info!(path = %path.display(), "theme loaded");
                self.in_use.write().unwrap_or_else(PoisonError::into_inner).insert(slug, Arc::new(theme));
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "theme rejected; previous theme kept");
                metrics::counter!("latchkey_theme_failures_total").increment(1);
            }
        }
    }

    /// Goes back to the house's style; never keeps the name.
    fn forget(&self, name: &OsStr) -> bool {
        if let Some(slug) = slug(name)
            && self.in_use.write().unwrap_or_else(PoisonError::into_inner).remove(&slug).is_some()
        {
            tracing::info!(path = %name.display(), "theme removed");
        }
        false
    }
}

/// The names of all folders, but for hidden ones, which tools keep for themselves.
fn tenants_folders(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.path().is_dir() && !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    Ok(names)
}

fn slug(name: &OsStr) -> Option<TenantSlug> {
    let name = name.to_str()?;
    if name == ROOT { Some(TenantSlug::root()) } else { TenantSlug::parse(name).ok() }
}
