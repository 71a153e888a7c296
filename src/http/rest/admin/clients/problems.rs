//! Why a client cannot be registered or changed, as it is told.

use axum::http::StatusCode;

use crate::domain::clients::ClientError;
use crate::http::rest::problem::Problem;

pub(in crate::http) fn no_such_client() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "client_not_found",
        "Client not found.",
        "List the clients with GET /admin/oauth/clients.",
    )
}

fn conflict(error: &'static str, said: String, suggested: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, error, said, suggested)
}

/// What is told of an error.
pub(in crate::http) fn problem(error: ClientError) -> Problem {
    let said = error.to_string();
    match error {
        ClientError::Store(error) => error.into(),
        ClientError::Stale(stale) => stale.into(),
        ClientError::NoSuchClient => no_such_client(),
        ClientError::ClientIdTaken => conflict("client_id_taken", said, "Choose another client_id."),
        ClientError::HasNoSecret => {
            conflict("client_has_no_secret", said, "Register a client that authenticates with a secret.")
        }
        ClientError::HasNoPreviousSecret => {
            conflict("no_previous_secret", said, "There is no previous secret; rotate the secret first.")
        }
        ClientError::TooManyOwned(_) => {
            conflict("too_many_clients", said, "Delete a client you no longer need.")
        }
        ClientError::UnfitName => Problem::invalid_field("client_name", said),
        ClientError::IdIsResource => Problem::invalid_field("client_id", said),
        ClientError::PublicClientActsForItself | ClientError::NothingToDo => {
            Problem::invalid_field("grant_types", said)
        }
        ClientError::PublicInstallations => Problem::invalid_field("credentials_per_installation", said),
        ClientError::InheritIsForFirstParty => Problem::invalid_field("scope_policy", said),
        ClientError::KeysDoNotFitMethod | ClientError::UnfitKeys(_) => Problem::invalid_field("jwks", said),
        ClientError::UnfitJwksUri(_) => Problem::invalid_field("jwks_uri", said),
        ClientError::UnknownScope(_) | ClientError::ScopeByNameOnly(_) | ClientError::OwnerMayNotGrant(_) => {
            Problem::invalid_field("scopes", said)
        }
        ClientError::AboveCeiling(field) => Problem::invalid_field(field, said),
        ClientError::NoSuchOwner | ClientError::OwnedIsNotOurs => Problem::invalid_field("owner_id", said),
        ClientError::Policy(_) => Problem::invalid_field("policy", said),
    }
}
