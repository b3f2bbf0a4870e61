// A client that shares no code with us does what agents' identity platforms do: discovery, client credentials by secret
// and by key, token exchange, proofs of possession, introspection and revocation.
//
//   node client.mjs prepare FOLDER                                makes a trusted issuer: its keys, and the silo's file
//   node client.mjs run --http URL --key FILE --issuers FOLDER    runs every check; ends with "N passed, N failed"
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';

const TRUSTED = 'https://users.example.test';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };
const insecure = { [oauth.allowInsecureRequests]: true };

let passed = 0;
let failed = 0;

async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message} ${error.error_description ?? ''}`);
  }
}

function equal(actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
  }
}

async function refused(code, run) {
  try {
    await run();
  } catch (error) {
    equal(error.error ?? (error.status === 401 ? 'invalid_client' : error.message), code);
    return;
  }
  throw new Error('it was not refused');
}

const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function sign(key, kid, claims) {
  const signed = `${text({ alg: 'ES256', typ: 'JWT', kid })}.${text(claims)}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

async function prepare(folder) {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const publicKey = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'users-1', alg: 'ES256' };
  delete publicKey.key_ops;
  delete publicKey.ext;
  writeFileSync(join(folder, 'users.jwks.json'), JSON.stringify({ keys: [publicKey] }));
  writeFileSync(join(folder, 'users.key.json'), JSON.stringify(await crypto.subtle.exportKey('jwk', pair.privateKey)));
  writeFileSync(join(folder, 'issuers.json'), JSON.stringify([{
    issuer: TRUSTED, jwks: 'users.jwks.json', audience: 'agentbudget', tenant: 'acme', subjectClaim: 'email',
  }]));
}

async function run(http, keyFile, folder) {
  const adminKey = readFileSync(keyFile, 'utf8').trim();
  const usersKey = await crypto.subtle.importKey(
    'jwk', JSON.parse(readFileSync(join(folder, 'users.key.json'), 'utf8')), ECDSA, false, ['sign']);
  let requests = 0;

  const call = async (route, body, authorization = `Bearer ${adminKey}`, headers = {}) => {
    const response = await fetch(`${http}/v1/${route}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ requestId: `oauth-${process.pid}-${requests += 1}`, ...body }),
    });
    return { status: response.status, body: await response.json() };
  };

  const made = async (fields) => (await call('credentials', fields)).body;
  const agent = await made({ principal: 'agents/writer', role: 'ROLE_AGENT' });
  const other = await made({ principal: 'agents/reader', role: 'ROLE_AGENT' });
  const client = { client_id: agent.credential.keyId };
  const basic = oauth.ClientSecretBasic(agent.secret);
  let as;

  const grant = async (clientOf, auth, kind, parameters, options = {}) =>
    oauth.processGenericTokenEndpointResponse(as, clientOf, await oauth.genericTokenEndpointRequest(
      as, clientOf, auth, kind, parameters, { ...insecure, ...options }));
  const introspectAs = async (asking, secret, token) => oauth.processIntrospectionResponse(
    as, asking, await oauth.introspectionRequest(as, asking, secret, token, insecure));
  const introspect = (token) => introspectAs(client, basic, token);
  const userToken = (claims = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return sign(usersKey, 'users-1', {
      iss: TRUSTED, aud: 'agentbudget', sub: 'u-17', email: 'kim@acme.test', iat: now, exp: now + 300, ...claims,
    });
  };
  const exchange = (token, parameters = {}) => grant(
    client, basic, EXCHANGE, { subject_token: token, subject_token_type: ID_TOKEN, ...parameters });
  const open = (token, fields = {}) => call(
    'sessions', { useCase: 'useCases/promo', ...fields }, `Bearer ${token}`);

  await check('discovery answers the metadata of this issuer', async () => {
    const issuer = new URL(http);
    as = await oauth.processDiscoveryResponse(
      issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
    equal(as.token_endpoint, `${http}/oauth2/token`);
  });
  await check('client_credentials by client_secret_basic gives a token that opens a session', async () => {
    const token = await grant(client, basic, 'client_credentials', {});
    equal([token.token_type, token.expires_in], ['bearer', 600]);
    const opened = await open(token.access_token, { unattended: true });
    equal([opened.status, opened.body.session?.agent], [200, 'agents/writer']);
  });
  await check('client_credentials by client_secret_post', async () => {
    const token = await grant(client, oauth.ClientSecretPost(agent.secret), 'client_credentials', {});
    equal((await introspect(token.access_token)).client_id, client.client_id);
  });
  await check('client_credentials by private_key_jwt, and each assertion once', async () => {
    const pair = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const keyed = await made(
      { principal: 'agents/writer', role: 'ROLE_AGENT', publicJwk: JSON.stringify({ kty, crv, x, y }) });
    equal(keyed.secret, undefined);
    const keyedClient = { client_id: keyed.credential.keyId };
    let id = 'the same';
    const auth = oauth.PrivateKeyJwt(pair.privateKey, {
      [oauth.modifyAssertion]: (header, payload) => { payload.jti = id; },
    });
    equal((await grant(keyedClient, auth, 'client_credentials', {})).expires_in, 600);
    await refused('invalid_client', () => grant(keyedClient, auth, 'client_credentials', {}));
    id = 'another';
    equal((await grant(keyedClient, auth, 'client_credentials', {})).expires_in, 600);
    const elsewhere = oauth.PrivateKeyJwt(pair.privateKey, {
      [oauth.modifyAssertion]: (header, payload) => { payload.aud = `${http}/oauth2/token`; },
    });
    await refused('invalid_client', () => grant(keyedClient, elsewhere, 'client_credentials', {}));
  });
  await check('a wrong secret, or another client\'s, is refused', async () => {
    await refused('invalid_client', () => grant(
      client, oauth.ClientSecretBasic(`${agent.secret.slice(0, -2)}AA`), 'client_credentials', {}));
    await refused('invalid_client', () => grant(
      client, oauth.ClientSecretBasic(other.secret), 'client_credentials', {}));
    await refused('unsupported_grant_type', () => grant(client, basic, 'password', {}));
  });
  await check('an access token is what RFC 9068 says', async () => {
    const token = await grant(client, basic, 'client_credentials', {});
    const request = new Request(`${http}/`, { headers: { authorization: `Bearer ${token.access_token}` } });
    const claims = await oauth.validateJwtAccessToken(as, request, http, insecure);
    equal([claims.sub, claims.client_id, claims.tenant], ['agents/writer', client.client_id, 'acme']);
  });
  await check('token exchange: the user is the subject, the agent the actor', async () => {
    const token = await exchange(await userToken());
    equal(token.issued_token_type, ACCESS_TOKEN);
    const status = await introspect(token.access_token);
    equal([status.sub, status.act], ['user:kim@acme.test', { sub: 'agents/writer' }]);
    const opened = await open(token.access_token);
    equal([opened.status, opened.body.session?.onBehalfOf], [200, 'user:kim@acme.test']);
    equal((await open(token.access_token, { onBehalfOf: 'user:sam@acme.test' })).status, 400);
    equal((await open(token.access_token, { unattended: true })).status, 400);
  });
  await check('token exchange by the next agent nests the one before', async () => {
    const first = await exchange(await userToken());
    const otherClient = { client_id: other.credential.keyId };
    const otherSecret = oauth.ClientSecretBasic(other.secret);
    const next = (asking, secret, token) => grant(asking, secret, EXCHANGE, {
      subject_token: token.access_token, subject_token_type: ACCESS_TOKEN,
    });
    const second = await next(otherClient, otherSecret, first);
    equal(
      (await introspectAs(otherClient, otherSecret, second.access_token)).act,
      { sub: 'agents/reader', act: { sub: 'agents/writer' } });
    equal((await introspect(second.access_token)).active, false);
    await refused('invalid_request', () => next(client, basic, second));
  });
  await check('a subject token that is forged, for another, or past is refused', async () => {
    const past = Math.floor(Date.now() / 1000) - 60;
    const stranger = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const now = Math.floor(Date.now() / 1000);
    const tokens = [
      await userToken({ aud: 'elsewhere' }), await userToken({ aud: ['agentbudget', 'elsewhere'] }),
      await userToken({ exp: past }), await userToken({ iss: 'https://strangers.example.test' }),
      await userToken({ exp: undefined }), 'not a token',
      await sign(stranger.privateKey, 'users-1', {
        iss: TRUSTED, aud: 'agentbudget', email: 'kim@acme.test', iat: now, exp: now + 300,
      }),
    ];
    for (const token of tokens) await refused('invalid_request', () => exchange(token));
  });
  await check('a token for another resource is not taken here', async () => {
    const token = await grant(client, basic, 'client_credentials', { resource: 'https://tools.example.test' });
    equal((await open(token.access_token, { unattended: true })).status, 401);
    equal((await introspect(token.access_token)).active, false);
    await refused('invalid_target', () => grant(client, basic, 'client_credentials', { resource: 'not a uri' }));
  });
  await check('a bound token needs a proof of its key, made for the request, used once', async () => {
    const pair = await oauth.generateKeyPair('ES256');
    const dpop = oauth.DPoP(client, pair);
    const token = await grant(client, basic, 'client_credentials', {}, { DPoP: dpop });
    equal(token.token_type, 'dpop');
    const url = new URL(`${http}/v1/sessions`);
    const body = (id) => JSON.stringify({ requestId: id, useCase: 'useCases/promo', unattended: true });
    const headers = () => new Headers({ 'content-type': 'application/json' });
    let sent;
    const response = await oauth.protectedResourceRequest(
      token.access_token, 'POST', url, headers(), body(`dpop-${process.pid}`), {
        DPoP: dpop, ...insecure, [oauth.customFetch]: (to, init) => { sent = init; return fetch(to, init); },
      });
    equal(response.status, 200);
    equal((await fetch(url, { ...sent, body: body('replayed') })).status, 401);
    equal((await open(token.access_token, { unattended: true })).status, 401);
    const proofless = { ...headers(), 'content-type': 'application/json', authorization: `DPoP ${token.access_token}` };
    equal((await fetch(url, { method: 'POST', headers: proofless, body: body('none') })).status, 401);
    const thief = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
    const stolen = await oauth.protectedResourceRequest(
      token.access_token, 'POST', url, headers(), body('stolen'), { DPoP: thief, ...insecure }).catch((error) => error);
    equal(stolen.status ?? 401, 401);
  });
  await check('revocation ends a token at once, and says nothing of others', async () => {
    const token = (await grant(client, basic, 'client_credentials', {})).access_token;
    const otherClient = { client_id: other.credential.keyId };
    const otherSecret = oauth.ClientSecretBasic(other.secret);
    const foreign = (await grant(otherClient, otherSecret, 'client_credentials', {})).access_token;
    const revoke = async (one) => oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, basic, one, insecure));
    await revoke(token);
    await revoke(foreign);
    await revoke('not a token');
    equal((await introspect(token)).active, false);
    equal((await open(token, { unattended: true })).status, 401);
    equal((await introspectAs(otherClient, otherSecret, foreign)).active, true);
  });
  await check('revocation and introspection of a session\'s token', async () => {
    const opened = await open(agent.secret, { unattended: true });
    const token = opened.body.sessionToken;
    equal((await introspect(token)).session, opened.body.session.session);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, basic, token, insecure));
    equal((await introspect(token)).active, false);
  });
  await check('tokens outlive a change of the signing key for its overlap', async () => {
    const token = (await grant(client, basic, 'client_credentials', {})).access_token;
    const rotated = await call('signing-keys:rotate', { overlap: '3600s', reason: 'yearly' });
    equal(rotated.status, 200);
    const keys = (await (await fetch(as.jwks_uri)).json()).keys.map((key) => key.kid);
    equal(keys, [rotated.body.keyId, rotated.body.retiredKeyId]);
    equal((await introspect(token)).active, true);
    const fresh = (await grant(client, basic, 'client_credentials', {})).access_token;
    equal(JSON.parse(Buffer.from(fresh.split('.')[0], 'base64url')).kid, rotated.body.keyId);
    const ended = await call('signing-keys:rotate', { overlap: '0s', reason: 'leaked' });
    equal(ended.status, 200);
    equal((await introspect(fresh)).active, false);
    equal((await introspect(token)).active, true);
  });
  await check('a revoked credential takes its tokens along', async () => {
    const token = (await grant(client, basic, 'client_credentials', {})).access_token;
    await call(`${agent.credential.credential}:revoke`, { reason: 'leaked' });
    equal((await open(token, { unattended: true })).status, 401);
    await refused('invalid_client', () => grant(client, basic, 'client_credentials', {}));
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

const option = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
if (process.argv[2] === 'prepare') await prepare(process.argv[3]);
else await run(option('http'), option('key'), option('issuers'));
