import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.springframework.security.oauth2.jwt.JwtException;

/** Reads tokens, one a line, and says of each whether the verifier takes it. */
final class VerifyLines {
    private VerifyLines() {}

    public static void main(String[] arguments) throws Exception {
        AccessTokenVerifier verifier = new AccessTokenVerifier(arguments[0], arguments[1]);
        BufferedReader tokens = new BufferedReader(new InputStreamReader(System.in));
        for (String token = tokens.readLine(); token != null; token = tokens.readLine()) {
            try {
                System.out.println("accepted " + verifier.verify(token, arguments[2]).getSubject());
            } catch (JwtException refusal) {
                System.out.println("refused " + refusal.getMessage().replace('\n', ' '));
            }
        }
    }
}
