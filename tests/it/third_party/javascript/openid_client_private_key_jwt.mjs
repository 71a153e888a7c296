import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { approval, clientKey, done, told } from './harness.mjs'

const config = await client.discovery(
  new URL(told.issuer),
  told.client_id,
  undefined,
  client.PrivateKeyJwt(await clientKey()),
  // The second has it verify the ID token's signature by the published keys.
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
)

const started = await client.initiateDeviceAuthorization(config, { scope: told.scope })
await approval(started.user_code)
const tokens = await client.pollDeviceAuthorizationGrant(config, started)
assert.equal(tokens.claims().iss, told.issuer)

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(refreshed.access_token, tokens.access_token)
done({ scope: tokens.scope, token_type: tokens.token_type })
