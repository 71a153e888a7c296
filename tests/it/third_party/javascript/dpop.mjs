// The device flow with DPoP (RFC 9449), by openid-client and oauth4webapi as they are.
// `told.algorithm` is ES256, RS256 or Ed25519; the client is a public one for both grants.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { approval, done, told } from './harness.mjs'

const { issuer, client_id: clientId, algorithm, scope } = told
const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))
const refusedWith = (code) => (error) => {
  assert.equal(error.error ?? error.cause?.error, code, error)
  return true
}

/** The key's name (RFC 7638). */
async function thumbprint({ publicKey }) {
  const { crv, e, kty, n, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

/** A proof for a request that the libraries send without one: the device authorization request. */
async function proof(keys, url, nonce) {
  const { crv, e, kty, n, x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey)
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const header = { typ: 'dpop+jwt', alg: algorithm, jwk: { crv, e, kty, n, x, y } }
  const iat = Math.floor(Date.now() / 1000)
  const message = `${encode(header)}.${encode({ jti: randomUUID(), htm: 'POST', htu: url, iat, nonce })}`
  const parameters = { name: keys.privateKey.algorithm.name, hash: 'SHA-256' }
  const signature = await crypto.subtle.sign(parameters, keys.privateKey, Buffer.from(message))
  return `${message}.${Buffer.from(signature).toString('base64url')}`
}

/** A code that is bound from the start, with oauth4webapi; the answer as openid-client takes it. */
async function startBound(config, keys) {
  const as = config.serverMetadata()
  const ask = async (nonce) =>
    oauth.deviceAuthorizationRequest(as, { client_id: clientId }, oauth.None(), { scope }, {
      headers: { DPoP: await proof(keys, as.device_authorization_endpoint, nonce) },
      [oauth.allowInsecureRequests]: true,
    })
  let response = await ask()
  if (response.status === 400 && response.headers.has('dpop-nonce')) {
    response = await ask(response.headers.get('dpop-nonce'))
  }
  return oauth.processDeviceAuthorizationResponse(as, { client_id: clientId }, response)
}

async function collect(config, codes, keys) {
  await approval(codes.user_code)
  const DPoP = client.getDPoPHandle(config, keys)
  const jkt = await thumbprint(keys)
  const tokens = await client.pollDeviceAuthorizationGrant(config, codes, undefined, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  assert.equal(claims(tokens.access_token).cnf.jkt, jkt)
  const { sub } = tokens.claims()
  assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).sub, sub)
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refusedWith('invalid_grant'))
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  assert.equal(next.token_type, 'dpop')
  assert.equal(claims(next.access_token).cnf.jkt, jkt)
}

const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  execute: [client.allowInsecureRequests],
})
const newKeys = () => client.randomDPoPKeyPair(algorithm)

// As the library does it: the key appears at the token endpoint.
await collect(config, await client.initiateDeviceAuthorization(config, { scope }), await newKeys())

// Bound from the start: nobody else can poll.
const keys = await newKeys()
const codes = await startBound(config, keys)
const stranger = client.getDPoPHandle(config, await newKeys())
await assert.rejects(
  client.genericGrantRequest(
    config,
    'urn:ietf:params:oauth:grant-type:device_code',
    { device_code: codes.device_code },
    { DPoP: stranger },
  ),
  refusedWith('invalid_grant'),
)
await collect(config, codes, keys)
done({ flows: 2 })
