//! Who and what the tests are about: servers, devices, people, and the databases beneath them.

pub mod address_file;
pub mod answer;
pub mod authenticator;
pub mod clock;
pub mod database;
pub mod device;
pub mod dpop;
pub mod front_end;
pub mod jwt;
pub mod link;
pub mod log_bytes;
pub mod mail_sink;
pub mod patience;
pub mod person;
pub mod plain;
pub mod programs;
pub mod resource_server;
pub mod rounds;
pub mod scratch;
pub mod server;
pub mod signer;
pub mod wire;
pub mod words;

pub use answer::Answer;
pub use authenticator::{Authenticator, Enrolled};
pub use device::{Device, Started};
pub use dpop::DpopKey;
pub use front_end::FrontEnd;
pub use link::Link;
pub use patience::until;
pub use person::{Page, Person};
pub use rounds::Chance;
pub use server::TestServer;
pub use wire::{Break, Wire};
