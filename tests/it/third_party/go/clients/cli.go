package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cli/oauth/api"
	"github.com/cli/oauth/device"
)

// cliOAuth uses github.com/cli/oauth, the library of GitHub's command line. It knows no refresh and no revocation.
func cliOAuth(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error) {
	// RequestCode never sends the secret by itself.
	withSecret := func(form *url.Values) {
		if told.ClientSecret != "" {
			form.Set("client_secret", told.ClientSecret)
		}
	}
	endpoint := told.Issuer + "/oauth/device-authorization"
	code, err := device.RequestCode(http.DefaultClient, endpoint, told.ClientID, told.Scopes, withSecret)
	if err != nil {
		return Outcome{}, fmt.Errorf("start: %w", err)
	}
	show(code.UserCode, code.DeviceCode)
	token, err := device.Wait(ctx, http.DefaultClient, told.Issuer+"/oauth/token", device.WaitOptions{
		ClientID:     told.ClientID,
		ClientSecret: told.ClientSecret,
		DeviceCode:   code,
	})
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return Outcome{Error: refusal.Code}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := revoke(told, token.RefreshToken); err != nil {
		return Outcome{}, err
	}
	_, after, err := post(told, "/oauth/token", url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {token.RefreshToken},
	})
	return Outcome{AfterRevocation: after}, err
}
