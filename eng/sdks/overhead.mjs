// What the gateway adds to an upstream that takes 200 ms: whole calls, and the first byte of streams, at a steady rate and
// side by side with the same calls made directly.
//
//   node overhead.mjs --http URL --gateway URL --upstream HOST:PORT --key FILE [--rate 200] [--seconds 20]
import { Agent, createServer, request } from 'node:http';
import { parseArgs } from 'node:util';
import { Silo } from './silo.mjs';

const UPSTREAM_MS = 200;

const { values: options } = parseArgs({
  options: {
    http: { type: 'string' }, gateway: { type: 'string' }, upstream: { type: 'string' }, key: { type: 'string' },
    rate: { type: 'string', default: '200' }, seconds: { type: 'string', default: '20' },
  },
});
const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 };
const whole = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'x' } }], usage });
const first = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x' } }] })}\n\n`;
const rest = `data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`;

const server = createServer(async (call, answer) => {
  let body = '';
  for await (const piece of call) body += piece;
  setTimeout(() => {
    if (!body.includes('"stream":true')) {
      answer.writeHead(200, { 'content-type': 'application/json' }).end(whole);
      return;
    }
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    answer.write(first);
    setTimeout(() => answer.end(rest), 20);
  }, UPSTREAM_MS);
});
const [host, port] = options.upstream.split(':');
await new Promise((resolve) => server.listen(Number(port), host, resolve));

const silo = new Silo(options.http, options.key);
const tokens = await Promise.all(Array.from({ length: 20 }, () => silo.open()));
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

function call(address, token, isStream) {
  const body = JSON.stringify({
    model: 'fake', max_completion_tokens: 100, stream: isStream, messages: [{ role: 'user', content: 'Hi' }],
  });
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const sent = request(`${address}/v1/chat/completions`, {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
      },
    }, (answer) => {
      let firstByte = 0;
      answer.on('data', () => { firstByte ||= performance.now() - start; });
      answer.on('end', () => (answer.statusCode === 200
        ? resolve({ firstByte, whole: performance.now() - start })
        : reject(new Error(`status ${answer.statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

// Calls at a steady rate, whether the ones before have ended or not.
async function measure(isStream, seconds) {
  const times = { direct: [], gateway: [] };
  const calls = [];
  const count = Number(options.rate) * seconds;
  const start = performance.now();
  for (let i = 0; i < count; i += 1) {
    const due = start + (i * 1000) / Number(options.rate);
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    calls.push(call(options.gateway, tokens[i % tokens.length], isStream).then((time) => times.gateway.push(time)));
    // The direct ones are few: they are there to compare with, not to load the machine.
    if (i % 5 === 0) {
      calls.push(call(`http://${options.upstream}`, 'x', isStream).then((time) => times.direct.push(time)));
    }
  }
  await Promise.all(calls);
  return times;
}

function quantile(times, what, share) {
  const sorted = times.map((time) => time[what]).toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)];
}

await measure(false, 3); // Connections are opened and code is compiled.
for (const [isStream, what] of [[false, 'whole'], [true, 'firstByte']]) {
  const { direct, gateway } = await measure(isStream, Number(options.seconds));
  for (const share of [0.5, 0.99]) {
    const [without, having] = [quantile(direct, what, share), quantile(gateway, what, share)];
    console.log(`${what} p${share * 100}: ${without.toFixed(1)} ms directly, ${having.toFixed(1)} ms through the gateway, `
      + `${(having - without).toFixed(1)} ms added (${gateway.length} calls)`);
  }
}
server.closeAllConnections();
server.close();
agent.destroy();
