// The conformance suite and the inspector of the Model Context Protocol, unchanged, before the gateway and a server
// behind it. The suite has no key to show, so a forwarder adds one. Ends with "N passed, N failed".
//
//   node run.mjs --http URL --gateway HOST:PORT --upstream HOST:PORT --key FILE --folder DIR [--short]
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { check, finish, holds } from '../sdks/checks.mjs';
import { Silo } from '../sdks/silo.mjs';
import { serve } from './server.mjs';

const RUN_MS_MAX = 120_000;
const programs = fileURLToPath(new URL('node_modules/.bin/', import.meta.url));
const { values: options } = parseArgs({
  options: {
    http: { type: 'string' }, gateway: { type: 'string' }, upstream: { type: 'string' }, key: { type: 'string' },
    folder: { type: 'string' }, short: { type: 'boolean' },
  },
});
const silo = new Silo(options.http, options.key);
// Passes every byte on, with a session's token.
async function withKey(token) {
  const [host, port] = options.gateway.split(':');
  const forwarder = createServer((from, to) => {
    const headers = { ...from.headers, authorization: `Bearer ${token}` };
    const onward = send({ host, port, method: from.method, path: from.url, headers }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      to.flushHeaders();
      answer.on('error', () => to.destroy()).pipe(to);
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => onward.destroy());
    from.pipe(onward);
  });
  await new Promise((resolve) => { forwarder.listen(0, '127.0.0.1', resolve); });
  return forwarder;
}

async function program(name, parts) {
  try {
    // The inspector looks for its package from where it is started, and finds it from here.
    const settings = { timeout: RUN_MS_MAX, cwd: import.meta.dirname };
    return await promisify(execFile)('node', [join(programs, name), ...parts], settings);
  } catch (error) {
    return { stdout: error.stdout, stderr: error.stderr, code: error.code };
  }
}

// What the suite found, by scenario: its checks, each with an id and a status.
async function conformance(name, url, parts = ['--suite', 'all']) {
  const folder = join(options.folder, name);
  mkdirSync(folder);
  const { stdout, stderr } = await program('conformance', ['server', '--url', url, ...parts, '-o', folder]);
  const found = new Map();
  for (const run of readdirSync(folder)) {
    const scenario = run.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(readFileSync(join(folder, run, 'checks.json')));
    found.set(scenario, checks.filter(({ status }) => status !== 'INFO'));
  }
  holds(found.size > 0, `${stdout}${stderr}`);
  return found;
}

const told = (checks = []) =>
  checks.map(({ id, status, errorMessage = '' }) => `${id} ${status} ${errorMessage}`).join('; ');

async function checkAll(name, found, expected) {
  for (const [scenario, checks] of [...found].toSorted()) {
    await check(`${name}: ${scenario}`, () => {
      holds(checks.length > 0 && checks.every(({ status }) => status !== 'FAILURE'), told(checks));
      const alone = expected?.get(scenario);
      const statuses = (list) => list.map(({ id, status }) => `${id} ${status}`).join();
      holds(!alone || statuses(alone) === statuses(checks), `${told(checks)}; without a gateway ${told(alone)}`);
    });
  }
}

const behind = await serve(options.upstream);
const token = await silo.open();
const forwarder = await withKey(token);
const through = `http://127.0.0.1:${forwarder.address().port}`;

const alone = options.short ? undefined : await conformance('alone', `http://${options.upstream}/mcp`);
const proxied = await conformance('proxied', `${through}/mcp/web`);
await checkAll('streamable HTTP', proxied, alone);
if (alone) {
  await check('the server itself conforms, and the gateway leaves no scenario out', () => {
    holds([...alone.values()].flat().every(({ status }) => status === 'SUCCESS'), 'it does not');
    holds([...alone.keys()].toSorted().join() === [...proxied.keys()].toSorted().join(), [...proxied.keys()].join());
  });
  // A program has no streams to resume, so the two scenarios of streams say less.
  await checkAll('a program', await conformance('program', `${through}/mcp/program`));
  const own = new Map();
  for (const scenario of ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection']) {
    for (const [name, checks] of await conformance(`own-${scenario}`, `${through}/mcp`, ['--scenario', scenario])) {
      own.set(name, checks);
    }
  }
  await checkAll('the gateway\'s own server', own);
}

// The inspector shows a key itself.
async function inspect(path, key, ...parts) {
  const { stdout, stderr, code } = await program('mcp-inspector-cli', [
    '--cli', `http://${options.gateway}${path}`, '--transport', 'http', '--header', `Authorization: Bearer ${key}`,
    ...parts,
  ]);
  return code ? { error: `${stdout}${stderr}` } : JSON.parse(stdout);
}

for (const server of options.short ? ['web'] : ['web', 'program']) {
  await check(`inspector: ${server}: a tool out of scope is not in the list`, async () => {
    const { tools, error } = await inspect(`/mcp/${server}`, token, '--method', 'tools/list');
    holds(tools?.some(({ name }) => name === 'test_simple_text'), error);
    holds(!tools.some(({ name }) => name === 'hidden'), 'it is there');
  });
  await check(`inspector: ${server}: and is refused when it is called`, async () => {
    const { error } = await inspect(`/mcp/${server}`, token, '--method', 'tools/call', '--tool-name', 'hidden');
    holds(/403|scope|not found/i.test(error ?? ''), JSON.stringify(error));
  });
  await check(`inspector: ${server}: a call, a resource and a prompt are answered`, async () => {
    const called = await inspect(
      `/mcp/${server}`, token, '--method', 'tools/call', '--tool-name', 'test_simple_text');
    holds(called.content?.[0].text.startsWith('This is a simple'), JSON.stringify(called));
    const read = await inspect(`/mcp/${server}`, token, '--method', 'resources/read', '--uri', 'test://static-text');
    holds(read.contents?.[0].text.startsWith('This is the content'), JSON.stringify(read));
    const prompt = await inspect(
      `/mcp/${server}`, token, '--method', 'prompts/get', '--prompt-name', 'test_prompt_with_arguments',
      '--prompt-args', 'arg1=a', 'arg2=b');
    holds(prompt.messages?.[0].content.text === "Prompt with arguments: arg1='a', arg2='b'", JSON.stringify(prompt));
  });
}

await check('inspector: a call that has a price is settled once', async () => {
  const priced = await silo.open();
  await inspect('/mcp/web', priced, '--method', 'tools/call', '--tool-name', 'test_image_content');
  holds(await silo.cost(priced) === 10_000_000, `it cost ${await silo.cost(priced)}`);
});
await check('inspector: the gateway\'s own server says what is left', async () => {
  const left = await inspect('/mcp', token, '--method', 'tools/call', '--tool-name', 'budget_left');
  holds(left.structuredContent?.grains?.[0].grain.startsWith('sessions/'), JSON.stringify(left));
});
await check('inspector: a key that is none is refused', async () => {
  const { error } = await inspect('/mcp/web', `${token.slice(0, -8)}AAAAAAAA`, '--method', 'tools/list');
  holds(/SESSION_TOKEN_INVALID/.test(error ?? ''), JSON.stringify(error));
});

forwarder.closeAllConnections();
forwarder.close();
behind.closeAllConnections();
behind.close();
finish();
