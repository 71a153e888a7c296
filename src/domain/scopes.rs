//! The scope catalogue.

use serde_json::{Value, json};

use super::audit::{self, By};
use crate::app::App;
use crate::model::audit_event::{Action, AuditEvent, Outcome};
use crate::model::device::displayable;
use crate::model::ids::TenantId;
use crate::model::scope::{MAX_LIFETIMES, STANDARD, Scope};
use crate::model::scope_translations::Translations;
use crate::model::user::Role;
use crate::model::version::{MeantFor, Stale};
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
    Stale(#[from] Stale),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ScopeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Adds a scope to the catalogue.
pub async fn create(app: &App, tenant: TenantId, mut scope: Scope, by: &By<'_>) -> Result<(), ScopeError> {
    check(&mut scope)?;
    let mut transaction = app.begin(tenant).await?;
    if !scopes::insert(&mut transaction, tenant, &scope, app.clock.now()).await? {
        return Err(ScopeError::NameTaken);
    }
    let event = event(Action::ScopeCreated, &scope, described(&scope), by);
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

/// Changes a scope as `change` says; with a new description and no new translations, those it had go. Who
/// may not grant it any more, and which device has no key that it needs, loses it with the next tokens.
pub async fn change(
    app: &App,
    tenant: TenantId,
    name: &str,
    meant_for: &MeantFor,
    by: &By<'_>,
    change: impl FnOnce(&mut Scope) + Send,
) -> Result<(), ScopeError> {
    let mut transaction = app.begin(tenant).await?;
    let before = scopes::hold(&mut *transaction, tenant, name).await?.ok_or(ScopeError::NoSuchScope)?;
    meant_for.check(before.version)?;
    let mut after = before.value.clone();
    change(&mut after);
    check(&mut after)?;
    // Words that were translated from others are not true any more.
    if after.description != before.value.description && after.translations == before.value.translations {
        after.translations = Translations::default();
    }
    scopes::update(&mut transaction, tenant, &after).await?;
    let details = audit::difference(&described(&before.value), &described(&after));
    let event = event(Action::ScopeChanged, &after, details, by);
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
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
    let mut transaction = app.begin(tenant).await?;
    let found = scopes::hold(&mut *transaction, tenant, name).await?.ok_or(ScopeError::NoSuchScope)?;
    meant_for.check(found.version)?;
    scopes::delete(&mut transaction, tenant, name).await?;
    let clients = clients::take_scope(&mut transaction, tenant, name, app.clock.now()).await?;
    let mut details = described(&found.value);
    details["clients"] = json!(clients);
    let event = event(Action::ScopeDeleted, &found.value, details, by);
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
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

fn event<'a>(action: Action, scope: &Scope, details: Value, by: &By<'a>) -> AuditEvent<'a> {
    AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: by.actor.clone(),
        target_kind: "scope",
        target_id: Some(scope.name.clone()),
        origin: by.origin,
        details,
    }
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
