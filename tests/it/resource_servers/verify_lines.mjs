// Reads tokens, one a line, and says of each whether the verifier takes it.
import { createInterface } from 'node:readline';

import { accessTokenVerifier } from './verifier.mjs';

const [issuer, audience, scope] = process.argv.slice(2);
const verify = accessTokenVerifier(issuer, audience);
for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { sub } = await verify(token, scope);
    console.log(`accepted ${sub}`);
  } catch (error) {
    console.log(`refused ${error.message}`);
  }
}
