//! `GET /oauth/device/qr`, also `/device/qr`: the link with the user code in it, as a picture.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use qrcode::QrCode;
use qrcode::render::svg;

use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::tenants;
use crate::http::asked::Slug;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::parameters::Parameters;
use crate::model::user_code::UserCode;

/// Get a QR code of the verification link
///
/// Does not check the code.
#[utoipa::path(
    get,
    path = "/oauth/device/qr",
    operation_id = "v1_oauth_device_qr_show",
    tag = "OAuth Device Flow",
    params(("user_code" = String, Query, description = "User code", example = "BDJW-DSXQ")),
    responses(
        (status = 200, description = "The image", content_type = "image/svg+xml", body = String),
        (status = 400, description = "`invalid_request`: not a valid user code", body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    slug: Slug,
    RawQuery(query): RawQuery,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let refuse = || OAuthError::invalid_request("user_code is not a valid user code.");
    let input = Parameters::of_query(query.as_deref())?.take("user_code").ok_or_else(refuse)?;
    let code = UserCode::parse(&input).map_err(|_| refuse())?;
    let link = format!("{}/device?user_code={code}", tenants::issuer(&app, &tenant));
    let picture = QrCode::new(link)
        .map_err(OAuthError::fault)?
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .quiet_zone(true)
        .build();
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, picture).into_response())
}
