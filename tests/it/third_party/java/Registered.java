import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.ClientSecretPost;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import java.net.URI;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import net.minidev.json.JSONObject;

/** How a client is registered, as the test says. */
record Registered(String issuer, ClientID id, String method, Secret secret, ECKey key) {
    static Registered read(JSONObject told) throws Exception {
        String secret = told.getAsString("client_secret");
        return new Registered(
                told.getAsString("issuer"),
                new ClientID(told.getAsString("client_id")),
                told.getAsString("method"),
                secret == null ? null : new Secret(secret),
                told.containsKey("private_key") ? key(told) : null);
    }

    private static ECKey key(JSONObject told) throws Exception {
        byte[] pkcs8 = Base64.getMimeDecoder().decode(told.getAsString("private_key").replaceAll("-----.*-----", ""));
        PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        return new ECKey.Builder(ECKey.parse((JSONObject) told.get("public_jwk"))).privateKey(key).build();
    }

    /** A new proof of who the client is; null for a public client. */
    ClientAuthentication proof(URI tokenEndpoint) throws Exception {
        return switch (method) {
            case "none" -> null;
            case "client_secret_basic" -> new ClientSecretBasic(id, secret);
            case "client_secret_post" -> new ClientSecretPost(id, secret);
            case "private_key_jwt" ->
                    // The shortest form of this has the token endpoint as its audience, at all endpoints.
                    new PrivateKeyJWT(
                            id, tokenEndpoint, JWSAlgorithm.ES256, key.toECPrivateKey(), key.getKeyID(), null);
            default -> throw new IllegalArgumentException(method);
        };
    }
}
