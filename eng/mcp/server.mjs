// A server that has all that the conformance suite asks for, and a tool that no session here may call. Over HTTP with
// resumable streams, or over the standard streams of a program.
//
//   node server.mjs [--http HOST:PORT]
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema, CompleteRequestSchema, CreateMessageResultSchema, ElicitResultSchema,
  GetPromptRequestSchema, ListPromptsRequestSchema,
  ListResourceTemplatesRequestSchema, ListResourcesRequestSchema, ListToolsRequestSchema, ReadResourceRequestSchema,
  SetLevelRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/VscvDQAAAABJRU5ErkJggg==';
const SOUND = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const STEP_MS = 50;

const text = (told) => ({ content: [{ type: 'text', text: told }] });
const object = (properties = {}, required = []) => ({ type: 'object', properties, required });
const string = (description) => ({ type: 'string', description });
const titled = (names, value, title) => names.map((name, index) => ({
  const: `${value}${index + 1}`, title: `${name} ${title}`,
}));
const options = ['option1', 'option2', 'option3'];
const ordinals = ['First', 'Second', 'Third'];

async function elicit(extra, message, requestedSchema) {
  const request = { method: 'elicitation/create', params: { message, requestedSchema } };
  const { action, content } = await extra.sendRequest(request, ElicitResultSchema);
  return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
}

async function sample(extra, prompt) {
  const params = { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 };
  const { content } = await extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema);
  return text(`LLM response: ${content.text}`);
}

async function log(extra) {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
    await pause(STEP_MS);
  }
  return text('It has logged three times.');
}

async function progress(extra) {
  const progressToken = extra._meta?.progressToken;
  for (const done of [0, 50, 100]) {
    if (progressToken !== undefined) {
      const params = { progressToken, progress: done, total: 100 };
      await extra.sendNotification({ method: 'notifications/progress', params });
    }
    await pause(STEP_MS);
  }
  return text('It has told its progress.');
}

// The stream of the call ends before its answer, which the caller gets when it comes back.
async function reconnect(extra) {
  await pause(STEP_MS);
  extra.closeSSEStream?.();
  await pause(2 * STEP_MS);
  return text('The answer, on another stream.');
}

const defaults = object({
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
});
const choices = object({
  untitledSingle: { type: 'string', enum: options },
  titledSingle: { type: 'string', oneOf: titled(ordinals, 'value', 'Option') },
  legacyEnum: {
    type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
  titledMulti: { type: 'array', items: { anyOf: titled(ordinals, 'value', 'Choice') } },
});
const user = object(
  { username: string("User's response"), email: string("User's email address") }, ['username', 'email']);
const dialect = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  additionalProperties: false,
};
const image = { type: 'image', data: PIXEL, mimeType: 'image/png' };
const resource = (uri, mimeType, told) => ({ type: 'resource', resource: { uri, mimeType, text: told } });

// Each tool: what it does, and its arguments where it has some.
const tools = {
  test_simple_text: [() => text('This is a simple text response for testing.')],
  test_image_content: [() => ({ content: [image] })],
  test_audio_content: [() => ({ content: [{ type: 'audio', data: SOUND, mimeType: 'audio/wav' }] })],
  test_embedded_resource: [() => ({
    content: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  })],
  test_multiple_content_types: [() => ({
    content: [
      ...text('Multiple content types test:').content,
      image,
      resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  })],
  test_tool_with_logging: [(_, extra) => log(extra)],
  test_error_handling: [() => ({ ...text('This tool intentionally returns an error for testing'), isError: true })],
  test_tool_with_progress: [(_, extra) => progress(extra)],
  test_sampling: [({ prompt }, extra) => sample(extra, prompt), object({ prompt: string('What to ask.') }, ['prompt'])],
  test_elicitation: [
    ({ message }, extra) => elicit(extra, message, user),
    object({ message: string('What to say.') }, ['message']),
  ],
  test_elicitation_sep1034_defaults: [(_, extra) => elicit(extra, 'Who?', defaults)],
  test_elicitation_sep1330_enums: [(_, extra) => elicit(extra, 'Which?', choices)],
  test_reconnection: [(_, extra) => reconnect(extra)],
  json_schema_2020_12_tool: [() => text('It has a schema.'), dialect],
  hidden: [() => text('Nobody reads this.')],
};

const prompts = {
  test_simple_prompt: [[], () => [text('This is a simple prompt for testing.').content[0]]],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`).content,
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => [
      resource(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
      ...text('Please process the embedded resource above.').content,
    ],
  ],
  test_prompt_with_image: [[], () => [image, ...text('Please analyze the image above.').content]],
};

const resources = {
  'test://static-text': ['text/plain', { text: 'This is the content of the static text resource.' }],
  'test://static-binary': ['image/png', { blob: PIXEL }],
  'test://watched-resource': ['text/plain', { text: 'Watched.' }],
};

function read(uri) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  const found = id
    ? ['application/json', { text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }]
    : resources[uri];
  if (!found) throw new Error(`There is no ${uri}.`);
  return { contents: [{ uri, mimeType: found[0], ...found[1] }] };
}

function makeServer() {
  const server = new Server({ name: 'conformance', version: '1' }, {
    capabilities: {
      tools: { listChanged: true }, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {},
    },
  });
  const handle = (schema, answer) =>
    server.setRequestHandler(schema, (request, extra) => answer(request.params, extra));
  handle(ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, [, inputSchema = object()]]) => ({
      name, description: `The suite's ${name}.`, inputSchema,
    })),
  }));
  handle(CallToolRequestSchema, ({ name, arguments: given = {} }, extra) => {
    if (!tools[name]) throw new Error(`There is no tool ${name}.`);
    return tools[name][0](given, extra);
  });
  handle(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, [names]]) => ({
      name,
      description: `The suite's ${name}.`,
      arguments: names.map((one) => ({ name: one, description: `Its ${one}.`, required: true })),
    })),
  }));
  handle(GetPromptRequestSchema, ({ name, arguments: given = {} }) => ({
    messages: prompts[name][1](given).map((content) => ({ role: 'user', content })),
  }));
  handle(ListResourcesRequestSchema, () => ({
    resources: Object.entries(resources).map(([uri, [mimeType]]) => ({
      uri, name: uri.slice('test://'.length), description: `The suite's ${uri}.`, mimeType,
    })),
  }));
  handle(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'data', mimeType: 'application/json' }],
  }));
  handle(ReadResourceRequestSchema, ({ uri }) => read(uri));
  handle(CompleteRequestSchema, () => ({ completion: { values: ['paris', 'park'], total: 2, hasMore: false } }));
  for (const schema of [SubscribeRequestSchema, UnsubscribeRequestSchema, SetLevelRequestSchema]) {
    handle(schema, () => ({}));
  }
  return server;
}

// What was said on each stream, for whoever comes back to it. Ids are "STREAM/NUMBER".
class Events {
  #told = [];

  async storeEvent(stream, message) {
    this.#told.push([stream, message]);
    return `${stream}/${this.#told.length}`;
  }

  async replayEventsAfter(id, { send }) {
    const stream = id.slice(0, id.lastIndexOf('/'));
    const after = Number(id.slice(id.lastIndexOf('/') + 1));
    for (const [index, [of, message]] of this.#told.entries()) {
      if (of === stream && index >= after) await send(`${stream}/${index + 1}`, message);
    }
    return stream;
  }
}

// The suite agrees on this revision and names an older one with some requests, whose streams could not be resumed.
function nameRevision(request) {
  const at = request.rawHeaders.findIndex((name) => name.toLowerCase() === 'mcp-protocol-version');
  if (at >= 0) request.rawHeaders[at + 1] = '2025-11-25';
}

export async function serve(address) {
  const transports = new Map();
  const [host, port] = address.split(':');
  const http = createServer(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    let transport = transports.get(id);
    if (!transport && id) {
      response.writeHead(404).end();
      return;
    }
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: new Events(),
        retryInterval: STEP_MS,
        enableDnsRebindingProtection: true,
        allowedHosts: [address, `localhost:${port}`],
        onsessioninitialized: (made) => transports.set(made, transport),
      });
      await makeServer().connect(transport);
    }
    nameRevision(request);
    await transport.handleRequest(request, response);
  });
  await new Promise((resolve) => { http.listen(Number(port), host, resolve); });
  return http;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { http: { type: 'string' } } });
  if (values.http) await serve(values.http);
  else await makeServer().connect(new StdioServerTransport());
}
