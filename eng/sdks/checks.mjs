// Checks of real clients, one after the other: each is a line, and their number is the last line.
let passed = 0;
let failed = 0;

export async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.stack}`);
  }
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

export async function raised(run) {
  let answer;
  try {
    answer = await run();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was raised; it answered ${JSON.stringify(answer)}`);
}

// How many checks there were.
export const count = () => passed + failed;

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
