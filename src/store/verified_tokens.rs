//! Tokens whose signature was found right a moment ago. To verify one costs more than all the rest of an answer, and
//! the same token is asked about with each request that it is used for.
//!
//! Only what can never change is remembered: that one of the tenant's keys signed this text, and what it says. Its
//! time and its standing are asked anew each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::model::access_token::AccessToken;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::TenantId;

/// How many tokens a generation holds; all together take some megabytes.
const GENERATION: usize = 8_192;

/// An access token that one of the tenant's keys signed.
#[derive(Debug)]
pub struct VerifiedToken {
    pub claims: AccessToken,
    pub kid: String,
}

type Tokens = HashMap<(TenantId, SecretHash), Arc<VerifiedToken>>;

/// The memory: two generations, of which the older is forgotten when the younger is full.
#[derive(Debug, Default)]
pub struct VerifiedTokens(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: Tokens,
    old: Tokens,
}

impl VerifiedTokens {
    /// The token of this text, if it was verified for this tenant lately.
    #[must_use]
    pub fn find(&self, tenant: TenantId, text: SecretHash) -> Option<Arc<VerifiedToken>> {
        let mut generations = self.lock();
        let name = (tenant, text);
        if let Some(token) = generations.young.get(&name) {
            return Some(Arc::clone(token));
        }
        let token = generations.old.remove(&name)?;
        generations.remember(name, &token);
        Some(token)
    }

    /// Remembers a token that was verified for this tenant.
    pub fn remember(&self, tenant: TenantId, text: SecretHash, token: &Arc<VerifiedToken>) {
        self.lock().remember((tenant, text), token);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn remember(&mut self, name: (TenantId, SecretHash), token: &Arc<VerifiedToken>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, Arc::clone(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;
    use serde_json::json;
    use uuid::Uuid;

    fn token() -> Arc<VerifiedToken> {
        let claims =
            json!({"iss": "i", "sub": "s", "aud": "a", "client_id": "c", "iat": 1, "exp": 2, "jti": "j"});
        let claims = AccessToken::read(claims.as_object().unwrap().clone()).unwrap();
        Arc::new(VerifiedToken { claims, kid: "k".to_owned() })
    }

    fn text(number: usize) -> SecretHash {
        SecretHash::of(&number.to_string())
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_makes_room() {
        let (memory, token) = (VerifiedTokens::default(), token());
        for number in 0..10 * GENERATION {
            memory.remember(DEFAULT_TENANT, text(number), &token);
            assert!(memory.find(DEFAULT_TENANT, text(0)).is_some(), "at {number}");
        }
        let generations = memory.lock();
        assert!(generations.young.len() <= GENERATION && generations.old.len() <= GENERATION);
        drop(generations);
        assert!(memory.find(DEFAULT_TENANT, text(1)).is_none());
    }

    #[test]
    fn a_token_is_known_to_its_own_tenant_alone() {
        let (memory, token) = (VerifiedTokens::default(), token());
        memory.remember(DEFAULT_TENANT, text(0), &token);
        assert!(memory.find(TenantId(Uuid::nil()), text(0)).is_none());
        assert!(memory.find(DEFAULT_TENANT, text(1)).is_none());
    }
}
