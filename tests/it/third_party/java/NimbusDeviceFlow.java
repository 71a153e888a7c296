import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.device.DeviceAuthorizationRequest;
import com.nimbusds.oauth2.sdk.device.DeviceAuthorizationResponse;
import com.nimbusds.oauth2.sdk.device.DeviceAuthorizationSuccessResponse;
import com.nimbusds.oauth2.sdk.device.DeviceCodeGrant;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.claims.IDTokenClaimsSet;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.validators.AccessTokenValidator;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.net.URI;
import java.util.Map;
import net.minidev.json.JSONArray;
import net.minidev.json.JSONObject;

/** The device flow with Nimbus' OAuth 2.0 SDK, which leaves the poll loop to its user. */
final class NimbusDeviceFlow {
    private final Registered client;
    private final OIDCProviderMetadata server;

    private NimbusDeviceFlow(Registered client, OIDCProviderMetadata server) {
        this.client = client;
        this.server = server;
    }

    static NimbusDeviceFlow of(Registered client) throws Exception {
        return new NimbusDeviceFlow(client, OIDCProviderMetadata.resolve(new Issuer(client.issuer())));
    }

    static JSONObject run(JSONObject told, Clients.Show show) throws Exception {
        NimbusDeviceFlow flow = of(Registered.read(told));
        TokenResponse answer = flow.tokens(told, show);
        return answer.indicatesSuccess() ? flow.use(answer) : refused(answer);
    }

    /** What the flow ends with: tokens, or a refusal. */
    TokenResponse tokens(JSONObject told, Clients.Show show) throws Exception {
        return collect(start(new Scope(((JSONArray) told.get("scopes")).toArray(new String[0]))), show);
    }

    static JSONObject refused(TokenResponse answer) {
        return new JSONObject(Map.of("error", answer.toErrorResponse().getErrorObject().getCode()));
    }

    private JSONObject use(TokenResponse answer) throws Exception {
        JSONObject outcome = new JSONObject();
        OIDCTokenResponse tokens = (OIDCTokenResponse) answer.toSuccessResponse();
        IDTokenClaimsSet claims = verified(tokens);
        outcome.put("sub", claims.getSubject().getValue());
        outcome.put("alg", tokens.getOIDCTokens().getIDToken().getHeader().getAlgorithm().getName());

        UserInfoRequest userInfo =
                new UserInfoRequest(server.getUserInfoEndpointURI(), tokens.getTokens().getAccessToken());
        UserInfoResponse.parse(userInfo.toHTTPRequest().send()).toSuccessResponse();

        TokenResponse refreshed = refresh(tokens.getTokens().getRefreshToken());
        if (!refreshed.indicatesSuccess()) {
            throw new IllegalStateException("refresh: " + refreshed.toErrorResponse().getErrorObject());
        }
        RefreshToken next = refreshed.toSuccessResponse().getTokens().getRefreshToken();
        revoke(next);
        outcome.put("after_revocation", refresh(next).toErrorResponse().getErrorObject().getCode());
        return outcome;
    }

    private DeviceAuthorizationSuccessResponse start(Scope scope) throws Exception {
        URI endpoint = server.getDeviceAuthorizationEndpointURI();
        ClientAuthentication proof = client.proof(server.getTokenEndpointURI());
        DeviceAuthorizationRequest.Builder request = proof == null
                ? new DeviceAuthorizationRequest.Builder(client.id())
                : new DeviceAuthorizationRequest.Builder(proof);
        HTTPResponse answer = request.scope(scope).endpointURI(endpoint).build().toHTTPRequest().send();
        DeviceAuthorizationResponse response = DeviceAuthorizationResponse.parse(answer);
        if (!response.indicatesSuccess()) {
            throw new IllegalStateException("start: " + response.toErrorResponse().getErrorObject());
        }
        return response.toSuccessResponse();
    }

    /** Polls until somebody has decided or the code has expired (RFC 8628 §3.5). */
    private TokenResponse collect(DeviceAuthorizationSuccessResponse started, Clients.Show show) throws Exception {
        show.codes(started.getUserCode().getValue(), started.getDeviceCode().getValue());
        long interval = started.getInterval();
        while (true) {
            Thread.sleep(interval * 1000);
            TokenResponse answer = ask(new DeviceCodeGrant(started.getDeviceCode()));
            String error = answer.indicatesSuccess() ? "" : answer.toErrorResponse().getErrorObject().getCode();
            if (error.equals("slow_down")) {
                interval += 5;
            } else if (!error.equals("authorization_pending")) {
                return answer;
            }
        }
    }

    private IDTokenClaimsSet verified(OIDCTokenResponse tokens) throws Exception {
        // RS256 is what OpenID Connect has clients expect that have registered nothing else.
        IDTokenValidator validator = new IDTokenValidator(
                server.getIssuer(), client.id(), JWSAlgorithm.RS256, server.getJWKSetURI().toURL());
        IDTokenClaimsSet claims = validator.validate(tokens.getOIDCTokens().getIDToken(), null);
        if (claims.getAccessTokenHash() != null) {
            AccessTokenValidator.validate(
                    tokens.getTokens().getAccessToken(), JWSAlgorithm.RS256, claims.getAccessTokenHash());
        }
        return claims;
    }

    private TokenResponse refresh(RefreshToken token) throws Exception {
        return ask(new RefreshTokenGrant(token));
    }

    private TokenResponse ask(AuthorizationGrant grant) throws Exception {
        URI endpoint = server.getTokenEndpointURI();
        ClientAuthentication proof = client.proof(server.getTokenEndpointURI());
        TokenRequest.Builder request = proof == null
                ? new TokenRequest.Builder(endpoint, client.id(), grant)
                : new TokenRequest.Builder(endpoint, proof, grant);
        return OIDCTokenResponseParser.parse(request.build().toHTTPRequest().send());
    }

    void revoke(RefreshToken token) throws Exception {
        URI endpoint = server.getRevocationEndpointURI();
        ClientAuthentication proof = client.proof(server.getTokenEndpointURI());
        TokenRevocationRequest request = proof == null
                ? new TokenRevocationRequest(endpoint, client.id(), token)
                : new TokenRevocationRequest(endpoint, proof, token);
        request.toHTTPRequest().send().ensureStatusCode(200);
    }
}
