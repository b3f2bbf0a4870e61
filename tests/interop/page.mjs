// What runs in the browser: reserves, watches the ledger through a stream, and posts what it found to where the page came
// from. That is another origin than the silo's, so every call passes the browser's checks.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { BudgetService } from 'generated/agentbudget/v1/budget_service_pb.js';
import { SessionService } from 'generated/agentbudget/v1/session_service_pb.js';
import { SpendService } from 'generated/agentbudget/v1/spend_service_pb.js';
import { Decision } from 'generated/agentbudget/v1/decisions_pb.js';

const PATIENCE_MILLISECONDS = 10_000; // Far beyond what a call takes, so that only a hang reaches it.

const given = new URLSearchParams(location.hash.slice(1));

// The bearer is set by the page itself: the silo never takes the browser's own credentials.
const authorization = `Bearer ${given.get('key')}`;

function check(isTrue, what) {
  if (!isTrue) throw new Error(what);
}

// What both protocols do. A client opens, reserves, watches, and says how it was refused.
async function run(name, client) {
  const requestId = `${name}-${crypto.randomUUID()}`;
  const { sessionToken } = await client.open({
    requestId, agent: 'agents/agent', useCase: 'useCases/wide', task: 'browser', unattended: true,
  });
  const request = { requestId, sessionToken, model: 'model' };
  await client.reserve(request);

  const leaving = new AbortController();
  const late = setTimeout(() => leaving.abort('no hold in the stream'), PATIENCE_MILLISECONDS);
  const tokens = await client.watchUntilHeld(requestId, leaving.signal);
  check(tokens === 2000, `tokens ${tokens}`); // Input, and the most that the catalog says of output.
  clearTimeout(late);
  leaving.abort();

  const refusal = await client.refusalOf({ ...request, model: '' });
  check(refusal === Code.InvalidArgument, `refused with ${refusal}`);
}

function grpcWeb() {
  const authorize = (next) => (request) => {
    request.header.set('authorization', authorization);
    return next(request);
  };
  const transport = createGrpcWebTransport({ baseUrl: given.get('silo'), interceptors: [authorize] });
  const [budget, session, spend] = [BudgetService, SessionService, SpendService].map(
    (service) => createClient(service, transport));
  const reserve = (request) => budget.reserveTokens({ ...request, estimate: { inputTokens: 1000n } });
  return {
    open: (request) => session.openSession(request),
    async reserve(request) {
      const { decision, reservation } = await reserve(request);
      check(decision === Decision.ALLOW && reservation.reservationId, `decision ${decision}`);
    },
    async watchUntilHeld(requestId, signal) {
      for await (const { message } of spend.watchSpend({ fromSequence: 1n }, { signal })) {
        const event = message.case === 'event' ? message.value : undefined;
        if (event?.fact.case === 'reservationHeld' && event.requestId === requestId)
          return Number(event.fact.value.tokens);
      }
      throw new Error('the stream ended');
    },
    async refusalOf(request) {
      const refused = await reserve(request).catch((error) => error);
      check(refused instanceof ConnectError, `answered ${refused}`);
      return refused.code;
    },
  };
}

function json() {
  const send = (path, options) => fetch(given.get('silo') + path, {
    ...options, headers: { authorization, 'content-type': 'application/json' },
  });
  const post = async (path, body) => {
    const response = await send(path, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  };
  const reserve = (request) => post('/v1/reservations', { ...request, estimate: { inputTokens: '1000' } });
  return {
    async open(request) {
      const { status, answer } = await post('/v1/sessions', request);
      check(status === 200, `opening answered ${status} ${JSON.stringify(answer)}`);
      return answer;
    },
    async reserve(request) {
      const { answer } = await reserve(request);
      check(
        answer.decision === 'DECISION_ALLOW' && answer.reservation.reservationId, `answered ${JSON.stringify(answer)}`);
    },
    // A stream is one message a line.
    async watchUntilHeld(requestId, signal) {
      const { body } = await send('/v1/spend:watch?fromSequence=1', { signal });
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ''; ; ) {
        const { done, value } = await reader.read();
        check(!done, 'the stream ended');
        const lines = (text + value).split('\n');
        text = lines.pop();
        for (const line of lines.filter((each) => each.trim() !== '')) {
          const { event } = JSON.parse(line);
          if (event?.reservationHeld && event.requestId === requestId)
            return Number(event.reservationHeld.tokens);
        }
      }
    },
    async refusalOf(request) {
      const { status, answer } = await reserve(request);
      check(status === 400, `answered ${status} ${JSON.stringify(answer)}`);
      return answer.code;
    },
  };
}

const lines = [];
for (const [name, make] of Object.entries({ 'gRPC-Web': grpcWeb, 'JSON': json })) {
  lines.push(await run(name, make()).then(() => `${name}\tok`, (failure) => `${name}\t${failure}`));
}
await fetch('/result', { method: 'POST', body: lines.join('\n') });
