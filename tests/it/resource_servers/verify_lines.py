"""Reads tokens, one a line, and says of each whether the verifier takes it."""

import sys

import jwt
from verifier import AccessTokenVerifier

issuer, audience, scope = sys.argv[1:]
verifier = AccessTokenVerifier(issuer, audience)
for line in sys.stdin:
    try:
        claims = verifier.verify(line.strip(), scope)
        print(f"accepted {claims['sub']}", flush=True)
    except jwt.PyJWTError as error:
        print(f"refused {error}", flush=True)
