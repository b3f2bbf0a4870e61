// An upstream that fails as it is told: by a word in the body of the call.
import { createServer } from 'node:http';
import { serveMcp } from './mcp.mjs';

const chat = (delta) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
const named = (type, more) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;

// The first events of an answer that streams, by the path of its dialect.
function beginning(path) {
  if (path.includes('/chat/')) return chat({ role: 'assistant', content: 'word' });
  if (path.includes('/responses')) {
    return named('response.created', { response: { id: 'r', object: 'response', output: [] } })
      + named('response.output_text.delta', { delta: 'word', item_id: 'i', output_index: 0, content_index: 0 });
  }
  if (path.includes('/messages')) {
    return named('message_start', {
      message: {
        id: 'm', type: 'message', role: 'assistant', model: 'fake', content: [], stop_reason: null,
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    })
      + named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
      + named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'word' } });
  }
  return `data: ${JSON.stringify({
    candidates: [{ content: { role: 'model', parts: [{ text: 'word' }] } }],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 1, totalTokenCount: 4 },
  })}\n\n`;
}

export async function serve(address) {
  const [host, port] = address.split(':');
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    if (request.url.startsWith('/mcp')) {
      await serveMcp(request, response, body);
      return;
    }
    const status = /fail-with-(\d+)/.exec(body)?.[1];
    if (status) {
      response.writeHead(Number(status), { 'content-type': 'application/json', 'x-should-retry': 'false' });
      response.end(JSON.stringify({ type: 'error', error: { type: 'a_type', code: Number(status), message: 'so told' } }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(beginning(request.url));
    if (body.includes('break-off')) setTimeout(() => response.destroy(), 50);
    else if (body.includes('end-early')) response.end();
    // Else it never ends.
  });
  await new Promise((resolve) => server.listen(Number(port), host, resolve));
  return server;
}
