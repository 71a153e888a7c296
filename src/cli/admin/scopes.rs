//! The catalogue of scopes.

use clap::Args;
use serde_json::json;

use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::scopes;
use crate::model::ids::TenantId;
use crate::model::patch::Patch;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::scope_translations::{TranslationError, Translations};
use crate::model::user::Role;
use crate::model::version::MeantFor;

#[derive(Debug, Args)]
pub(super) struct CreateScope {
    /// Scope name.
    name: String,
    /// Description shown to people [default: the name].
    #[arg(long)]
    description: Option<String>,
    /// Translated description, such as de='Ihre Videos sehen'; can be repeated.
    #[arg(long = "translation", value_name = "TAG=WORDS")]
    translations: Vec<String>,
    /// Role that a user needs to grant the scope.
    #[arg(long)]
    role: Option<Role>,
    /// Grant the scope only to DPoP-bound tokens (RFC 9449).
    #[arg(long)]
    requires_dpop: bool,
    /// Maximum time a device keeps access with this scope [default: no extra limit].
    #[arg(long, value_name = "SECONDS")]
    max_lifetime_seconds: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct SetScope {
    /// Scope name.
    name: String,
    /// New description; drops the existing translations.
    #[arg(long)]
    description: Option<String>,
    /// Translated description; replaces all existing ones; can be repeated.
    #[arg(long = "translation", value_name = "TAG=WORDS")]
    translations: Vec<String>,
    /// Whether to grant the scope only to DPoP-bound tokens (RFC 9449).
    #[arg(long, value_name = "true|false")]
    requires_dpop: Option<bool>,
    /// Maximum time a device keeps access with this scope.
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_max_lifetime")]
    max_lifetime_seconds: Option<u32>,
    /// Remove the time limit.
    #[arg(long)]
    no_max_lifetime: bool,
}

pub(super) async fn create_scope(app: &App, tenant: TenantId, new: CreateScope) -> Done {
    let name = ScopeSet::parse_name(&new.name)?;
    let description = new.description.unwrap_or_else(|| name.clone());
    let translations = translations(&new.translations)?;
    let scope = Scope {
        translations,
        required_role: new.role,
        requires_dpop: new.requires_dpop,
        max_lifetime_seconds: new.max_lifetime_seconds,
        ..Scope::unconditional(&name, &description)
    };
    scopes::create(app, tenant, scope, &By::OPERATOR).await?;
    Ok((format!("Created scope {name}"), json!({"name": name})))
}

pub(super) async fn set_scope(app: &App, tenant: TenantId, change: SetScope) -> Done {
    let SetScope { name, description, translations: words, requires_dpop, .. } = change;
    let translations = if words.is_empty() { None } else { Some(translations(&words)?) };
    let max_lifetime = match change.max_lifetime_seconds {
        Some(seconds) => Patch::Set(seconds),
        None if change.no_max_lifetime => Patch::Clear,
        None => Patch::Keep,
    };
    let asks_for_words = description.is_some() || translations.is_some();
    if !asks_for_words && requires_dpop.is_none() && !max_lifetime.is_change() {
        return Err("nothing to change: see latchkey admin set-scope --help".into());
    }
    scopes::change(app, tenant, &name, &MeantFor::Any, &By::OPERATOR, |scope| {
        if let Some(description) = description {
            scope.description = description;
        }
        if let Some(translations) = translations {
            scope.translations = translations;
        }
        scope.requires_dpop = requires_dpop.unwrap_or(scope.requires_dpop);
        scope.max_lifetime_seconds = max_lifetime.apply(scope.max_lifetime_seconds);
    })
    .await?;
    Ok((format!("Changed scope {name}"), json!({"name": name})))
}

fn translations(given: &[String]) -> Result<Translations, TranslationError> {
    let words = given.iter().map(|given| given.split_once('=').ok_or(TranslationError));
    Translations::of(words.collect::<Result<Vec<_>, _>>()?)
}
