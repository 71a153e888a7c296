//! Several servers on one database.

mod coherence;
mod housekeeping;
mod memory;
mod pace;
mod read_through;
mod waiting_polls;
