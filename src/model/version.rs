//! The version of a thing, and which versions a change is meant for (RFC 9110 §13.1.1).

/// Rises with every change that people can see.
pub type Version = i32;

/// The version of a thing that was never changed.
pub const FIRST: Version = 1;

/// The thing has changed since the caller looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource has changed")]
pub struct VersionConflictError;

/// Which versions of a thing a change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeantFor {
    Any,
    /// One of these; none at all, when the caller named only what no version of ours is called.
    Versions(Vec<Version>),
}

impl MeantFor {
    /// Whether the change may be made to `current`.
    pub fn check(&self, current: Version) -> Result<(), VersionConflictError> {
        match self {
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&current) => Ok(()),
            Self::Versions(_) => Err(VersionConflictError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_meant_for_another_version_is_stale() {
        assert_eq!(MeantFor::Any.check(7), Ok(()));
        assert_eq!(MeantFor::Versions(vec![6, 7]).check(7), Ok(()));
        assert_eq!(MeantFor::Versions(vec![6]).check(7), Err(VersionConflictError));
        assert_eq!(MeantFor::Versions(Vec::new()).check(7), Err(VersionConflictError));
    }
}
