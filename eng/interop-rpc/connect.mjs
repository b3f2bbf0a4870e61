// The interoperability cases by the official Connect clients, for node and for browsers (over node's fetch). Prints a
// line for each: client, tab, name, tab, ok, or - where the client cannot, or what was wrong.
// Usage: node connect.mjs <HTTP/1.1 port> <HTTP/2 port> <file with the contract>
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import * as node from '@connectrpc/connect-node';
import * as web from '@connectrpc/connect-web';

const GIVE_UP_MILLISECONDS = 30_000; // Far beyond what a case takes, so that only a hang reaches it.
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';

const [httpPort, http2Port, contractFile] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contractFile)));
const TestService = registry.getService('grpc.testing.TestService');
const UnimplementedService = registry.getService('grpc.testing.UnimplementedService');
const http1 = { baseUrl: `http://127.0.0.1:${httpPort}`, httpVersion: '1.1' };
const http2 = { baseUrl: `http://127.0.0.1:${http2Port}`, httpVersion: '2' };
const gzip = { sendCompression: node.compressionGzip, acceptCompression: [node.compressionGzip], compressMinBytes: 0 };

// What each client can: a browser's fetch cannot stream its requests, and HTTP/1.1 cannot talk both ways at once.
const clients = {
  'node h2': {
    make: node.createConnectTransport, options: http2, streams: true, duplex: true, compresses: true,
  },
  'node json': {
    make: node.createConnectTransport, options: { ...http1, useBinaryFormat: false }, streams: true, compresses: true,
  },
  'node grpcweb': {
    make: node.createGrpcWebTransport, options: http2, streams: true, duplex: true, compresses: true,
  },
  'web': { make: web.createConnectTransport, options: { baseUrl: http1.baseUrl, useBinaryFormat: true }, gets: true },
  'web json': { make: web.createConnectTransport, options: { baseUrl: http1.baseUrl }, gets: true },
  'web grpcweb': { make: web.createGrpcWebTransport, options: { baseUrl: http1.baseUrl } },
};

const payload = (size) => ({ body: new Uint8Array(size) });
const limit = (more) => ({ timeoutMs: GIVE_UP_MILLISECONDS, ...more });
const outputRequest = (size) => ({ responseParameters: [{ size }] });

async function* each(...requests) {
  yield* requests;
}

async function sizesOf(responses) {
  const sizes = [];
  for await (const response of responses) sizes.push(response.payload.body.length);
  return sizes;
}

async function fails(promise, code, message) {
  const error = await promise.then(() => assert.fail(`no error instead of ${Code[code]}`), (failure) => failure);
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(Code[error.code], Code[code], String(error));
  if (message !== undefined) assert.equal(error.rawMessage, message);
}

// Each takes a client, a way to make another one with more options, and what the client can; undefined where it cannot.
const cases = {
  async empty_unary({ client }) {
    await client.emptyCall({}, limit());
  },
  async large_unary({ client }) {
    const answer = await client.unaryCall({ responseSize: 314159, payload: payload(271828) }, limit());
    assert.equal(answer.payload.body.length, 314159);
  },
  unary_get: ({ make, can }) => can.gets && (async () => {
    const methods = [];
    const seeing = (url, init) => {
      methods.push(init.method);
      return fetch(url, init);
    };
    const client = make({ useHttpGet: true, fetch: seeing });
    const answer = await client.cacheableUnaryCall({ responseSize: 10 }, limit());
    assert.equal(answer.payload.body.length, 10);
    assert.deepEqual(methods, ['GET']);
  })(),
  client_streaming: ({ client, can }) => can.streams && (async () => {
    const requests = [27182, 8, 1828, 45904].map((size) => ({ payload: payload(size) }));
    assert.equal((await client.streamingInputCall(each(...requests), limit())).aggregatedPayloadSize, 74922);
  })(),
  async server_streaming({ client }) {
    const sizes = [31415, 9, 2653, 58979];
    const request = { responseParameters: sizes.map((size) => ({ size })) };
    assert.deepEqual(await sizesOf(client.streamingOutputCall(request, limit())), sizes);
  },
  ping_pong: ({ client, can }) => can.duplex && (async () => {
    const sizes = [31415, 9, 2653, 58979];
    let next;
    async function* requests() {
      for (const size of sizes) {
        const answered = new Promise((resolve) => (next = resolve));
        yield { ...outputRequest(size), payload: payload(size) };
        await answered;
      }
    }
    const got = [];
    for await (const response of client.fullDuplexCall(requests(), limit())) {
      got.push(response.payload.body.length);
      next();
    }
    assert.deepEqual(got, sizes);
  })(),
  empty_stream: ({ client, can }) => can.duplex && (async () => {
    assert.deepEqual(await sizesOf(client.fullDuplexCall(each(), limit())), []);
  })(),
  client_compressed_unary: ({ client, make, can }) => can.compresses && (async () => {
    const request = { expectCompressed: { value: true }, responseSize: 314159, payload: payload(271828) };
    await fails(client.unaryCall(request, limit()), Code.InvalidArgument);
    assert.equal((await make(gzip).unaryCall(request, limit())).payload.body.length, 314159);
  })(),
  client_compressed_streaming: ({ make, can }) => can.compresses && (async () => {
    const requests = [27182, 45904].map((size) => ({ expectCompressed: { value: true }, payload: payload(size) }));
    assert.equal((await make(gzip).streamingInputCall(each(...requests), limit())).aggregatedPayloadSize, 73086);
  })(),
  async server_compressed_unary({ client }) {
    for (const value of [true, false]) {
      const answer = await client.unaryCall({ responseCompressed: { value }, responseSize: 314159 }, limit());
      assert.equal(answer.payload.body.length, 314159);
    }
  },
  async server_compressed_streaming({ client }) {
    const request = {
      responseParameters: [{ size: 31415, compressed: { value: true } }, { size: 92653, compressed: { value: false } }],
    };
    assert.deepEqual(await sizesOf(client.streamingOutputCall(request, limit())), [31415, 92653]);
  },
  async custom_metadata({ client }) {
    const headers = {
      'x-grpc-test-echo-initial': 'test_initial_metadata_value',
      'x-grpc-test-echo-trailing-bin': Buffer.from('ababab', 'hex').toString('base64'),
    };
    let initial;
    let trailing;
    await client.unaryCall(
      { responseSize: 31415, payload: payload(27182) },
      limit({ headers, onHeader: (h) => (initial = h), onTrailer: (t) => (trailing = t) }),
    );
    assert.equal(initial.get('x-grpc-test-echo-initial'), 'test_initial_metadata_value');
    const binary = Buffer.from(trailing.get('x-grpc-test-echo-trailing-bin') ?? '', 'base64');
    assert.equal(binary.toString('hex'), 'ababab');
  },
  async status_code_and_message({ client }) {
    const responseStatus = { code: Code.Unknown, message: 'test status message' };
    await fails(client.unaryCall({ responseStatus }, limit()), Code.Unknown, responseStatus.message);
  },
  async special_status_message({ client }) {
    const responseStatus = { code: Code.Unknown, message: SPECIAL };
    await fails(client.unaryCall({ responseStatus }, limit()), Code.Unknown, SPECIAL);
  },
  async unimplemented_method({ client }) {
    await fails(client.unimplementedCall({}, limit()), Code.Unimplemented);
  },
  async unimplemented_service({ other }) {
    await fails(other.unimplementedCall({}, limit()), Code.Unimplemented);
  },
  async cancel_after_first_response({ client }) {
    const cancelling = new AbortController();
    const request = { responseParameters: [{ size: 3 }, { size: 3, intervalUs: 60_000_000 }] };
    const responses = client.streamingOutputCall(request, limit({ signal: cancelling.signal }));
    await fails((async () => {
      for await (const _ of responses) cancelling.abort();
    })(), Code.Canceled);
  },
  async timeout_on_sleeping_server({ client }) {
    const request = { responseParameters: [{ size: 3, intervalUs: 60_000_000 }] };
    await fails(sizesOf(client.streamingOutputCall(request, { timeoutMs: 50 })), Code.DeadlineExceeded);
  },
};

for (const [name, can] of Object.entries(clients)) {
  const make = (more) => createClient(TestService, can.make({ ...can.options, ...more }));
  const other = createClient(UnimplementedService, can.make(can.options));
  for (const [title, run] of Object.entries(cases)) {
    const running = run({ client: make({}), make, other, can });
    const result = running === undefined || running === false
      ? '-'
      : await running.then(
        () => 'ok',
        (failure) => String(failure).replaceAll(/\s+/g, ' ').slice(0, 300),
      );
    console.log(`${name}\t${title}\t${result}`);
  }
}
process.exit(0); // Connections that are kept open keep nobody waiting.
