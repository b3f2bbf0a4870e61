// Three SDKs do the same things, each in its own words; the checks are one list.
//
//   node client.mjs --http URL --gateway URL --upstream HOST:PORT --key FILE      ends with "N passed, N failed"
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { check, finish, holds, raised } from './checks.mjs';
import { checkMcp } from './mcp.mjs';
import { Silo, countCalls } from './silo.mjs';
import { serve } from './upstream.mjs';

const { values: options } = parseArgs({
  options: {
    http: { type: 'string' }, gateway: { type: 'string' }, upstream: { type: 'string' }, key: { type: 'string' },
  },
});
const silo = new Silo(options.http, options.key);
const upstream = await serve(options.upstream);
const counter = countCalls();

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tellsTool = 'demo:call weather {"city":"Bonn"}';

// What each SDK calls: a whole answer, a stream, a tool with its arguments. All answer text, but the tool.
const sdks = {
  'openai chat': (token) => {
    const client = new OpenAI({ apiKey: token, baseURL: `${options.gateway}/v1` });
    const call = (model, text, more) => client.chat.completions.create({
      model, messages: [{ role: 'user', content: text }], max_completion_tokens: 100, ...more,
    });
    return {
      whole: async (model, text) => (await call(model, text)).choices[0].message.content,
      stream: async (model, text, onText) => {
        for await (const part of await call(model, text, { stream: true })) onText(part.choices[0].delta.content ?? '');
      },
      tool: async () => {
        const tools = [{ type: 'function', function: { name: 'weather', parameters: schema } }];
        const { function: told } = (await call('demo', tellsTool, { tools })).choices[0].message.tool_calls[0];
        return [told.name, JSON.parse(told.arguments)];
      },
    };
  },
  'openai responses': (token) => {
    const client = new OpenAI({ apiKey: token, baseURL: `${options.gateway}/v1` });
    const call = (model, input, more) => client.responses.create({ model, input, max_output_tokens: 100, ...more });
    return {
      whole: async (model, text) => (await call(model, text)).output_text,
      stream: async (model, text, onText) => {
        for await (const event of await call(model, text, { stream: true })) {
          if (event.type === 'response.output_text.delta') onText(event.delta);
        }
      },
      tool: async () => {
        const tools = [{ type: 'function', name: 'weather', parameters: schema, strict: false }];
        const told = (await call('demo', tellsTool, { tools })).output[0];
        return [told.name, JSON.parse(told.arguments)];
      },
    };
  },
  anthropic: (token) => {
    const client = new Anthropic({ apiKey: token, baseURL: options.gateway });
    const body = (model, text, more) => ({
      model, max_tokens: 100, messages: [{ role: 'user', content: text }], ...more,
    });
    return {
      whole: async (model, text) => (await client.messages.create(body(model, text))).content[0].text,
      stream: async (model, text, onText) => {
        const stream = client.messages.stream(body(model, text));
        stream.on('text', onText);
        await stream.finalMessage();
      },
      tool: async () => {
        const tools = [{ name: 'weather', input_schema: schema }];
        const told = (await client.messages.create(body('demo', tellsTool, { tools }))).content[0];
        return [told.name, told.input];
      },
    };
  },
  genai: (token) => {
    const client = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: options.gateway } });
    const body = (model, contents, config) => ({ model, contents, config: { maxOutputTokens: 100, ...config } });
    return {
      whole: async (model, text) => (await client.models.generateContent(body(model, text))).text,
      stream: async (model, text, onText) => {
        for await (const part of await client.models.generateContentStream(body(model, text))) onText(part.text ?? '');
      },
      tool: async () => {
        const tools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: schema }] }];
        const [told] = (await client.models.generateContent(body('demo', tellsTool, { tools }))).functionCalls;
        return [told.name, told.args];
      },
    };
  },
};

for (const [name, make] of Object.entries(sdks)) {
  await check(`${name}: a whole answer, and it is settled`, async () => {
    const token = await silo.open();
    const text = await make(token).whole('demo', 'Say something.');
    holds(text.includes('demo model'), text);
    holds(await silo.settled(token) > 24, 'nothing was settled');
  });

  await check(`${name}: a stream, and it is settled`, async () => {
    const token = await silo.open();
    let text = '';
    let parts = 0;
    await make(token).stream('demo', 'Say something.', (piece) => { text += piece; parts += piece ? 1 : 0; });
    holds(text.includes('demo model') && parts > 5, `${parts} parts: ${text}`);
    holds(await silo.settled(token) > 24, 'nothing was settled');
  });

  await check(`${name}: a tool`, async () => {
    const token = await silo.open();
    const told = await make(token).tool();
    holds(JSON.stringify(told) === '["weather",{"city":"Bonn"}]', JSON.stringify(told));
  });

  await check(`${name}: a loop stops at its cap, and the refusal is sent once`, async () => {
    const token = await silo.open(1_000_000);
    const client = make(token);
    let answered = 0;
    let before = 0;
    const error = await raised(async () => {
      for (; answered < 1000; answered += 1) {
        before = counter.calls;
        await client.whole('demo', 'Again.');
      }
    });
    holds(error.status === 429, `status ${error.status}: ${error.message}`);
    holds(error.message.includes('sessions/'), error.message);
    holds(answered > 0, 'not one was answered');
    holds(counter.calls - before === 1, `${counter.calls - before} calls for one refusal`);
    holds(await silo.settled(token) <= 1000, 'more was spent than the session has');
  });

  await check(`${name}: a model out of scope`, async () => {
    const before = counter.calls;
    const token = await silo.open();
    const own = counter.calls;
    const error = await raised(() => make(token).whole('secret', 'Hi.'));
    holds(error.status === 404 || error.status === 403, `status ${error.status}: ${error.message}`);
    holds(counter.calls - own === 1 && own > before, `${counter.calls - own} calls`);
  });

  await check(`${name}: a session that is over`, async () => {
    const token = await silo.open();
    await silo.revoke(token);
    const error = await raised(() => make(token).whole('demo', 'Hi.'));
    holds(error.status === 401, `status ${error.status}: ${error.message}`);
  });

  for (const status of [400, 500]) {
    await check(`${name}: the upstream's own ${status}`, async () => {
      const token = await silo.open();
      const error = await raised(() => make(token).whole('fake', `fail-with-${status}`));
      holds(error.status === status && error.message.includes('so told'), `${error.status}: ${error.message}`);
      holds(await silo.settled(token) === 0, 'something was settled');
    });
  }

  for (const how of ['break-off', 'end-early']) {
    await check(`${name}: a stream that the upstream ends too soon (${how}) raises`, async () => {
      const token = await silo.open();
      let text = '';
      const error = await raised(() => make(token).stream('fake', how, (piece) => { text += piece; }));
      holds(text === 'word', `it got ${text}: ${error.message}`);
      holds(await silo.settled(token) > 0, 'nothing was settled');
    });
  }

  await check(`${name}: a stream whose session is revoked raises within two seconds`, async () => {
    const token = await silo.open();
    let cutAt = 0;
    const error = await raised(() => make(token).stream('fake', 'endless', async (piece) => {
      if (piece !== 'word' || cutAt > 0) return;
      cutAt = performance.now();
      await silo.revoke(token);
    }));
    holds(cutAt > 0, `not one piece came: ${error.message}`);
    holds(performance.now() - cutAt < 2_000, `it took ${performance.now() - cutAt} ms`);
  });
}

await check('openai: embeddings', async () => {
  const client = new OpenAI({ apiKey: await silo.open(), baseURL: `${options.gateway}/v1` });
  const { data } = await client.embeddings.create({ model: 'demo', input: ['one', 'two', 'one'], dimensions: 16 });
  holds(data.length === 3 && data[0].embedding.length === 16, JSON.stringify(data));
  holds(data[0].embedding[3] === data[2].embedding[3] && data[0].embedding[3] !== data[1].embedding[3], 'vectors');
});

await check('models and counts, as each SDK asks for them', async () => {
  const token = await silo.open();
  const openai = new OpenAI({ apiKey: token, baseURL: `${options.gateway}/v1` });
  const anthropic = new Anthropic({ apiKey: token, baseURL: options.gateway });
  const genai = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: options.gateway } });
  const ids = (list) => list.toSorted().join();
  const named = [];
  for await (const model of await genai.models.list()) named.push(model.name);
  holds(ids((await openai.models.list()).data.map((model) => model.id)) === 'demo,fake', 'openai models');
  holds(ids((await anthropic.models.list()).data.map((model) => model.id)) === 'demo,fake', 'anthropic models');
  holds(ids(named) === 'models/demo,models/fake', `genai models ${named}`);
  const messages = [{ role: 'user', content: 'Hi' }];
  holds((await anthropic.messages.countTokens({ model: 'demo', messages })).input_tokens > 0, 'anthropic count');
  holds((await genai.models.countTokens({ model: 'demo', contents: 'Hi' })).totalTokens > 0, 'genai count');
  holds(await silo.settled(token) === 0, 'counting was charged');
});

await check('the proxy file of the settings page sends providers nowhere and the gateway direct', () => {
  const page = readFileSync(new URL('../../docs/edge.md', import.meta.url), 'utf8');
  const [, file] = /```js\n([^`]*)```/.exec(page);
  const shExpMatch = (text, shape) =>
    new RegExp(`^${shape.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
  const find = new Function('shExpMatch', `${file}; return FindProxyForURL;`)(shExpMatch);
  const providers = [
    'api.openai.com', 'api.anthropic.com', 'generativelanguage.googleapis.com', 'us-east5-aiplatform.googleapis.com',
    'name.openai.azure.com', 'name.services.ai.azure.com', 'bedrock-runtime.us-east-1.amazonaws.com', 'chatgpt.com',
  ];
  for (const host of providers) holds(find(`https://${host}/`, host) === 'PROXY 127.0.0.1:9', host);
  for (const host of ['127.0.0.1', 'gateway.example.com', 'example.openai.com.evil.test']) {
    holds(find(`https://${host}/`, host) === 'DIRECT', host);
  }
});

await checkMcp({ silo, gateway: options.gateway });

upstream.closeAllConnections();
upstream.close();
finish();
