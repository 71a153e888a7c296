import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import java.time.Duration;
import java.time.Instant;
import net.minidev.json.JSONObject;
import org.springframework.security.oauth2.client.endpoint.NimbusJwtClientAuthenticationParametersConverter;
import org.springframework.security.oauth2.client.endpoint.OAuth2ClientCredentialsGrantRequest;
import org.springframework.security.oauth2.client.endpoint.OAuth2RefreshTokenGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientClientCredentialsTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientRefreshTokenTokenResponseClient;
import org.springframework.security.oauth2.client.oidc.authentication.OidcIdTokenDecoderFactory;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.OAuth2AuthorizationException;
import org.springframework.security.oauth2.core.OAuth2RefreshToken;
import org.springframework.security.oauth2.core.endpoint.OAuth2AccessTokenResponse;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtDecoders;
import org.springframework.security.oauth2.jwt.JwtException;

/**
 * Spring Security's token clients and decoders. It has no device flow, so Nimbus' SDK collects the tokens. Spring
 * verifies the ID token, refreshes, and gets a token for the client itself.
 */
final class SpringSecurity {
    private final Registered client;
    private final ClientRegistration registration;

    private SpringSecurity(Registered client, ClientRegistration registration) {
        this.client = client;
        this.registration = registration;
    }

    static JSONObject run(JSONObject told, Clients.Show show) throws Exception {
        Registered client = Registered.read(told);
        ClientRegistration.Builder found = ClientRegistrations.fromIssuerLocation(client.issuer())
                .clientId(client.id().getValue())
                .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS);
        if (client.secret() != null) {
            found.clientSecret(client.secret().getValue());
        }
        // Without a word about it, Spring takes what the metadata lists first.
        if (!client.method().equals("client_secret_basic")) {
            found.clientAuthenticationMethod(new ClientAuthenticationMethod(client.method()));
        }
        NimbusDeviceFlow flow = NimbusDeviceFlow.of(client);
        TokenResponse answer = flow.tokens(told, show);
        return answer.indicatesSuccess()
                ? new SpringSecurity(client, found.build()).use((OIDCTokenResponse) answer, flow)
                : NimbusDeviceFlow.refused(answer);
    }

    private JSONObject use(OIDCTokenResponse tokens, NimbusDeviceFlow flow) throws Exception {
        JSONObject outcome = new JSONObject();
        Jwt idToken = new OidcIdTokenDecoderFactory()
                .createDecoder(registration)
                .decode(tokens.getOIDCTokens().getIDTokenString());
        outcome.put("sub", idToken.getSubject());
        outcome.put("alg", idToken.getHeaders().get("alg"));
        must("refused", judged(tokens.getTokens().getAccessToken().getValue()));
        OAuth2RefreshToken next =
                refresh(tokens.getTokens().getRefreshToken().getValue()).getRefreshToken();
        if (!client.method().equals("none")) {
            must("Bearer", ownToken(registration).getAccessToken().getTokenType().getValue());
        }
        if (client.secret() != null) {
            ClientRegistration wrong = ClientRegistration.withClientRegistration(registration)
                    .clientSecret("wrong")
                    .build();
            // It reads the error of a 400 alone. To the Authorization header, 401 is the answer (RFC 6749 §5.2).
            boolean byHeader = client.method().equals("client_secret_basic");
            must(byHeader ? "invalid_token_response" : "invalid_client", refusalOf(() -> ownToken(wrong)));
        }
        flow.revoke(new RefreshToken(next.getTokenValue()));
        outcome.put("after_revocation", refusalOf(() -> refresh(next.getTokenValue())));
        return outcome;
    }

    private static void must(String expected, String actual) {
        if (!expected.equals(actual)) {
            throw new IllegalStateException(actual + " instead of " + expected);
        }
    }

    /** What the decoder that a resource server gets by default says of an access token. */
    private String judged(String accessToken) {
        try {
            JwtDecoders.fromIssuerLocation(client.issuer()).decode(accessToken);
            return "accepted";
        } catch (JwtException refusal) {
            return "refused";
        }
    }

    private OAuth2AccessTokenResponse refresh(String refreshToken) {
        RestClientRefreshTokenTokenResponseClient tokens = new RestClientRefreshTokenTokenResponseClient();
        tokens.addParametersConverter(new NimbusJwtClientAuthenticationParametersConverter<>(any -> client.key()));
        Instant now = Instant.now();
        OAuth2AccessToken expired = new OAuth2AccessToken(
                OAuth2AccessToken.TokenType.BEARER,
                "expired",
                now.minus(Duration.ofHours(2)),
                now.minus(Duration.ofHours(1)));
        return tokens.getTokenResponse(new OAuth2RefreshTokenGrantRequest(
                registration, expired, new OAuth2RefreshToken(refreshToken, now.minus(Duration.ofHours(2)))));
    }

    private OAuth2AccessTokenResponse ownToken(ClientRegistration as) {
        RestClientClientCredentialsTokenResponseClient tokens = new RestClientClientCredentialsTokenResponseClient();
        tokens.addParametersConverter(new NimbusJwtClientAuthenticationParametersConverter<>(any -> client.key()));
        return tokens.getTokenResponse(new OAuth2ClientCredentialsGrantRequest(as));
    }

    /** The error code that Spring makes of a refusal. */
    private static String refusalOf(Runnable request) {
        try {
            request.run();
            return "";
        } catch (OAuth2AuthorizationException refusal) {
            return refusal.getError().getErrorCode();
        }
    }
}
