import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { approval, clientKey, done, told } from './harness.mjs'

const options = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(told.issuer)
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options })
const server = await oauth.processDiscoveryResponse(issuer, found)
const client = { client_id: told.client_id }
const proof = oauth.PrivateKeyJwt(await clientKey())

const asked = await oauth.deviceAuthorizationRequest(server, client, proof, { scope: told.scope }, options)
const started = await oauth.processDeviceAuthorizationResponse(server, client, asked)

async function poll() {
  const polled = await oauth.deviceCodeGrantRequest(server, client, proof, started.device_code, options)
  return oauth.processDeviceCodeResponse(server, client, polled)
}

await assert.rejects(poll(), (error) => {
  return error instanceof oauth.ResponseBodyError && error.error === 'authorization_pending'
})
await approval(started.user_code)
const tokens = await poll()
assert.equal(oauth.getValidatedIdTokenClaims(tokens).iss, told.issuer)

const exchanged = await oauth.refreshTokenGrantRequest(server, client, proof, tokens.refresh_token, options)
const refreshed = await oauth.processRefreshTokenResponse(server, client, exchanged)
assert.notEqual(refreshed.access_token, tokens.access_token)
done({ scope: tokens.scope, token_type: tokens.token_type })
