// Runs command line agents on sessions of a silo, and looks at how they end.
//
//   node run.mjs --http URL --gateway URL --key FILE --folder FOLDER [--only NAME,NAME]
//
// Ends with "N passed, N failed".
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check, count, finish, holds } from '../sdks/checks.mjs';
import { Silo } from '../sdks/silo.mjs';

const PATIENCE_MS = 120_000;

const { values: options } = parseArgs({
  options: {
    http: { type: 'string' }, gateway: { type: 'string' }, key: { type: 'string' }, folder: { type: 'string' },
    only: { type: 'string' },
  },
});
const silo = new Silo(options.http, options.key);
const programs = join(import.meta.dirname, 'node_modules', '.bin');

// Runs a program in a home of its own, and answers its code and all that it said.
function run(name, words, variables, prepare = () => {}) {
  const home = join(options.folder, `${name}-${count()}`);
  mkdirSync(home, { recursive: true });
  prepare(home);
  return new Promise((resolve, reject) => {
    const child = spawn(join(programs, name), words, {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
    });
    let said = '';
    child.stdout.on('data', (piece) => { said += piece; });
    child.stderr.on('data', (piece) => { said += piece; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said }));
  });
}

const clis = {
  claude: {
    loop: 'demo:loop Bash {"command":"true","description":"nothing"}',
    cap: 900_000_000,
    run: (token, prompt) => run('claude', ['-p', prompt, '--allowedTools', 'Bash'], {
      ANTHROPIC_BASE_URL: options.gateway,
      ANTHROPIC_AUTH_TOKEN: token,
      ANTHROPIC_MODEL: 'demo',
      ANTHROPIC_DEFAULT_HAIKU_MODEL: 'demo',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    }),
  },
  gemini: {
    loop: 'demo:loop run_shell_command {"command":"true"}',
    cap: 60_000_000, // Below what it takes it to find out by itself that it runs in a circle.
    run: (token, prompt) => run('gemini', ['-m', 'demo', '--yolo', '-p', prompt], {
      GOOGLE_GEMINI_BASE_URL: options.gateway,
      GEMINI_API_KEY: token,
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    }, (home) => {
      mkdirSync(join(home, '.gemini'));
      writeFileSync(join(home, '.gemini', 'settings.json'), JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
        general: { disableAutoUpdate: true },
      }));
    }),
  },
  copilot: {
    loop: 'demo:loop bash {"command":"true","description":"nothing"}',
    cap: 300_000_000,
    run: (token, prompt) => run('copilot', ['-p', prompt, '--allow-all-tools'], {
      COPILOT_PROVIDER_BASE_URL: `${options.gateway}/v1`,
      COPILOT_PROVIDER_TYPE: 'openai',
      COPILOT_PROVIDER_API_KEY: token,
      COPILOT_MODEL: 'demo',
    }),
  },
  codex: {
    loop: 'demo:loop exec_command {"cmd":"true"}',
    cap: 300_000_000,
    run: (token, prompt) => run(
      'codex',
      ['exec', '--skip-git-repo-check', '--sandbox', 'danger-full-access', prompt],
      { AGENTBUDGET_TOKEN: token },
      (home) => {
        mkdirSync(join(home, '.codex'));
        writeFileSync(join(home, '.codex', 'config.toml'), [
          'model = "demo"',
          'model_provider = "agentbudget"',
          '[model_providers.agentbudget]',
          'name = "AgentBudget"',
          `base_url = "${options.gateway}/v1"`,
          'env_key = "AGENTBUDGET_TOKEN"',
          'wire_api = "responses"',
          '',
        ].join('\n'));
      },
    ),
  },
};

const only = options.only?.split(',');
for (const [name, cli] of Object.entries(clis)) {
  if (only && !only.includes(name)) continue;
  await check(`${name}: one task`, async () => {
    const token = await silo.open();
    const { code, said } = await cli.run(token, 'Say something.');
    holds(code === 0 && said.includes('demo model of AgentBudget'), `code ${code}: ${said}`);
    holds(await silo.settled(token) > 0, 'nothing was settled');
  });

  await check(`${name}: a loop stops at the cap with our message`, async () => {
    const token = await silo.open(cli.cap);
    const start = performance.now();
    const { code, said } = await cli.run(token, cli.loop);
    holds(code !== 0, `it ended well after ${await silo.settled(token)} tokens: ${said}`);
    holds(/sessions\/\S+ has .* left of/.test(said), said);
    const settled = await silo.settled(token);
    holds(settled > 0 && settled <= cli.cap / 1000, `${settled} tokens were settled`);
    console.log(`      ${settled} tokens, ${((performance.now() - start) / 1000).toFixed(1)} s`);
  });
}

finish();
