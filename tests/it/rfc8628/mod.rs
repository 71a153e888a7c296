//! OAuth 2.0 Device Authorization Grant.

mod section_3_5_polling;
