package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// xOAuth2 uses golang.org/x/oauth2 for the flow and github.com/coreos/go-oidc for discovery and the ID token.
func xOAuth2(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error) {
	provider, config, err := discovered(ctx, told)
	if err != nil {
		return Outcome{}, err
	}
	nonce := rand.Text()
	options := []oauth2.AuthCodeOption{oidc.Nonce(nonce)}
	if told.ClientSecret != "" {
		// DeviceAuth never sends the secret by itself.
		options = append(options, oauth2.SetAuthURLParam("client_secret", told.ClientSecret))
	}
	started, err := config.DeviceAuth(ctx, options...)
	if err != nil {
		return Outcome{}, fmt.Errorf("start: %w", err)
	}
	show(started.UserCode, started.DeviceCode)
	token, err := config.DeviceAccessToken(ctx, started)
	if err != nil {
		return refused(err)
	}
	rawIDToken, _ := token.Extra("id_token").(string)
	return useTokens(ctx, told, provider, config, token, rawIDToken, nonce)
}

// xOAuth2Alone uses golang.org/x/oauth2 and nothing else, up to the tokens.
func xOAuth2Alone(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error) {
	config := &oauth2.Config{
		ClientID: told.ClientID,
		Endpoint: oauth2.Endpoint{
			DeviceAuthURL: told.Issuer + "/oauth/device-authorization",
			TokenURL:      told.Issuer + "/oauth/token",
		},
		Scopes: told.Scopes,
	}
	started, err := config.DeviceAuth(ctx)
	if err != nil {
		return Outcome{}, fmt.Errorf("start: %w", err)
	}
	show(started.UserCode, started.DeviceCode)
	if _, err := config.DeviceAccessToken(ctx, started); err != nil {
		return refused(err)
	}
	return Outcome{}, nil
}

// discovered returns what go-oidc finds at the issuer, and the configuration for x/oauth2.
func discovered(ctx context.Context, told Told) (*oidc.Provider, *oauth2.Config, error) {
	provider, err := oidc.NewProvider(ctx, told.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("discovery: %w", err)
	}
	return provider, &oauth2.Config{
		ClientID:     told.ClientID,
		ClientSecret: told.ClientSecret,
		Endpoint:     provider.Endpoint(),
		Scopes:       told.Scopes,
	}, nil
}

// useTokens verifies the ID token, calls userinfo, refreshes, revokes and refreshes again.
func useTokens(
	ctx context.Context, told Told, provider *oidc.Provider, config *oauth2.Config, token *oauth2.Token,
	rawIDToken, nonce string,
) (Outcome, error) {
	idToken, err := provider.Verifier(&oidc.Config{ClientID: told.ClientID}).Verify(ctx, rawIDToken)
	if err != nil {
		return Outcome{}, fmt.Errorf("ID token: %w", err)
	}
	if idToken.Nonce != nonce {
		return Outcome{}, fmt.Errorf("the nonce of the ID token is %q", idToken.Nonce)
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
			return Outcome{}, fmt.Errorf("at_hash: %w", err)
		}
	}
	userInfo, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return Outcome{}, fmt.Errorf("userinfo: %w", err)
	}
	if userInfo.Subject != idToken.Subject {
		return Outcome{}, fmt.Errorf("userinfo is about %s, the ID token about %s", userInfo.Subject, idToken.Subject)
	}
	refreshed, err := refresh(ctx, config, token.RefreshToken)
	if err != nil {
		return Outcome{}, fmt.Errorf("refresh: %w", err)
	}
	if refreshed.AccessToken == token.AccessToken {
		return Outcome{}, errors.New("the refresh returned the same access token")
	}
	if err := revoke(told, refreshed.RefreshToken); err != nil {
		return Outcome{}, err
	}
	_, err = refresh(ctx, config, refreshed.RefreshToken)
	after, err := refused(err)
	if err != nil {
		return Outcome{}, fmt.Errorf("refresh after the revocation: %w", err)
	}
	algorithm, err := algorithmOf(rawIDToken)
	return Outcome{Subject: idToken.Subject, Algorithm: algorithm, AfterRevocation: after.Error}, err
}

func refresh(ctx context.Context, config *oauth2.Config, refreshToken string) (*oauth2.Token, error) {
	expired := &oauth2.Token{RefreshToken: refreshToken, Expiry: time.Now().Add(-time.Minute)}
	return config.TokenSource(ctx, expired).Token()
}

// refused returns the error code that the server answered with; any other error is passed on.
func refused(err error) (Outcome, error) {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.ErrorCode != "" {
		return Outcome{Error: answer.ErrorCode}, nil
	}
	if err == nil {
		err = errors.New("the request was not refused")
	}
	return Outcome{}, err
}
