// A silo of its own for a drill, and what speaks to it: JSON calls, OAuth, users' tokens of an issuer that it trusts.
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TRUSTED = 'https://users.example.test';
const READY_SECONDS_MAX = 60;
const SILO = 'artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll';
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT = 'urn:ietf:params:oauth:token-type:jwt';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A compact token of a header and claims, by a private key of P-256. */
export function signToken(header, claims, key) {
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = signBytes('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** The header and the claims of a token, not checked. */
export function readToken(token) {
  return token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

async function freeAddress() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return `127.0.0.1:${port}`;
}

/** A silo with its data in a folder that goes with it. */
export class Silo {
  #requests = 0;
  #process;
  #log = '';

  /** Starts one with a catalog, which trusts an issuer of users' tokens for the tenant acme. */
  static async start(catalog) {
    const silo = new Silo();
    silo.folder = mkdtempSync(join(tmpdir(), 'agentbudget-drill-'));
    silo.users = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const path = (name) => join(silo.folder, name);
    writeFileSync(path('catalog.yaml'), catalog);
    writeFileSync(path('users.json'), JSON.stringify({
      keys: [{ ...silo.users.publicKey.export({ format: 'jwk' }), kid: 'users-1' }],
    }));
    writeFileSync(path('issuers.json'), JSON.stringify([
      { issuer: TRUSTED, jwks: 'users.json', audience: 'agentbudget', tenant: 'acme' },
    ]));
    const http = await freeAddress();
    silo.url = `http://${http}`;
    silo.#process = spawn('dotnet', [
      SILO, '--data', path('data'), '--http', http, '--grpc', await freeAddress(), '--catalog', path('catalog.yaml'),
      '--trusted-issuers', path('issuers.json'),
    ]);
    for (const out of [silo.#process.stdout, silo.#process.stderr]) out.on('data', (text) => { silo.#log += text; });
    await silo.#untilReady();
    silo.adminKey = readFileSync(path('data/admin.key'), 'utf8').trim();
    return silo;
  }

  async #untilReady() {
    for (let waited = 0; waited < READY_SECONDS_MAX * 10; waited += 1) {
      if (this.#process.exitCode !== null) break;
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) return;
      await new Promise((done) => { setTimeout(done, 100); });
    }
    await this.stop();
    throw new Error(`the silo is not ready: ${this.#log}`);
  }

  get pid() {
    return this.#process.pid;
  }

  /** What it said so far. */
  get log() {
    return this.#log;
  }

  nextId() {
    this.#requests += 1;
    return `drill-${process.pid}-${this.#requests}`;
  }

  /** A call by JSON: as the operator, or with another secret or token. */
  async call(route, body, bearer = this.adminKey, headers = {}, method = body === undefined ? 'GET' : 'POST') {
    const response = await fetch(`${this.url}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        ...(this.tenant !== undefined && bearer === this.adminKey ? { 'agentbudget-tenant': this.tenant } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: JSON.parse(await response.text() || '{}') };
  }

  /** The same for a request that has an id; its answer, which must be a good one. */
  async act(route, body, bearer, headers) {
    const answer = await this.call(route, { requestId: this.nextId(), ...body }, bearer, headers);
    if (answer.status !== 200) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  credential(principal, role = 'ROLE_AGENT', more = {}) {
    return this.act('/v1/credentials', { principal, role, ...more });
  }

  /** Asks an endpoint of OAuth, as the client whose credential it is. */
  async oauth(endpoint, form, client) {
    const response = await fetch(`${this.url}/oauth2/${endpoint}`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: client.credential.keyId, client_secret: client.secret, ...form }),
    });
    return { status: response.status, body: JSON.parse(await response.text() || '{}') };
  }

  async accessToken(client) {
    return (await this.oauth('token', { grant_type: 'client_credentials' }, client)).body.access_token;
  }

  exchange(client, token, type) {
    return this.oauth('token', { grant_type: EXCHANGE, subject_token: token, subject_token_type: type }, client);
  }

  /** The access token that an agent is given for a user. */
  async exchangeFor(client, user) {
    const now = nowSeconds();
    const claims = { iss: TRUSTED, aud: 'agentbudget', sub: user, iat: now, exp: now + 300 };
    const token = signToken({ alg: 'ES256', typ: 'JWT', kid: 'users-1' }, claims, this.users.privateKey);
    return (await this.exchange(client, token, JWT)).body.access_token;
  }

  open(bearer, more = {}) {
    return this.act('/v1/sessions', { useCase: 'useCases/promo', ...more }, bearer);
  }

  /** Holds tokens in a session: its answer, whatever it is. */
  reserve(token, bearer = token, inputTokens = '1000') {
    return this.call('/v1/reservations', {
      requestId: this.nextId(), sessionToken: token, model: 'm', estimate: { inputTokens, maxOutputTokens: '0' },
    }, bearer);
  }

  /** The ledger as an auditor exports it, but for what the silo tells of itself: where credentials are used. */
  async events(bearer = this.adminKey) {
    const headers = { authorization: `Bearer ${bearer}` };
    const response = await fetch(`${this.url}/audit.jsonl?all=true`, { headers });
    return (await response.text()).trim().split('\n').map((line) => JSON.parse(line))
      .filter((event) => event.credentialsUsed === undefined);
  }

  /** Settles what is held. */
  commit(token, reservation, inputTokens, bearer = token) {
    return this.call(`/v1/reservations/${reservation}:commit`, {
      requestId: this.nextId(), sessionToken: token, usage: { inputTokens },
    }, bearer);
  }

  async stop() {
    if (this.#process.exitCode === null) {
      const ended = new Promise((done) => { this.#process.once('exit', done); });
      this.#process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Checks that count; each is a fact. */
export class Checks {
  #failed = 0;
  #passed = 0;

  that(fact, isTrue, seen = '') {
    if (isTrue) this.#passed += 1;
    else this.#failed += 1;
    console.log(`${isTrue ? 'ok   ' : 'FAIL '} ${fact}${isTrue || seen === '' ? '' : `: ${JSON.stringify(seen)}`}`);
  }

  equal(fact, expected, actual) {
    const [wanted, seen] = [JSON.stringify(expected), JSON.stringify(actual)];
    this.that(`${fact}`, wanted === seen, `expected ${wanted}, got ${seen}`);
  }

  /** Says how many there were, and ends the process with whether one failed. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed > 0 || this.#passed === 0 ? 1 : 0;
  }
}

/** Builds the silo, unless it is built already. */
export function build() {
  execFileSync('dotnet', ['build', 'src/AgentBudget.Silo', '-c', 'Release', '--verbosity', 'quiet', '--nologo'], {
    stdio: 'inherit',
  });
}

export const CATALOG = `
tenant: acme
currency: USD
businessUnits:
  - { id: marketing }
useCases:
  - { id: promo, businessUnit: marketing, budget: { limit: 1000, period: none } }
agents:
  - { id: writer, businessUnit: marketing, useCases: [promo], models: [m], tools: [crm.read],
      delegates: { agents: [reader] } }
  - { id: reader, businessUnit: marketing, useCases: [promo], models: [m], tools: [crm.read] }
prices:
  - { model: m, effectiveFrom: 2026-01-01, contextTokens: 1000000, maxOutputTokens: 100000,
      rates: { input: 1.00, output: 1.00 } }
`;
