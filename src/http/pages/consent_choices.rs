//! What the person chooses on the consent page, and how the form says it.

use crate::domain::device_flow::choices::Choices;
use crate::http::parameters::Parameters;
use crate::model::lifetime::Lifetime;

/// What the name of a scope's checkbox begins with.
const SCOPE: &str = "scope:";

/// Reads the choices of the form. A box that is not ticked is not sent.
pub(super) fn read(form: &mut Parameters) -> Choices {
    Choices {
        scopes: Some(form.names_after(SCOPE).map(ToOwned::to_owned).collect()),
        trusted: form.take("trusted").is_some(),
        device_name: form.take("device_name"),
        lifetime: form.take("lifetime").and_then(|word| Lifetime::parse(&word)).unwrap_or(Lifetime::Longest),
    }
}
