//! The catalogue of scopes.

use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::scopes;
use crate::model::ids::TenantId;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::scope_translations::{Translations, UnfitTranslation};
use crate::model::user::Role;
use crate::model::version::MeantFor;

#[derive(Debug, Args)]
pub(super) struct CreateScope {
    /// The word in protocols.
    name: String,
    /// The words for people; the name when absent.
    #[arg(long)]
    description: Option<String>,
    /// The words in another language, as de='Ihre Videos sehen'; as often as there are languages.
    #[arg(long = "translation", value_name = "TAG=WORDS")]
    translations: Vec<String>,
    /// The role a user needs to grant it.
    #[arg(long)]
    role: Option<Role>,
}

#[derive(Debug, Args)]
pub(super) struct SetScope {
    /// The scope.
    name: String,
    /// The words for people; the translations of those before go.
    #[arg(long)]
    description: Option<String>,
    /// The words in another language, as de='Ihre Videos sehen', in place of all there were; as often as there are
    /// languages.
    #[arg(long = "translation", value_name = "TAG=WORDS")]
    translations: Vec<String>,
}

pub(super) async fn create_scope(app: &App, tenant: TenantId, new: CreateScope) -> Done {
    let name = ScopeSet::parse_name(&new.name)?;
    let description = new.description.unwrap_or_else(|| name.clone());
    let translations = translations(&new.translations)?;
    let scope = Scope { name: name.clone(), description, translations, required_role: new.role };
    scopes::create(app, tenant, scope, &By::OPERATOR).await?;
    Ok((format!("scope {name}"), json!({"name": name})))
}

pub(super) async fn set_scope(app: &App, tenant: TenantId, change: SetScope) -> Done {
    let SetScope { name, description, translations: words } = change;
    let translations = if words.is_empty() { None } else { Some(translations(&words)?) };
    if description.is_none() && translations.is_none() {
        return Err("nothing to change: give --description or --translation".into());
    }
    scopes::change(app, tenant, &name, &MeantFor::Any, &By::OPERATOR, |scope| {
        if let Some(description) = description {
            scope.description = description;
        }
        if let Some(translations) = translations {
            scope.translations = translations;
        }
    })
    .await?;
    Ok((format!("scope {name}"), json!({"name": name})))
}

fn translations(given: &[String]) -> Result<Translations, UnfitTranslation> {
    let words = given.iter().map(|given| given.split_once('=').ok_or(UnfitTranslation));
    Translations::of(words.collect::<Result<Vec<_>, _>>()?)
}
