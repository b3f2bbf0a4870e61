// A credential of an agent was stolen, and used in every way that there is: by its secret, by access tokens, for a
// user, by a subagent, and by the next agent of a chain. One call revokes it. The very next call of each of them is
// refused, what was held is settled still, nobody else notices, and a report lists what it did and what that cost.
import { ACCESS_TOKEN, CATALOG, Checks, Silo, build } from './silo.mjs';

if (!process.argv.includes('--no-build')) build();
const checks = new Checks();
const silo = await Silo.start(CATALOG);
try {
  const stolen = await silo.credential('agents/writer');
  const sound = await silo.credential('agents/writer');
  const reader = await silo.credential('agents/reader');
  const auditor = await silo.credential('deloitte', 'ROLE_AUDITOR');

  // What the thief does.
  const bearer = await silo.accessToken(stolen);
  const kim = await silo.exchangeFor(stolen, 'kim');
  const handedOn = (await silo.exchange(reader, kim, ACCESS_TOKEN)).body.access_token;
  const ways = [
    ['its secret', stolen.secret, await silo.open(stolen.secret, { unattended: true })],
    ['its access token', bearer, await silo.open(bearer, { unattended: true })],
    ['a token for a user', kim, await silo.open(kim)],
    ['a token that another agent exchanged', handedOn, await silo.open(handedOn)],
  ];
  const parent = ways[0][2].sessionToken;
  ways.push(['a subagent', parent, await silo.open(parent, { agent: 'agents/reader' })]);
  const bystander = await silo.open(sound.secret, { unattended: true });
  const held = [];
  for (const [way, , opened] of ways) {
    const spent = (await silo.reserve(opened.sessionToken)).body.reservation;
    await silo.commit(opened.sessionToken, spent.reservationId, '1000');
    const answer = await silo.reserve(opened.sessionToken);
    checks.equal(`it spends with ${way}`, 'DECISION_ALLOW', answer.body.decision);
    const shown = await silo.oauth('introspect', { token: opened.sessionToken }, auditor);
    checks.equal(`its session by ${way} is active`, true, shown.body.active);
    held.push(answer.body.reservation.reservationId);
  }
  await silo.reserve(bystander.sessionToken);

  // One act.
  await silo.act(`/v1/${stolen.credential.credential}:revoke`, { reason: 'stolen' });

  for (const [way, shown, opened] of ways) {
    const token = opened.sessionToken;
    const refusal = await silo.reserve(token);
    checks.equal(`no more with ${way}`, 'REASON_SESSION_REVOKED', refusal.body.denial?.reason);
    const again = await silo.call('/v1/sessions', {
      requestId: silo.nextId(), useCase: 'useCases/promo', unattended: true,
    }, shown);
    checks.that(`it opens nothing with ${way}`, again.status === 401 || again.status === 400, again);
    const renewed = await silo.call('/v1/sessions:renew', { requestId: silo.nextId() }, token);
    checks.that(`what it opened with ${way} is not renewed`, renewed.status === 400, renewed);
    const below = await silo.call('/v1/sessions', { requestId: silo.nextId() }, token);
    checks.that(`what it opened with ${way} opens nothing`, below.status === 400, below);
    const active = await silo.oauth('introspect', { token }, auditor);
    checks.equal(`its session by ${way} is not active`, { active: false }, active.body);
  }
  for (const token of [bearer, kim, handedOn]) {
    const shown = await silo.oauth('introspect', { token }, auditor);
    checks.equal('its token is not active', { active: false }, shown.body);
    for (const client of [sound, reader])
      checks.equal('its token is not exchanged', 400, (await silo.exchange(client, token, ACCESS_TOKEN)).status);
  }
  const granted = await silo.oauth('token', { grant_type: 'client_credentials' }, stolen);
  checks.equal('it is no client', 401, granted.status);
  for (const [at, [way, , opened]] of ways.entries()) {
    const settled = await silo.commit(opened.sessionToken, held[at], '500', silo.adminKey);
    checks.equal(`what was held with ${way} is settled`, 200, settled.status);
  }

  // Nobody else notices.
  const beside = await silo.reserve(bystander.sessionToken);
  checks.equal('a session of the same agent goes on', 'DECISION_ALLOW', beside.body.decision);
  await silo.open(sound.secret, { unattended: true });

  // The report: what it did, and what that cost.
  const listed = await silo.call(
    `/v1/sessions?credential=${stolen.credential.credential}`, undefined, auditor.secret);
  const names = listed.body.sessions.map((session) => session.session).sort();
  checks.equal('all its sessions are listed', ways.map(([, , opened]) => opened.session.session).sort(), names);
  console.log('session      agent            for        state            settled');
  let total = 0;
  for (const session of listed.body.sessions) {
    const cost = Number(session.settled?.cost?.nanos ?? 0) + 1e9 * Number(session.settled?.cost?.units ?? 0);
    if (session.parent === undefined) total += cost; // What is below is in it.
    console.log([
      session.session.padEnd(12), session.agent.padEnd(16), (session.onBehalfOf ?? 'nobody').padEnd(10),
      session.state.padEnd(16), `${cost} nanos`,
    ].join(' '));
  }
  checks.equal('they are all revoked', ['STATE_REVOKED'], [...new Set(listed.body.sessions.map((one) => one.state))]);
  checks.equal('that is what it spent, before and after', ways.length * 1_500_000, total);
  const lines = await silo.events(auditor.secret);
  const acts = lines.filter((line) => names.includes(line.spender?.session));
  const settled = acts.filter((line) => line.reservationSettled !== undefined).length;
  const holds = acts.filter((line) => line.reservationHeld !== undefined).length;
  checks.equal('the export has each of its holds', 2 * ways.length, holds);
  checks.that('the export has what it settled', settled >= ways.length, settled);
  const review = await silo.call('/v1/reports/access-review', undefined, auditor.secret);
  const isReviewed = JSON.stringify(review.body).includes(`"${stolen.credential.credential}"`);
  checks.equal('the review has it no more', false, isReviewed);
  checks.that('no secret is in what the silo said', !/ab[agkmofuw]_acme|eyJ[A-Za-z0-9_-]{20}/.test(silo.log));
} finally {
  await silo.stop();
}
checks.end();
