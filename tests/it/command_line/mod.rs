//! The program as it is run: arguments, environment, output, exit code, signals.

mod admin;
mod crash;
mod cut_off;
mod demo;
mod log;
mod lost_data;
mod master_keys;
mod openapi;
mod own_database;
pub mod process;
mod promotion;
mod ready_cluster;
mod serve;
mod settings;
mod signing_keys;
mod troubled_cluster;
