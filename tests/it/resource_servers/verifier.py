import jwt


class AccessTokenVerifier:
    """The check of access tokens for one API: `verify(token, scope)` gives the claims, or raises."""

    def __init__(self, issuer, audience):
        # Keeps the keys. A token with an unknown key makes it ask again, every 30 seconds at most.
        self.keys = jwt.PyJWKClient(f"{issuer}/oauth/jwks", timeout=5)
        self.issuer, self.audience = issuer, audience

    def verify(self, token, scope):
        decoded = jwt.decode_complete(
            token,
            self.keys.get_signing_key_from_jwt(token),
            algorithms=["ES256", "RS256", "EdDSA"],
            issuer=self.issuer,
            audience=self.audience,
            leeway=30,
            options={"require": ["exp", "iss", "aud", "sub", "client_id"]},
        )
        claims = decoded["payload"]
        if decoded["header"].get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        if "cnf" in claims:
            raise jwt.InvalidTokenError("not a bearer token: it is bound to a key (RFC 9449)")
        if scope not in claims.get("scope", "").split(" "):
            raise jwt.InvalidTokenError(f"without the scope {scope}")
        return claims
