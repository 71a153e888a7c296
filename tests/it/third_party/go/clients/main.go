// Program clients runs the device flow with client libraries for Go, each used at its defaults.
//
// The test sends one line of JSON for each run. All runs go on side by side. The program answers with lines of JSON:
// the codes of a run, and at the end what came of it.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// Told is what the test sends about a run.
type Told struct {
	Run          int      `json:"run"`
	Library      string   `json:"library"`
	Issuer       string   `json:"issuer"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	PrivateKey   string   `json:"private_key"`
	KeyID        string   `json:"kid"`
	Scopes       []string `json:"scopes"`
}

// Outcome is what came of a run: an error code of the server, or tokens that were verified, refreshed and revoked.
type Outcome struct {
	Error           string `json:"error,omitempty"`
	Subject         string `json:"sub,omitempty"`
	Algorithm       string `json:"alg,omitempty"`
	AfterRevocation string `json:"after_revocation,omitempty"`
}

// Flow runs the device flow once. It calls show with the user code and the device code before it polls.
type Flow func(ctx context.Context, told Told, show func(userCode, deviceCode string)) (Outcome, error)

var flows = map[string]Flow{
	"cli/oauth":      cliOAuth,
	"kubelogin":      kubelogin,
	"x/oauth2":       xOAuth2,
	"x/oauth2 alone": xOAuth2Alone,
	"zitadel/oidc":   zitadelOIDC,
}

func main() {
	var output sync.Mutex
	say := func(message map[string]any) {
		output.Lock()
		defer output.Unlock()
		if err := json.NewEncoder(os.Stdout).Encode(message); err != nil {
			panic(err)
		}
	}
	var runs sync.WaitGroup
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var told Told
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			panic(err)
		}
		runs.Go(func() {
			show := func(userCode, deviceCode string) {
				say(map[string]any{"run": told.Run, "user_code": userCode, "device_code": deviceCode})
			}
			outcome, err := flows[told.Library](context.Background(), told, show)
			if err != nil {
				say(map[string]any{"run": told.Run, "failure": err.Error()})
			} else {
				say(map[string]any{"run": told.Run, "outcome": outcome})
			}
		})
	}
	runs.Wait()
}

// post sends a form as programs do whose library has no call for it, and returns the error code of the answer.
func post(told Told, path string, form url.Values) (answer map[string]any, code string, err error) {
	form.Set("client_id", told.ClientID)
	if told.ClientSecret != "" {
		form.Set("client_secret", told.ClientSecret)
	}
	response, err := http.PostForm(told.Issuer+path, form)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	if response.ContentLength != 0 {
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return nil, "", fmt.Errorf("status %d: %w", response.StatusCode, err)
		}
	}
	code, _ = answer["error"].(string)
	if code == "" && response.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("status %d", response.StatusCode)
	}
	return answer, code, nil
}

// revoke revokes a token at the revocation endpoint.
func revoke(told Told, token string) error {
	_, code, err := post(told, "/oauth/revoke", url.Values{"token": {token}})
	if err == nil && code != "" {
		err = fmt.Errorf("revocation: %s", code)
	}
	return err
}

// algorithmOf returns the algorithm that a JWT says it is signed with.
func algorithmOf(token string) (string, error) {
	var header struct {
		Algorithm string `json:"alg"`
	}
	encoded, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(decoded, &header)
	}
	return header.Algorithm, err
}
