// What every script here has in common. The test tells it one line of JSON; the script says lines of JSON: a
// `user_code`, after which it waits for the test to approve, and at last what it got. One that throws has failed.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function next() {
  const { value, done } = await lines.next()
  assert(!done, 'the test says something')
  return value
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** `issuer`, `client_id`, `scope`, and what else the test tells. */
export const told = JSON.parse(await next())

/** Has somebody approve, and comes back when it is done. */
export async function approval(userCode) {
  say({ user_code: userCode })
  await next()
}

/** The end: what the test is to look at. */
export function done(got) {
  say({ got })
  process.stdin.destroy()
}

/** The client's key for ES256, and its name. */
export async function clientKey() {
  const pkcs8 = Buffer.from(told.private_key, 'base64')
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  return { key, kid: told.kid }
}
