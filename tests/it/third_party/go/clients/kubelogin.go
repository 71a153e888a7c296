package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// kubelogin does as the kubectl plugin int128/kubelogin does: go-oidc and x/oauth2, but a poll loop of its own that
// asks at once, sends no secret at the start and puts it into the body of polls. Refreshes go through x/oauth2.
func kubelogin(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error) {
	provider, config, err := discovered(ctx, told)
	if err != nil {
		return Outcome{}, err
	}
	scopes := url.Values{"client_id": {told.ClientID}, "scope": {strings.Join(told.Scopes, " ")}}
	response, err := http.PostForm(config.Endpoint.DeviceAuthURL, scopes)
	if err != nil {
		return Outcome{}, err
	}
	defer response.Body.Close()
	var started struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
		Interval   int    `json:"interval"`
		Error      string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&started); err != nil || started.Error != "" {
		return Outcome{}, fmt.Errorf("start: %s %w", started.Error, err)
	}
	show(started.UserCode, started.DeviceCode)
	for interval := time.Duration(started.Interval) * time.Second; ; time.Sleep(interval) {
		answer, code, err := post(told, "/oauth/token", url.Values{
			"device_code": {started.DeviceCode},
			"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		})
		switch {
		case err != nil:
			return Outcome{}, err
		case code == "authorization_pending":
		case code == "slow_down":
			interval += 5 * time.Second
		case code != "":
			return Outcome{Error: code}, nil
		default:
			text := func(name string) string { value, _ := answer[name].(string); return value }
			token := &oauth2.Token{AccessToken: text("access_token"), RefreshToken: text("refresh_token")}
			return useTokens(ctx, told, provider, config, token, text("id_token"), "")
		}
	}
}
