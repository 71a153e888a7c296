package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// zitadelOIDC uses github.com/zitadel/oidc: public, with a secret, or with a key (private_key_jwt).
func zitadelOIDC(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error) {
	var options []rp.Option
	if told.PrivateKey != "" {
		options = append(options, rp.WithJWTProfile(rp.SignerFromKeyAndKeyID([]byte(told.PrivateKey), told.KeyID)))
	}
	party, err := rp.NewRelyingPartyOIDC(ctx, told.Issuer, told.ClientID, told.ClientSecret, "", told.Scopes, options...)
	if err != nil {
		return Outcome{}, fmt.Errorf("discovery: %w", err)
	}
	started, err := rp.DeviceAuthorization(ctx, told.Scopes, party, nil)
	if err != nil {
		return Outcome{}, fmt.Errorf("start: %w", err)
	}
	show(started.UserCode, started.DeviceCode)
	interval := time.Duration(started.Interval) * time.Second
	token, err := rp.DeviceAccessToken(ctx, started.DeviceCode, interval, party)
	var refusal *oidc.Error
	if errors.As(err, &refusal) {
		return Outcome{Error: string(refusal.ErrorType)}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	claims, err := rp.VerifyTokens[*oidc.IDTokenClaims](ctx, token.AccessToken, token.IDToken, party.IDTokenVerifier())
	if err != nil {
		return Outcome{}, fmt.Errorf("ID token: %w", err)
	}
	if _, err := rp.Userinfo[*oidc.UserInfo](ctx, token.AccessToken, "Bearer", claims.Subject, party); err != nil {
		return Outcome{}, fmt.Errorf("userinfo: %w", err)
	}
	refreshed, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, token.RefreshToken, "", "")
	if err != nil {
		return Outcome{}, fmt.Errorf("refresh: %w", err)
	}
	if err := rp.RevokeToken(ctx, party, refreshed.RefreshToken, "refresh_token"); err != nil {
		return Outcome{}, fmt.Errorf("revocation: %w", err)
	}
	_, err = rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, refreshed.RefreshToken, "", "")
	if !errors.As(err, &refusal) {
		return Outcome{}, fmt.Errorf("refresh after the revocation: %w", err)
	}
	algorithm, err := algorithmOf(token.IDToken)
	return Outcome{Subject: claims.Subject, Algorithm: algorithm, AfterRevocation: string(refusal.ErrorType)}, err
}
