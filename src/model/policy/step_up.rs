//! How recently and how surely a person must have proved who they are before they connect a device.

use serde::{Deserialize, Serialize};

use crate::model::acr::Acr;

/// The shortest `max_age_seconds`: reading what a device asks for takes time.
const LEAST_MAX_AGE_SECONDS: u32 = 60;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpPolicy {
    pub required_acr: Acr,
    /// How old at most, in seconds.
    pub max_age_seconds: u32,
}

impl StepUpPolicy {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.max_age_seconds < LEAST_MAX_AGE_SECONDS {
            return Err(format!("step_up.max_age_seconds must be at least {LEAST_MAX_AGE_SECONDS}"));
        }
        Ok(())
    }
}
