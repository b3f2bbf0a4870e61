// What the checks need of a silo, over its JSON routes.
import { readFileSync } from 'node:fs';

export class Silo {
  constructor(http, keyFile) {
    this.http = http;
    this.key = readFileSync(keyFile, 'utf8').trim();
    this.asked = 0;
  }

  async call(path, body) {
    const response = await fetch(`${this.http}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  // A session's token. What it may spend is told in billionths of a unit.
  async open(nanos = 900_000_000) {
    this.asked += 1;
    const opened = await this.call('/v1/sessions', {
      requestId: `open-${process.pid}-${this.asked}`,
      agent: 'agents/writer',
      useCase: 'useCases/promo',
      unattended: true,
      ceilings: { costPerSession: { currencyCode: 'USD', nanos } },
    });
    return opened.sessionToken;
  }

  revoke(token) {
    this.asked += 1;
    return this.call('/v1/sessions:revoke', {
      requestId: `revoke-${process.pid}-${this.asked}`,
      sessionToken: token,
      reason: 'the check says so',
    });
  }

  // The session's own balance, once nothing is held any more.
  async settled(token) {
    for (;;) {
      const { grains } = await this.call('/v1/balances:get', { sessionToken: token });
      if (Number(grains[0].heldTokens ?? 0) === 0) return Number(grains[0].settledTokens ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  // What the session spent, in billionths of a unit, once nothing is held any more.
  async cost(token) {
    for (;;) {
      const { grains: [{ held, settled }] } = await this.call('/v1/balances:get', { sessionToken: token });
      if (!held?.nanos && !held?.units) return Number(settled?.units ?? 0) * 1e9 + (settled?.nanos ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

// Counts the calls that SDKs make, which all use the platform's fetch.
export function countCalls() {
  const plain = globalThis.fetch;
  const counter = { calls: 0 };
  globalThis.fetch = (...request) => {
    counter.calls += 1;
    return plain(...request);
  };
  return counter;
}
