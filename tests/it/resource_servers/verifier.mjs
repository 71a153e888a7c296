import { createRemoteJWKSet, jwtVerify } from 'jose';

/** The check of access tokens for one API: `verify(token, scope)` gives the claims, or throws. */
export function accessTokenVerifier(issuer, audience) {
  // Keeps the keys. A token with an unknown key makes it ask again, every 30 seconds at most.
  const keys = createRemoteJWKSet(new URL(`${issuer}/oauth/jwks`));
  const options = {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256', 'RS256', 'EdDSA'],
    requiredClaims: ['exp', 'sub', 'client_id'],
    clockTolerance: 30,
  };
  return async function verify(token, scope) {
    const { payload } = await jwtVerify(token, keys, options);
    if (payload.cnf) throw new Error('not a bearer token: it is bound to a key (RFC 9449)');
    if (!(payload.scope ?? '').split(' ').includes(scope)) throw new Error(`without the scope ${scope}`);
    return payload;
  };
}
