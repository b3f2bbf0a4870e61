// Runs page.mjs in a headless Chromium against a silo. Bundles it with generated code, serves it from an origin of its
// own, and prints what it posts back: a line for each protocol, then "N passed, N failed".
// Usage: node browser.mjs --page <host:port to serve at> --silo <url> --key <file> --generated <folder of the code>
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const PATIENCE_MILLISECONDS = 60_000; // A browser starts slowly on a busy machine; the page itself takes a second.
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];
const PROTOCOLS = 2;

const { values: given } = parseArgs({
  options: {
    page: { type: 'string' }, silo: { type: 'string' }, key: { type: 'string' }, generated: { type: 'string' },
  },
});
const here = import.meta.dirname;
const bundle = await build({
  entryPoints: [path.join(here, 'page.mjs')],
  bundle: true,
  write: false,
  format: 'esm',
  alias: { generated: path.resolve(given.generated) },
  nodePaths: [path.join(here, 'node_modules')],
});

let post;
const result = new Promise((resolve) => (post = resolve));
const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    let text = '';
    for await (const part of request) text += part;
    post(text);
    response.end();
  } else if (request.url === '/page.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(bundle.outputFiles[0].text);
  } else {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<script type="module" src="/page.js"></script>');
  }
});
const [host, port] = given.page.split(':');
server.listen(Number(port), host);
await once(server, 'listening');

const profile = mkdtempSync(path.join(tmpdir(), 'agentbudget-browser-'));
const hash = new URLSearchParams({ silo: given.silo, key: readFileSync(given.key, 'utf8').trim() });
const browser = spawn(CHROMIUM, [
  ...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`, `http://${given.page}/#${hash}`,
], { stdio: 'ignore' });
const exited = once(browser, 'exit');
const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MILLISECONDS, 'browser\tnothing came back').unref());
const died = exited.then(([code]) => `browser\tended with code ${code}`);
const lines = (await Promise.race([result, late, died])).split('\n');
browser.kill();
await exited;
// Its helpers may still write for a moment; what they leave then is the system's temporary files' to clear.
for (let tries = 0; tries < 50; tries++) {
  try {
    rmSync(profile, { recursive: true, force: true });
    break;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
server.close();

for (const line of lines) console.log(`browser, ${line}`);
const passed = lines.filter((line) => line.endsWith('\tok')).length;
console.log(`${passed} passed, ${Math.max(lines.length, PROTOCOLS) - passed} failed`);
process.exit(0);
