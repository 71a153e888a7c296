//! The scope catalogue.

use serde_json::{Value, json};

use super::audit::{self, By};
use super::change::Change;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::device::displayable;
use crate::model::ids::TenantId;
use crate::model::scope::{MAX_LIFETIMES, STANDARD, Scope};
use crate::model::scope_translations::Translations;
use crate::model::stored::Stored;
use crate::model::user::Role;
use crate::model::version::{MeantFor, VersionConflictError};
use crate::store::{StoreError, clients, scopes};

/// Why the catalogue is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    #[error("a scope with this name already exists")]
    NameTaken,
    #[error("scope not found")]
    NoSuchScope,
    /// The server itself means something by it.
    #[error("a built-in scope cannot be deleted")]
    IsStandard,
    /// Only administrators and auditors may grant what makes one.
    #[error("scope admin requires role admin, and scope admin:read requires role auditor")]
    NeedsItsRole,
    /// It would be for a role that nobody has, while it looks as if it were for administrators or auditors.
    #[error("role {role} is unknown; did you mean {standard}?")]
    MisspelledRole {
        /// The role that was asked for.
        role: String,
        /// The standard role that it looks like.
        standard: Role,
    },
    /// The words cannot be shown to people.
    #[error(
        "a description must have 1 to 128 characters, with no control or bidirectional characters and no \
         mixed alphabets in a word"
    )]
    UnfitDescription,
    /// No connection could be of use, or none would ever end.
    #[error("max_lifetime_seconds must be between 60 seconds and ten years")]
    UnfitLifetime,
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a scope to the catalog. Returns it as it is stored.
pub async fn create(
    app: &App,
    tenant: TenantId,
    mut scope: Scope,
    by: &By<'_>,
) -> Result<Stored<Scope>, ScopeError> {
    check(&mut scope)?;
    let now = app.clock.now();
    let mut change = Change::begin(app, tenant, by).await?;
    if !scopes::insert(&mut change, tenant, &scope, now).await? {
        return Err(ScopeError::NameTaken);
    }
    change.audit(Action::ScopeCreated, Target::Scope(scope.name.clone()), described(&scope)).await?;
    change.renews();
    change.commit().await?;
    Ok(Stored::first(scope, now))
}

/// Changes a scope as `edit` says, and returns it as it is stored; with a new description and no new translations, those it had go. Who
/// may not grant it any more, and which device has no key that it needs, loses it with the next tokens.
pub async fn change(
    app: &App,
    tenant: TenantId,
    name: &str,
    meant_for: &MeantFor,
    by: &By<'_>,
    edit: impl FnOnce(&mut Scope) + Send,
) -> Result<Stored<Scope>, ScopeError> {
    let mut change = Change::begin(app, tenant, by).await?;
    let before = scopes::hold(&mut *change, tenant, name).await?.ok_or(ScopeError::NoSuchScope)?;
    meant_for.check(before.version)?;
    let mut after = before.value.clone();
    edit(&mut after);
    check(&mut after)?;
    // Words that were translated from others are not true any more.
    if after.description != before.value.description && after.translations == before.value.translations {
        after.translations = Translations::default();
    }
    scopes::update(&mut change, tenant, &after).await?;
    let details = audit::difference(&described(&before.value), &described(&after));
    change.audit(Action::ScopeChanged, Target::Scope(after.name.clone()), details).await?;
    change.renews();
    change.commit().await?;
    Ok(before.next(after))
}

/// Takes a scope out of the catalogue and from every client that is registered for it. Devices lose it with their next
/// tokens; access tokens that are out keep it until they expire.
pub async fn delete(
    app: &App,
    tenant: TenantId,
    name: &str,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), ScopeError> {
    if STANDARD.iter().any(|(standard, ..)| *standard == name) {
        return Err(ScopeError::IsStandard);
    }
    let mut change = Change::begin(app, tenant, by).await?;
    let found = scopes::hold(&mut *change, tenant, name).await?.ok_or(ScopeError::NoSuchScope)?;
    meant_for.check(found.version)?;
    scopes::delete(&mut change, tenant, name).await?;
    let clients = clients::take_scope(&mut change, tenant, name, app.clock.now()).await?;
    let mut details = described(&found.value);
    details["clients"] = json!(clients);
    change.audit(Action::ScopeDeleted, Target::Scope(found.value.name.clone()), details).await?;
    change.renews();
    Ok(change.commit().await?)
}

fn check(scope: &mut Scope) -> Result<(), ScopeError> {
    scope.description = displayable(&scope.description)
        .ok()
        .filter(|description| !description.is_empty())
        .ok_or(ScopeError::UnfitDescription)?;
    let standard_role =
        STANDARD.iter().find(|(name, ..)| *name == scope.name).and_then(|(.., role)| role.clone());
    if standard_role.is_some() && scope.required_role != standard_role {
        return Err(ScopeError::NeedsItsRole);
    }
    if let Some(Role::Other(role)) = &scope.required_role
        && let Some(standard) = looked_like(role)
    {
        return Err(ScopeError::MisspelledRole { role: role.clone(), standard });
    }
    if scope.max_lifetime_seconds.is_some_and(|seconds| !MAX_LIFETIMES.contains(&seconds)) {
        return Err(ScopeError::UnfitLifetime);
    }
    Ok(())
}

/// The standard role that a word differs from by one letter, or by two in the wrong order. A scope may require any other
/// word: that makes the role known.
fn looked_like(word: &str) -> Option<Role> {
    let is_near = |standard: &Role| strsim::damerau_levenshtein(word, &standard.to_string()) == 1;
    [Role::Admin, Role::Auditor].into_iter().find(is_near)
}

fn described(scope: &Scope) -> Value {
    let role = scope.required_role.as_ref().map(ToString::to_string);
    json!({
        "description": scope.description,
        "translations": scope.translations,
        "required_role": role,
        "requires_dpop": scope.requires_dpop,
        "max_lifetime_seconds": scope.max_lifetime_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_standard_role_is_recognized() {
        for (word, standard) in [
            ("admni", Some(Role::Admin)),
            ("admins", Some(Role::Admin)),
            ("auditr", Some(Role::Auditor)),
            ("editor", None),
            ("domain-owner", None),
        ] {
            assert_eq!(looked_like(word), standard, "{word}");
        }
    }
}
