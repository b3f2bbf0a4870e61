// The official SDK of the Model Context Protocol on both sides of the gateway: its server behind, its client before.
import { randomUUID } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { check, holds, raised } from './checks.mjs';

const transports = new Map();

function makeServer() {
  const server = new McpServer({ name: 'tools', version: '1' }, { capabilities: { tools: { listChanged: true } } });
  server.registerTool('web', { inputSchema: { q: z.string() } }, async ({ q }, { sendNotification, _meta }) => {
    for (let progress = 1; progress <= 3 && _meta?.progressToken !== undefined; progress += 1) {
      await sendNotification({
        method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress },
      });
    }
    if (q === 'ask') {
      const { action, content } = await server.server.elicitInput({
        message: 'Which one?', requestedSchema: { type: 'object', properties: { one: { type: 'string' } } },
      });
      return { content: [{ type: 'text', text: `${action} ${content.one}` }] };
    }
    if (q === 'change') server.sendToolListChanged();
    if (q === 'wait') await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
    return { content: [{ type: 'text', text: `found ${q}` }] };
  });
  server.registerTool('read', { inputSchema: {} }, async () => ({ content: [{ type: 'text', text: 'read' }] }));
  return server;
}

// Answers one request of a client.
export async function serveMcp(request, response, body) {
  let transport = transports.get(request.headers['mcp-session-id']);
  if (!transport && request.headers['mcp-session-id']) {
    response.writeHead(404).end();
    return;
  }
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    await makeServer().connect(transport);
  }
  await transport.handleRequest(request, response, body ? JSON.parse(body) : undefined);
}

async function connect(url, token, handlers = {}) {
  const client = new Client({ name: 'check', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { one: 'this' } }));
  if (handlers.onChange) client.setNotificationHandler(ToolListChangedNotificationSchema, handlers.onChange);
  await client.connect(new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  }));
  return client;
}

const textOf = (result) => result.content[0].text;

export async function checkMcp({ silo, gateway }) {
  const call = (client, q, more) => client.callTool({ name: 'web', arguments: { q } }, undefined, more);

  await check('mcp: a list shows what the session may call, and a call is settled', async () => {
    const token = await silo.open();
    const search = await connect(`${gateway}/mcp/search`, token);
    const crm = await connect(`${gateway}/mcp/crm`, token);
    const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name).toSorted().join();
    holds(await names(search) === 'read,web', await names(search));
    holds(await names(crm) === 'read', await names(crm));
    const progress = [];
    const result = await call(search, 'x', { onprogress: (told) => progress.push(told.progress) });
    holds(textOf(result) === 'found x' && progress.join() === '1,2,3', `${textOf(result)} after ${progress}`);
    holds(await silo.cost(token) === 10_000_000, `it cost ${await silo.cost(token)}`);
    holds(textOf(await crm.callTool({ name: 'read', arguments: {} })) === 'read', 'a tool without a price');
    await search.close();
    await crm.close();
  });

  await check('mcp: a tool out of scope is refused, though it is named', async () => {
    const client = await connect(`${gateway}/mcp/crm`, await silo.open());
    const error = await raised(() => call(client, 'x'));
    holds(/403|scope/i.test(`${error.code} ${error.message}`), error.message);
    await client.close();
  });

  await check('mcp: at the cap the model reads why', async () => {
    const client = await connect(`${gateway}/mcp/search`, await silo.open(15_000_000));
    holds(!(await call(client, 'x')).isError, 'the first call');
    const refused = await call(client, 'x');
    holds(refused.isError && textOf(refused).includes('sessions/'), JSON.stringify(refused));
    await client.close();
  });

  await check('mcp: questions and notifications pass', async () => {
    let changes = 0;
    const client = await connect(`${gateway}/mcp/search`, await silo.open(), { onChange: () => { changes += 1; } });
    holds(textOf(await call(client, 'ask')) === 'accept this', 'the answer to the question');
    await call(client, 'change');
    for (let waited = 0; changes === 0 && waited < 100; waited += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    holds(changes > 0, 'no notification came');
    await client.close();
  });

  await check('mcp: a session that is revoked while a tool works is cut', async () => {
    const token = await silo.open();
    const client = await connect(`${gateway}/mcp/search`, token);
    const start = performance.now();
    const error = await raised(() => call(client, 'wait', {
      timeout: 20_000, onprogress: ({ progress }) => { if (progress === 1) silo.revoke(token); },
    }));
    holds(performance.now() - start < 5_000, `it took ${performance.now() - start} ms: ${error.message}`);
    await client.close().catch(() => {});
  });

  await check('mcp: the gateway tells what is left', async () => {
    const client = await connect(`${gateway}/mcp`, await silo.open());
    holds((await client.listTools()).tools[0].name === 'budget_left', 'the tool');
    const left = await client.callTool({ name: 'budget_left', arguments: {} });
    holds(left.structuredContent.grains[0].available.nanos === 900_000_000, JSON.stringify(left));
    await client.close();
  });
}
