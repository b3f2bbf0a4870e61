// The standard interoperability cases of gRPC by its JavaScript client. Prints a line for each: name, tab, ok or what
// was wrong. Usage: node client.mjs <port> <folder of the protos>
import assert from 'node:assert/strict';
import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const GIVE_UP_MILLISECONDS = 30_000; // Far beyond what a case takes, so that only a hang reaches it.
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
const { status } = grpc;

const [port, protos] = process.argv.slice(2);
const contract = grpc.loadPackageDefinition(
  protoLoader.loadSync('grpc/testing/test.proto', { includeDirs: [protos], keepCase: true }),
).grpc.testing;
const address = `127.0.0.1:${port}`;
const plain = new contract.TestService(address, grpc.credentials.createInsecure());
const compressing = new contract.TestService(address, grpc.credentials.createInsecure(), {
  'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
});

const payload = (size) => ({ body: Buffer.alloc(size) });
const outputRequest = (size, payloadSize = 0) => ({
  response_parameters: [{ size }],
  payload: payload(payloadSize),
});
const limit = (milliseconds = GIVE_UP_MILLISECONDS) => ({ deadline: Date.now() + milliseconds });

// One response: resolves with it, rejects with the error.
function unary(client, name, request, metadata = new grpc.Metadata()) {
  return new Promise((resolve, reject) => {
    const seen = {};
    const call = client[name](request, metadata, limit(), (error, response) =>
      // The status comes after the callback.
      setImmediate(() => (error ? reject(error) : resolve({ response, ...seen }))),
    );
    call.on('metadata', (headers) => (seen.headers = headers));
    call.on('status', (end) => (seen.trailers = end.metadata));
  });
}

function collect(client, requests) {
  return new Promise((resolve, reject) => {
    const call = client.StreamingInputCall(new grpc.Metadata(), limit(), (error, response) =>
      error ? reject(error) : resolve(response),
    );
    call.on('error', () => {});
    for (const request of requests) call.write(request);
    call.end();
  });
}

async function sizesOf(call) {
  const sizes = [];
  for await (const response of call) sizes.push(response.payload.body.length);
  return sizes;
}

async function fails(promise, code, details) {
  const error = await promise.then(() => assert.fail(`no error instead of ${code}`), (failure) => failure);
  assert.equal(error.code, code, String(error));
  if (details !== undefined) assert.equal(error.details, details);
}

const cases = {
  async empty_unary() {
    assert.deepEqual((await unary(plain, 'EmptyCall', {})).response, {});
  },
  async large_unary() {
    const { response } = await unary(plain, 'UnaryCall', { response_size: 314159, payload: payload(271828) });
    assert.equal(response.payload.body.length, 314159);
  },
  async client_streaming() {
    const requests = [27182, 8, 1828, 45904].map((size) => ({ payload: payload(size) }));
    assert.equal((await collect(plain, requests)).aggregated_payload_size, 74922);
  },
  async server_streaming() {
    const sizes = [31415, 9, 2653, 58979];
    const request = { response_parameters: sizes.map((size) => ({ size })) };
    assert.deepEqual(await sizesOf(plain.StreamingOutputCall(request, limit())), sizes);
  },
  async ping_pong() {
    const call = plain.FullDuplexCall(limit());
    for (const [size, payloadSize] of [[31415, 27182], [9, 8], [2653, 1828], [58979, 45904]]) {
      call.write(outputRequest(size, payloadSize));
      const [response] = await once(call, 'data');
      assert.equal(response.payload.body.length, size);
    }
    call.end();
    assert.equal((await once(call, 'status'))[0].code, status.OK);
  },
  async half_duplex() {
    const call = plain.HalfDuplexCall(limit());
    call.write(outputRequest(3));
    call.write(outputRequest(4));
    call.end();
    assert.deepEqual(await sizesOf(call), [3, 4]);
  },
  async empty_stream() {
    const call = plain.FullDuplexCall(limit());
    call.end();
    assert.deepEqual(await sizesOf(call), []);
  },
  async client_compressed_unary() {
    const request = { expect_compressed: { value: true }, response_size: 314159, payload: payload(271828) };
    await fails(unary(plain, 'UnaryCall', request), status.INVALID_ARGUMENT);
    assert.equal((await unary(compressing, 'UnaryCall', request)).response.payload.body.length, 314159);
    request.expect_compressed.value = false;
    assert.equal((await unary(plain, 'UnaryCall', request)).response.payload.body.length, 314159);
  },
  async client_compressed_streaming() {
    const requests = [27182, 45904].map((size) => ({ expect_compressed: { value: true }, payload: payload(size) }));
    await fails(collect(plain, requests), status.INVALID_ARGUMENT);
    assert.equal((await collect(compressing, requests)).aggregated_payload_size, 73086);
  },
  async server_compressed_unary() {
    for (const value of [true, false]) {
      const request = { response_compressed: { value }, response_size: 314159 };
      const { response, headers } = await unary(plain, 'UnaryCall', request);
      assert.equal(response.payload.body.length, 314159);
      assert.deepEqual(headers.get('grpc-encoding'), []); // The client keeps the header to itself.
    }
  },
  async server_compressed_streaming() {
    const sizes = [31415, 92653];
    const request = {
      response_parameters: sizes.map((size, i) => ({ size, compressed: { value: i === 0 } })),
    };
    assert.deepEqual(await sizesOf(plain.StreamingOutputCall(request, limit())), sizes);
  },
  async custom_metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from('ababab', 'hex'));
    const request = { response_size: 314159, payload: payload(271828) };
    const answers = [await unary(plain, 'UnaryCall', request, metadata)];
    const call = plain.FullDuplexCall(metadata, limit());
    const headers = once(call, 'metadata');
    const end = once(call, 'status');
    call.write(outputRequest(314159, 271828));
    call.end();
    await sizesOf(call);
    answers.push({ headers: (await headers)[0], trailers: (await end)[0].metadata });
    for (const answer of answers) {
      assert.deepEqual(answer.headers.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
      assert.deepEqual(answer.trailers.get('x-grpc-test-echo-trailing-bin'), [Buffer.from('ababab', 'hex')]);
    }
  },
  async status_code_and_message() {
    const response_status = { code: status.UNKNOWN, message: 'test status message' };
    await fails(unary(plain, 'UnaryCall', { response_status }), status.UNKNOWN, response_status.message);
    const call = plain.FullDuplexCall(limit());
    call.write({ response_status });
    call.end();
    await fails(sizesOf(call), status.UNKNOWN, response_status.message);
  },
  async special_status_message() {
    const response_status = { code: status.UNKNOWN, message: SPECIAL };
    await fails(unary(plain, 'UnaryCall', { response_status }), status.UNKNOWN, SPECIAL);
  },
  async unimplemented_method() {
    await fails(unary(plain, 'UnimplementedCall', {}), status.UNIMPLEMENTED);
  },
  async unimplemented_service() {
    const client = new contract.UnimplementedService(address, grpc.credentials.createInsecure());
    await fails(unary(client, 'UnimplementedCall', {}), status.UNIMPLEMENTED);
    client.close();
  },
  async cancel_after_begin() {
    const ended = new Promise((resolve, reject) => {
      const call = plain.StreamingInputCall(new grpc.Metadata(), limit(), (error) =>
        error ? reject(error) : resolve(),
      );
      call.on('error', () => {});
      call.cancel();
    });
    await fails(ended, status.CANCELLED);
  },
  async cancel_after_first_response() {
    const call = plain.FullDuplexCall(limit());
    call.write(outputRequest(31415, 27182));
    await once(call, 'data');
    const ended = once(call, 'end');
    call.cancel();
    await fails(ended, status.CANCELLED);
  },
  async timeout_on_sleeping_server() {
    const call = plain.FullDuplexCall(limit(50));
    await fails(sizesOf(call), status.DEADLINE_EXCEEDED);
  },
  async concurrent_large_unary() {
    const request = { response_size: 31415, payload: payload(27182) };
    const answers = await Promise.all(Array.from({ length: 300 }, () => unary(plain, 'UnaryCall', request)));
    for (const { response } of answers) assert.equal(response.payload.body.length, 31415);
  },
};

for (const [name, run] of Object.entries(cases)) {
  const result = await run().then(
    () => 'ok',
    (failure) => String(failure).replaceAll(/\s+/g, ' ').slice(0, 300),
  );
  console.log(`${name}\t${result}`);
}
plain.close();
compressing.close();
