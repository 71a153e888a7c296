// Runs the device flow with openid-client at its defaults. The test sends one line of JSON for each run. All runs go on
// side by side. The program answers with lines of JSON: the codes of a run, and at the end what came of it.

import { createInterface } from 'node:readline'
import * as client from 'openid-client'

/** How the client says who it is; without a word, the library puts the secret into the body. */
const proofs = {
  none: () => client.None(),
  client_secret_basic: (told) => client.ClientSecretBasic(told.client_secret),
  default: () => undefined,
}

/** The error code that the server refused with; any other failure is thrown on. */
function refusal(error) {
  if (typeof error.error !== 'string') throw error
  return error.error
}

async function openidClient(told, show) {
  const config = await client.discovery(
    new URL(told.issuer),
    told.client_id,
    told.client_secret,
    proofs[told.method](told),
    // The second has it verify the signature of the ID token.
    { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
  )
  const started = await client.initiateDeviceAuthorization(config, { scope: told.scopes.join(' ') })
  show(started)
  let tokens
  try {
    tokens = await client.pollDeviceAuthorizationGrant(config, started)
  } catch (error) {
    return { error: refusal(error) }
  }
  const { sub } = tokens.claims()
  await client.fetchUserInfo(config, tokens.access_token, sub)
  const { alg } = JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url'))
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  await client.tokenRevocation(config, refreshed.refresh_token)
  const after = await client.refreshTokenGrant(config, refreshed.refresh_token).then(() => '', refusal)
  return { sub, alg, after_revocation: after }
}

const flows = { 'openid-client': openidClient }

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line)
  const { run } = told
  flows[told.library](told, ({ user_code, device_code }) => say({ run, user_code, device_code })).then(
    (outcome) => say({ run, outcome }),
    (error) => say({ run, failure: `${error.stack} ${error.cause?.stack ?? ''}` }),
  )
}
