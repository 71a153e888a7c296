import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import java.net.MalformedURLException;
import java.net.URI;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.springframework.security.oauth2.core.OAuth2Error;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtException;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/** The check of access tokens for one API. */
public final class AccessTokenVerifier {
    private static final Set<JWSAlgorithm> ALGORITHMS = Set.of(JWSAlgorithm.ES256, JWSAlgorithm.RS256);

    private final NimbusJwtDecoder decoder;

    public AccessTokenVerifier(String issuer, String audience) throws MalformedURLException {
        String address = issuer + "/oauth/jwks";
        // Keeps the keys. A token with an unknown key makes it ask again, every 30 seconds at most.
        JWKSource<SecurityContext> keys = JWKSourceBuilder.create(URI.create(address).toURL()).build();
        decoder = NimbusJwtDecoder.withJwkSetUri(address)
                // By default, only "JWT" is a type. The validator below asks for "at+jwt" (RFC 9068).
                .validateType(false)
                .jwtProcessorCustomizer(processor ->
                        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(ALGORITHMS, keys)))
                .build();
        decoder.setJwtValidator(JwtValidators.createAtJwtValidator()
                .issuer(issuer)
                .audience(audience)
                .validators(checks -> checks.put("cnf", AccessTokenVerifier::requireBearer))
                .build());
    }

    /** The decoder of a resource server with Spring Security: a bean of this type is all that it needs. */
    public NimbusJwtDecoder decoder() {
        return decoder;
    }

    /** A token with {@code cnf} is bound to a key (RFC 9449). Without the proof of that key it is stolen. */
    private static OAuth2TokenValidatorResult requireBearer(Jwt token) {
        return token.hasClaim("cnf")
                ? OAuth2TokenValidatorResult.failure(new OAuth2Error("invalid_token", "bound to a key", null))
                : OAuth2TokenValidatorResult.success();
    }

    /** The claims of a good token that allows {@code scope}. */
    public Jwt verify(String token, String scope) {
        Jwt claims = decoder.decode(token);
        String granted = Objects.requireNonNullElse(claims.getClaimAsString("scope"), "");
        if (!List.of(granted.split(" ")).contains(scope)) {
            throw new JwtException("without the scope " + scope);
        }
        return claims;
    }
}
