//! How the pages of each tenant look, from files that the operator provides and may change while the server runs.
//! Whoever has none, or one that cannot be used, has the house's style.
//!
//! [`Themes`] watches the folder, [`theme_file`] reads what is written, [`palette`] refuses colours that people cannot
//! tell apart, [`picture`] takes the logo.

mod colour;
mod error;
mod hash;
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

use self::error::ROOT;
use self::version::Version;
use crate::config;
use crate::model::tenant::TenantSlug;

pub use error::ThemeError;
pub use picture::Picture;
pub use theme::{Logo, Theme};
pub use theme_file::{Link, LinkKind};

/// The themes, as they were when they were last whole.
#[derive(Debug)]
pub struct Themes {
    folder: Option<PathBuf>,
    in_use: RwLock<HashMap<TenantSlug, Arc<Theme>>>,
    /// As what each tenant's folder was last seen, usable or not; held while they are read.
    seen: Mutex<HashMap<OsString, Version>>,
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
