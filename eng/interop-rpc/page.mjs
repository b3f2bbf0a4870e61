// What runs in the browser: reserves through generated code, watches the ledger through a stream, and posts what it
// found to where the page came from. That is another origin than the silo's, so every call passes the browser's checks.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { BudgetService, Decision } from 'generated/agentbudget/v1/budget_service_pb.js';
import { SessionService } from 'generated/agentbudget/v1/session_service_pb.js';
import { SpendService } from 'generated/agentbudget/v1/spend_service_pb.js';

const PATIENCE_MILLISECONDS = 10_000; // Far beyond what a call takes, so that only a hang reaches it.

const given = new URLSearchParams(location.hash.slice(1));

// The bearer is set by the page itself: the silo never takes the browser's own credentials.
const authorize = (next) => (request) => {
  request.header.set('authorization', `Bearer ${given.get('key')}`);
  return next(request);
};

const transports = {
  'Connect, proto': createConnectTransport,
  'Connect, JSON': (options) => createConnectTransport({ ...options, useBinaryFormat: false }),
  'gRPC-Web': createGrpcWebTransport,
};

function check(isTrue, what) {
  if (!isTrue) throw new Error(what);
}

// Waits for the hold of one reservation among the events, and leaves the stream.
async function watchUntilHeld(client, reservationId, signal) {
  for await (const { message } of client.watchSpend({ fromSequence: 1n }, { signal })) {
    const event = message.case === 'event' ? message.value : undefined;
    if (event?.fact.case === 'reservationHeld' && `r${event.sequence}` === reservationId) return event;
  }
  throw new Error('the stream ended');
}

async function run(name, make) {
  const transport = make({ baseUrl: given.get('silo'), interceptors: [authorize] });
  const budget = createClient(BudgetService, transport);
  const id = `${name}-${crypto.randomUUID()}`;
  const { sessionToken } = await createClient(SessionService, transport).openSession({
    requestId: id, agent: 'agents/agent', useCase: 'useCases/wide', task: 'browser', unattended: true,
  });
  const request = { requestId: id, sessionToken, model: 'model', estimate: { inputTokens: 1000n } };
  const reserved = await budget.reserveTokens(request);
  check(reserved.decision === Decision.ALLOW, `decision ${reserved.decision}`);

  const leaving = new AbortController();
  const late = setTimeout(() => leaving.abort('no hold in the stream'), PATIENCE_MILLISECONDS);
  const held = await watchUntilHeld(
    createClient(SpendService, transport), reserved.reservation.reservationId, leaving.signal);
  check(held.fact.value.tokens === 1000n, `tokens ${held.fact.value.tokens}`);
  clearTimeout(late);
  leaving.abort();

  const refused = await budget.reserveTokens({ ...request, model: '' }).catch((error) => error);
  check(refused instanceof ConnectError && refused.code === Code.InvalidArgument, `error ${refused}`);
}

const lines = [];
for (const [name, make] of Object.entries(transports)) {
  lines.push(await run(name, make).then(() => `${name}\tok`, (failure) => `${name}\t${failure}`));
}
await fetch('/result', { method: 'POST', body: lines.join('\n') });
