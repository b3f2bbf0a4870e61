// The key that signs tokens leaked, and so did the one before it. Whoever has them forges tokens of every kind; each
// works until the operator ends both keys, each with one call. From then on nothing forged is taken, of neither key,
// and sessions go on with fresh tokens that their agents ask for.
import { readFileSync } from 'node:fs';
import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { ACCESS_TOKEN, CATALOG, Checks, Silo, build, nowSeconds, readToken, signToken } from './silo.mjs';

if (!process.argv.includes('--no-build')) build();
const checks = new Checks();
const silo = await Silo.start(CATALOG);
try {
  const writer = await silo.credential('agents/writer');
  const keyNow = () => createPrivateKey(readFileSync(join(silo.folder, 'data', 'signing.key')));
  const early = await silo.open(writer.secret, { unattended: true });
  const retired = { key: keyNow(), id: readToken(early.sessionToken)[0].kid };
  await silo.act('/v1/signing-keys:rotate', { overlap: '86400s', reason: 'yearly' });
  const late = await silo.open(writer.secret, { unattended: true });
  const present = { key: keyNow(), id: readToken(late.sessionToken)[0].kid };
  const access = await silo.accessToken(writer);

  // What a thief of a key makes of a good token: the same of another session or client, living long.
  const forge = (token, { key, id }, claims) => {
    const [header, read] = readToken(token);
    const far = nowSeconds() + 500;
    return signToken({ ...header, kid: id }, { ...read, iat: nowSeconds(), exp: far, ...claims }, key);
  };
  const forged = (stolen) => [
    ['a session token', forge(early.sessionToken, stolen, {})],
    ['a session token of another session', forge(early.sessionToken, stolen, { session: late.session.session })],
    ['an access token', forge(access, stolen, { jti: `forged-${stolen.id}` })],
    ['an access token of the administrator', forge(access, stolen, { sub: 'admin', roles: ['admin'] })],
  ];
  const spend = (name, token) => (name.startsWith('a session')
    ? silo.reserve(token)
    : silo.reserve(late.sessionToken, token));
  for (const [stolen, which] of [[retired, 'retired'], [present, 'present']]) {
    for (const [name, token] of forged(stolen)) {
      const taken = await spend(name, token);
      checks.equal(`${name} of the ${which} key is taken before`, 200, taken.status);
    }
  }

  // Two acts, each at once.
  await silo.act('/v1/signing-keys:rotate', { endKeyId: retired.id, overlap: '0s', reason: 'leaked' });
  for (const [name, token] of [['the session token', early.sessionToken], ...forged(retired)]) {
    checks.equal(`${name} of the retired key is refused by the next call`, 401, (await spend(name, token)).status);
  }
  checks.equal('a token of the present key is taken yet', 200, (await silo.reserve(late.sessionToken)).status);
  const rotated = await silo.act('/v1/signing-keys:rotate', { overlap: '0s', reason: 'leaked' });

  // Nothing that either key signed, by whatever name it names the key.
  const before = await silo.events();
  for (const stolen of [retired, present]) {
    for (const id of [stolen.id, rotated.keyId, present.id, '']) {
      for (const [name, token] of forged({ key: stolen.key, id })) {
        for (const ask of [
          () => (name.startsWith('a session') ? silo.reserve(token) : silo.reserve(early.sessionToken, token)),
          () => silo.call('/v1/sessions:renew', { requestId: silo.nextId(), sessionToken: token }, token),
          () => silo.call('/v1/sessions', {
            requestId: silo.nextId(), useCase: 'useCases/promo', unattended: true,
          }, token),
          () => silo.call('/v1/catalog', undefined, token),
        ]) {
          const answer = await ask();
          if (answer.status !== 401) checks.that(`${name} with the key id "${id}" is refused`, false, answer);
        }
        const shown = await silo.oauth('introspect', { token }, writer);
        if (shown.body.active !== false) checks.that(`${name} with the key id "${id}" is not active`, false, shown);
        const exchanged = await silo.exchange(writer, token, ACCESS_TOKEN);
        if (exchanged.status !== 400) checks.that(`${name} with the key id "${id}" is not exchanged`, false, exchanged);
      }
    }
  }
  checks.equal('nothing forged had an effect', before.length, (await silo.events()).length);
  checks.equal('the key set has the new key alone', [rotated.keyId], (await silo.call('/oauth2/jwks')).body.keys
    .map((key) => key.kid));

  // Sessions go on.
  for (const opened of [early, late]) {
    checks.equal('an old token is refused', 401, (await silo.reserve(opened.sessionToken)).status);
    const renewed = await silo.act('/v1/sessions:renew', { session: opened.session.session }, writer.secret);
    checks.equal('its session goes on with a fresh token', 'DECISION_ALLOW',
      (await silo.reserve(renewed.sessionToken)).body.decision);
  }
  const rotations = (await silo.events()).map((line) => line.signingKeyRotated).filter((one) => one !== undefined);
  checks.equal('the ledger has each end with its reason', ['yearly', 'leaked', 'leaked'],
    rotations.map((one) => one.reason));
  checks.that('no token is in what the silo said', !/eyJ[A-Za-z0-9_-]{20}/.test(silo.log));
} finally {
  await silo.stop();
}
checks.end();
