//! The audit trail, after its events were written (see [`super::audit`]): they are [sealed](seal), kept until they are
//! [too old](clear), and [verified](verify). [`sealing_watch`](crate::store::memory::sealing_watch) knows how sealing
//! goes.

pub mod clear;
pub mod seal;
pub mod verify;
