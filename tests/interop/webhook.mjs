// A webhook of a silo is verified by the library of Standard Webhooks, with each secret while one is changed.
//   node webhook.mjs --silo http://HOST:PORT --key FILE
// The silo takes private addresses: --notices-allow-private.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Webhook } from "standardwebhooks";

const PATIENCE_MS = 30_000;

const { values } = parseArgs({ options: { silo: { type: "string" }, key: { type: "string" } } });
const key = readFileSync(values.key, "utf8").trim();
let passed = 0;
let failed = 0;

function check(what, holds) {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? "ok" : "FAILED"} ${what}`);
}

async function call(method, path, body) {
  const answer = await fetch(`${values.silo}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ requestId: crypto.randomUUID(), ...body }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${text}`);
  return JSON.parse(text);
}

// The next webhook, headers and body as they came.
function receive(server) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no webhook came")), PATIENCE_MS);
    server.once("request", (request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        clearTimeout(timer);
        response.writeHead(204).end();
        resolve({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
      });
    });
  });
}

function verifies(secret, webhook, body = webhook.body) {
  try {
    return new Webhook(secret).verify(body, webhook.headers);
  } catch {
    return undefined;
  }
}

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
try {
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  const made = await call("POST", "/v1/notification-endpoints", { kind: "ENDPOINT_KIND_WEBHOOK", url });
  const endpoint = made.endpoint.endpoint;

  let webhook = receive(server);
  const test = await call("POST", `/v1/${endpoint}:test`, {});
  let told = await webhook;
  check("a webhook verifies with its endpoint's secret", verifies(made.secret, told)?.id === test.delivery);
  check("its id is its header's", told.headers["webhook-id"] === test.delivery);
  check("another body does not verify", verifies(made.secret, told, told.body.replace("test", "tset")) === undefined);
  check("another secret does not verify", verifies("whsec_" + btoa("x".repeat(32)), told) === undefined);

  const rotated = await call("POST", `/v1/${endpoint}:rotate`, { reason: "yearly" });
  webhook = receive(server);
  await call("POST", `/v1/${endpoint}:test`, {});
  told = await webhook;
  check("the new secret verifies", verifies(rotated.secret, told) !== undefined);
  check("the former one still does", verifies(made.secret, told) !== undefined);
  await call("POST", `/v1/${endpoint}:delete`, { reason: "done" });
} catch (fault) {
  failed++;
  console.log(`FAILED webhooks: ${fault.message}`);
}
server.close();
console.log(`${passed} passed, ${failed} failed`);
