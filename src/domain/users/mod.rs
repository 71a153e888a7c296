//! Accounts: made, changed and deleted by operators and administrators.

mod change;
mod create;
mod delete;
mod end;
mod roles;
pub mod rules;

pub use change::{UserChange, change, set_standing};
pub(super) use create::fit;
pub use create::{NewUser, create, invite};
pub use delete::delete;
pub(super) use end::end_devices;
pub use end::{sign_out_everywhere, sign_out_oneself_everywhere};

pub(in crate::domain) use rules::find;
pub use rules::{UserError, Which};
