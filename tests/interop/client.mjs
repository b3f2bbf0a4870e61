// A client on @grpc/grpc-js with stubs made at run time from the protos. See eng/interop.sh.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const { values: options } = parseArgs({
  options: { grpc: { type: "string" }, key: { type: "string" }, protos: { type: "string" } },
});
const PATIENCE_MILLISECONDS = 20_000;
const FILES = ["budget_service", "session_service", "spend_service", "report_service", "catalog_service"];
const definition = loader.loadSync(
  FILES.map((file) => `agentbudget/v1/${file}.proto`),
  { includeDirs: [options.protos], longs: String, enums: String, defaults: true, oneofs: true },
);
const { v1 } = grpc.loadPackageDefinition(definition).agentbudget;
const credentials = grpc.credentials.createInsecure();
const clients = Object.fromEntries(
  ["BudgetService", "SessionService", "SpendService", "ReportService"].map((name) => [
    name,
    new v1[name](options.grpc, credentials),
  ]),
);

function metadata(bearer = readFileSync(options.key, "utf8").trim()) {
  const entries = new grpc.Metadata();
  if (bearer) entries.set("authorization", `Bearer ${bearer}`);
  return entries;
}

function call(service, method, request, headers = metadata()) {
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  return new Promise((resolve, reject) => {
    clients[service][method](request, headers, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// Events of the ledger until one of them is wanted; then the stream is cancelled.
function watchUntil(request, isWanted) {
  return new Promise((resolve, reject) => {
    const events = [];
    const stream = clients.SpendService.watchSpend(request, metadata(), {
      deadline: Date.now() + PATIENCE_MILLISECONDS,
    });
    stream.on("data", ({ event }) => {
      if (!event) return;
      events.push(event);
      if (!isWanted(event)) return;
      stream.cancel();
      resolve(events);
    });
    stream.on("error", (error) => (error.code === grpc.status.CANCELLED ? undefined : reject(error)));
    stream.on("end", () => reject(new Error("the stream ended")));
  });
}

const run = `node-${process.pid}`;
let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed++;
    console.log(`ok      grpc-js: ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  grpc-js: ${name}: ${error.stack}`);
  }
}

function open(useCase, id) {
  return call("SessionService", "openSession", {
    requestId: `${run}-${id}`,
    agent: "agents/agent",
    useCase: `useCases/${useCase}`,
    task: "interop",
    unattended: true,
  });
}

const { session, sessionToken } = await open("wide", "open");
const reserve = {
  requestId: `${run}-reserve`,
  sessionToken,
  model: "model",
  estimate: { inputTokens: 1000, maxOutputTokens: 1000 },
};
let reservation;

await check("a reserve is allowed and priced", async () => {
  const answer = await call("BudgetService", "reserveTokens", reserve, metadata(sessionToken));
  assert.equal(answer.decision, "DECISION_ALLOW");
  assert.deepEqual(answer.reservation.cost, { currencyCode: "USD", units: "0", nanos: 6_000_000 });
  reservation = answer.reservation.reservationId;
});

await check("a repeated reserve has the same answer", async () => {
  const answer = await call("BudgetService", "reserveTokens", reserve, metadata(sessionToken));
  assert.equal(answer.reservation.reservationId, reservation);
});

await check("a reused request id is ALREADY_EXISTS", () =>
  assert.rejects(
    call("BudgetService", "reserveTokens", { ...reserve, estimate: { inputTokens: 1 } }, metadata(sessionToken)), {
    code: grpc.status.ALREADY_EXISTS,
  }),
);

await check("a commit settles what was used, with the session's token as bearer", async () => {
  const request = { requestId: `${run}-commit`, reservationId: reservation, usage: { inputTokens: 1000, outputTokens: 500 } };
  const answer = await call("BudgetService", "commitTokens", request, metadata(sessionToken));
  assert.equal(answer.settled.cost.nanos, 3_500_000);
  assert.equal(answer.late, false);
});

await check("the balance shows it on five grains", async () => {
  const { grains } = await call("BudgetService", "getBalance", { sessionToken });
  assert.equal(grains.length, 5);
  assert.equal(grains[0].grain, session.session);
  assert.equal(grains[0].settled.nanos, 3_500_000);
});

await check("a denial is an answer", async () => {
  const narrow = await open("narrow", "open-narrow");
  const request = { ...reserve, requestId: `${run}-denied`, sessionToken: narrow.sessionToken };
  const answer = await call("BudgetService", "reserveTokens", { ...request, estimate: { inputTokens: 1_000_000 } });
  assert.equal(answer.decision, "DECISION_DENY");
  assert.equal(answer.denial.reason, "REASON_USE_CASE_BUDGET");
  assert.equal(answer.denial.grain, "useCases/narrow");
});

await check("a watch gives the session's events in order, and resumes", async () => {
  const request = { filter: { session: session.session }, fromSequence: 1 };
  const events = await watchUntil(request, (event) => event.fact === "reservationSettled");
  assert.deepEqual(
    events.map((event) => event.fact),
    ["sessionOpened", "reservationHeld", "reservationSettled"],
  );
  const resumed = await watchUntil({ ...request, fromSequence: events[1].sequence }, (event) => event.fact === "reservationSettled");
  assert.deepEqual(resumed.map((event) => event.sequence), events.slice(1).map((event) => event.sequence));
});

await check("the report equals what was settled", async () => {
  const { rows } = await call("ReportService", "getChargeback", {
    groupBy: ["session"],
    filter: { session: session.session },
  });
  assert.equal(rows.length, 1);
  assert.equal(rows[0].cost.nanos, 3_500_000);
});

await check("a call without a bearer is UNAUTHENTICATED", () =>
  assert.rejects(call("BudgetService", "reserveTokens", reserve, metadata("")), { code: grpc.status.UNAUTHENTICATED }),
);

await check("a reservation that is not there is NOT_FOUND", () =>
  assert.rejects(
    call("BudgetService", "releaseTokens", { requestId: `${run}-none`, sessionToken, reservationId: "r999999999" }),
    { code: grpc.status.NOT_FOUND },
  ),
);

await check("a faulty field is INVALID_ARGUMENT with details", async () => {
  const error = await call("BudgetService", "reserveTokens", { ...reserve, requestId: "" }).then(
    () => assert.fail("it was answered"),
    (reason) => reason,
  );
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  assert.match(Buffer.from(error.metadata.get("grpc-status-details-bin")[0]).toString("latin1"), /request_id|requestId/);
});

await check("a deadline ends a stream", () =>
  new Promise((resolve, reject) => {
    const stream = clients.SpendService.watchSpend({}, metadata(), { deadline: Date.now() + 300 });
    stream.on("data", () => {});
    stream.on("error", (error) =>
      error.code === grpc.status.DEADLINE_EXCEEDED ? resolve() : reject(error),
    );
    stream.on("end", () => reject(new Error("the stream ended well")));
  }),
);

for (const client of Object.values(clients)) client.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
