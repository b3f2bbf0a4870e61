// One caller at full speed in each thing that has a bound, and a sibling that uses the same thing at a
// steady pace, alone and beside it.
//
// The noisy one runs in a process of its own that gets only what the machine has to spare: from outside it would take
// nothing of the machine.
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { CATALOG, Checks, Silo, build, nowSeconds, signToken } from './silo.mjs';

const RATIO_MIN = 0.8;
const PACE_PER_SECOND = 50; // Of the sibling.
const VERIFICATIONS_PER_SECOND = 2; // Each reads a whole ledger.
const AT_ONCE = 64; // Calls that the noisy one has in flight.
const BOUNDS = ', bounds: { openSessions: 500, openHolds: 500 } }';

const catalog = CATALOG.replace('delegates: { agents: [reader] } }', `delegates: { agents: [reader] }${BOUNDS}`);

// A proof of a key for one call (RFC 9449).
function proofOf(pair, url, path, token) {
  const claims = { htm: 'POST', htu: `${url}${path}`, iat: nowSeconds(), jti: randomUUID() };
  if (token !== undefined) claims.ath = createHash('sha256').update(token).digest('base64url');
  const jwk = pair.publicKey.export({ format: 'jwk' });
  return signToken({ typ: 'dpop+jwt', alg: 'ES256', jwk }, claims, pair.privateKey);
}

async function post(url, path, body, authorization, headers = {}) {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      ...(authorization && { authorization }), ...(!isForm && { 'content-type': 'application/json' }), ...headers,
    },
    body: isForm ? body : JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const bearer = (secret) => `Bearer ${secret}`;
const form = (client, more) => new URLSearchParams({ client_id: client.keyId, client_secret: client.secret, ...more });

// What each thing is used by: one call of a caller, who has a credential, a session and a key of its own.
const THINGS = {
  sessions: (url, by) => post(
    url, '/v1/sessions', { requestId: randomUUID(), useCase: 'useCases/promo', unattended: true }, bearer(by.secret)),
  holds: (url, by) => post(url, '/v1/reservations', {
    requestId: randomUUID(), sessionToken: by.session, model: 'm', ttl: by.isNoisy ? '600s' : '1s',
    estimate: { inputTokens: '1', maxOutputTokens: '0' },
  }, bearer(by.secret)),
  proofs: (url, by) => post(
    url, '/v1/tools:authorize', { requestId: randomUUID(), sessionToken: by.session, tool: 'crm.read' },
    `DPoP ${by.bound}`, { dpop: proofOf(by.pair, url, '/v1/tools:authorize', by.bound) }),
  revocations: async (url, by) => {
    const response = await fetch(`${url}/oauth2/token`, {
      method: 'POST', body: form(by, { grant_type: 'client_credentials' }),
    });
    const token = (await response.json()).access_token;
    return token === undefined ? response.status : post(url, '/oauth2/revoke', form(by, { token }));
  },
  // A tenant has one at a time, so the sibling's own wait for each other.
  verification: (url, by) => {
    const verify = () => post(
      url, '/v1/ledger:verify', {}, bearer(by.admin), { 'agentbudget-tenant': by.tenant });
    if (by.isNoisy) return verify();
    by.before = (by.before ?? Promise.resolve()).then(verify, verify);
    return by.before;
  },
  'tool calls': (url, by) => post(
    url, '/v1/tools:authorize', { requestId: randomUUID(), sessionToken: by.session, tool: 'crm.read' },
    bearer(by.secret)),
  // The noisy one tries secrets for the sibling's key id.
  'failed secrets': (url, by) => post(
    url, '/v1/tools:authorize', { requestId: randomUUID(), sessionToken: by.session, tool: 'crm.read' },
    bearer(by.isNoisy ? by.guessed : by.secret)),
};

// The noisy one that meets its own bound within seconds is told so.
const MEETS_ITS_BOUND = ['sessions', 'holds'];

async function makeNoise({ url, thing, by }) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const bound = thing === 'proofs' ? await boundToken(url, by, pair) : undefined;
  const statuses = {};
  let isOver = false;
  const loop = async () => {
    while (!isOver) {
      const status = await THINGS[thing](url, { ...by, pair, bound, isNoisy: true }).catch(() => 0);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  process.on('SIGTERM', () => { isOver = true; });
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  process.stdout.write(JSON.stringify(statuses));
}

async function boundToken(url, by, pair) {
  const response = await fetch(`${url}/oauth2/token`, {
    method: 'POST', body: form(by, { grant_type: 'client_credentials' }),
    headers: { dpop: proofOf(pair, url, '/oauth2/token') },
  });
  return (await response.json()).access_token;
}

function startNoise(given) {
  const noise = spawn('chrt', ['-i', '0', process.execPath, import.meta.filename, 'noise', JSON.stringify(given)]);
  let said = '';
  noise.stdout.on('data', (text) => { said += text; });
  noise.stderr.pipe(process.stderr);
  return async () => {
    const ended = new Promise((done) => { noise.once('close', done); });
    noise.kill('SIGTERM');
    await ended;
    return JSON.parse(said || '{}');
  };
}

// Calls at a steady pace for some seconds: how many were good a second, and what else there was.
async function pace(url, thing, by, seconds) {
  const perSecond = thing === 'verification' ? VERIFICATIONS_PER_SECOND : PACE_PER_SECOND;
  const begun = performance.now();
  const calls = [];
  const errors = {};
  let good = 0;
  for (let count = 0; count < perSecond * seconds; count += 1) {
    const early = (count * 1000) / perSecond - (performance.now() - begun);
    if (early > 0) await new Promise((done) => { setTimeout(done, early); });
    calls.push(THINGS[thing](url, by).then((status) => {
      if (status === 200) good += 1;
      else errors[status] = (errors[status] ?? 0) + 1;
    }, (fault) => { errors[fault.message] = (errors[fault.message] ?? 0) + 1; }));
  }
  await Promise.all(calls);
  return { perSecond: good / ((performance.now() - begun) / 1000), errors };
}

async function callerOf(silo, agent) {
  const made = await silo.credential(agent);
  const opened = await silo.open(made.secret, { unattended: true });
  return {
    keyId: made.credential.keyId,
    secret: made.secret,
    session: opened.sessionToken,
    admin: silo.adminKey,
    tenant: 'acme',
  };
}

// A silo of its own for each thing, so that nothing that one of them filled is in the way of the next.
async function measure(thing, seconds, checks) {
  const silo = await Silo.start(catalog);
  try {
    const other = { requestId: silo.nextId(), document: catalog.replace('tenant: acme', 'tenant: other') };
    const applied = await silo.call('/v1/catalog', other, silo.adminKey, { 'agentbudget-tenant': 'other' }, 'PUT');
    if (applied.status !== 200) throw new Error(JSON.stringify(applied));
    silo.tenant = 'acme'; // There are two from here on.
    const noisy = await callerOf(silo, 'agents/writer');
    const sibling = await callerOf(silo, 'agents/reader');
    noisy.tenant = thing === 'verification' ? 'other' : 'acme';
    noisy.guessed = `${sibling.secret.slice(0, -4)}AAAA`;
    sibling.pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    sibling.bound = await boundToken(silo.url, sibling, sibling.pair);
    await pace(silo.url, thing, sibling, 1); // What runs for the first time is compiled.
    const alone = await pace(silo.url, thing, sibling, seconds);
    const endNoise = startNoise({ url: silo.url, thing, by: noisy });
    await new Promise((done) => { setTimeout(done, 1000); });
    const beside = await pace(silo.url, thing, sibling, seconds);
    const noise = await endNoise();
    const ratio = beside.perSecond / alone.perSecond;
    console.log(`${thing}: ${alone.perSecond.toFixed(1)} a second alone, ${beside.perSecond.toFixed(1)} beside ${
      JSON.stringify(noise)}, ratio ${ratio.toFixed(2)}`);
    checks.that(`${thing}: the sibling keeps ${RATIO_MIN} of its calls a second`, ratio >= RATIO_MIN, ratio);
    checks.equal(`${thing}: the sibling is told no error`, [{}, {}], [alone.errors, beside.errors]);
    checks.that(`${thing}: there was noise`, Object.values(noise).reduce((sum, count) => sum + count, 0) > 10, noise);
    if (MEETS_ITS_BOUND.includes(thing))
      checks.that(`${thing}: the noisy one meets its own bound`, noise[429] > 0, noise);
  } finally {
    await silo.stop();
  }
}

if (process.argv[2] === 'noise') {
  await makeNoise(JSON.parse(process.argv[3]));
} else {
  build();
  const checks = new Checks();
  const things = Object.keys(THINGS).filter((name) => process.argv[3] === undefined || name === process.argv[3]);
  if (things.length === 0) throw new Error(`'${process.argv[3]}' is none of: ${Object.keys(THINGS).join(', ')}`);
  for (const thing of things) await measure(thing, Number(process.argv[2] ?? 10), checks);
  checks.end();
}
