//! OAuth 2.0 Device Authorization Grant.

mod changes_between_steps;
mod redemption_faults;
mod redemption_races;
mod redemption_retry;
mod section_3_1_limits;
mod section_3_1_request;
mod section_3_2_response;
mod section_3_4_token_request;
mod section_3_5_polling;
mod section_3_5_redemption;
mod trusted_devices;
