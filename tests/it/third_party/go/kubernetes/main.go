// Program kubernetes has the JWT authenticator of the Kubernetes API server judge ID tokens.
//
// The test sends one line of JSON for each token. The program answers each with one line: the user that the API server
// would see, or why it refuses the token.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

// Told is what the test sends about a token.
type Told struct {
	// Issuer is an https URL: the API server takes no other.
	Issuer string `json:"issuer"`
	// Address is where the server of that issuer really listens.
	Address  string `json:"address"`
	Audience string `json:"audience"`
	// Algorithms is empty for the default of the API server, RS256 alone.
	Algorithms []string `json:"algorithms"`
	// Form is "claims" or "expressions" (CEL).
	Form  string `json:"form"`
	Token string `json:"token"`
}

// throughTLS stands for the proxy in front of the server that ends TLS.
type throughTLS struct{ address *url.URL }

func (proxy throughTLS) RoundTrip(request *http.Request) (*http.Response, error) {
	forwarded := request.Clone(request.Context())
	forwarded.URL.Scheme, forwarded.URL.Host = proxy.address.Scheme, proxy.address.Host
	return http.DefaultTransport.RoundTrip(forwarded)
}

func main() {
	output := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var told Told
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			panic(err)
		}
		answer, err := authenticate(told)
		if err != nil {
			answer = map[string]any{"refused": err.Error()}
		}
		if err := output.Encode(answer); err != nil {
			panic(err)
		}
	}
}

func authenticate(told Told) (map[string]any, error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	address, err := url.Parse(told.Address)
	if err != nil {
		return nil, err
	}
	configuration := forms[told.Form]
	configuration.Issuer = apiserver.Issuer{URL: told.Issuer, Audiences: []string{told.Audience}}
	authenticator, err := oidc.New(ctx, oidc.Options{
		JWTAuthenticator:     configuration,
		Client:               &http.Client{Transport: throughTLS{address}},
		SupportedSigningAlgs: told.Algorithms,
	})
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	// It fetches the metadata in the background, and reports when it is ready.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if err = authenticator.HealthCheck(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return nil, err
		}
	}
	response, known, err := authenticator.AuthenticateToken(ctx, told.Token)
	if err == nil && !known {
		err = errors.New("the token is for another authenticator")
	}
	if err != nil {
		return nil, err
	}
	user := response.User
	return map[string]any{
		"name":   user.GetName(),
		"uid":    user.GetUID(),
		"groups": user.GetGroups(),
		"extra":  user.GetExtra(),
	}, nil
}

var prefix = "latchkey:"

// forms has the two forms of an AuthenticationConfiguration. The flags --oidc-… become the first.
var forms = map[string]apiserver.JWTAuthenticator{
	"claims": {
		ClaimMappings: apiserver.ClaimMappings{
			Username: apiserver.PrefixedClaimOrExpression{Claim: "email", Prefix: &prefix},
			UID:      apiserver.ClaimOrExpression{Claim: "sub"},
		},
		ClaimValidationRules: []apiserver.ClaimValidationRule{
			{Claim: "acr", RequiredValue: "urn:latchkey:acr:1fa"},
		},
	},
	"expressions": {
		ClaimMappings: apiserver.ClaimMappings{
			Username: apiserver.PrefixedClaimOrExpression{Expression: "'latchkey:' + claims.preferred_username"},
			Groups:   apiserver.PrefixedClaimOrExpression{Expression: "claims.amr"},
			UID:      apiserver.ClaimOrExpression{Expression: "claims.sub"},
			Extra: []apiserver.ExtraMapping{
				{Key: "latchkey.example/acr", ValueExpression: "claims.acr"},
			},
		},
		ClaimValidationRules: []apiserver.ClaimValidationRule{
			{Expression: "claims.email_verified == true", Message: "the email address is not verified"},
			{Expression: "claims.exp - claims.iat <= 3600", Message: "the token lives too long"},
		},
		UserValidationRules: []apiserver.UserValidationRule{
			{Expression: "!user.username.startsWith('system:')", Message: "the name is reserved"},
		},
	},
}
