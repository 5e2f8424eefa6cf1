// Finds facts out one by one: prints a line for each and closes with `N passed, M failed`.

import assert from 'node:assert/strict';

const facts = [];

/** Registers something to find out. */
export function fact(name, find) {
  facts.push([name, find]);
}

/** Asserts that a call is refused, and hands back the error. */
export async function refused(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail('it was not refused');
}

/** Finds everything out with a client; whatever goes wrong, the other facts are still to be found out. */
export async function findOut(client) {
  let failed = 0;
  for (const [name, find] of facts) {
    try {
      await find(client);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${error.stack ?? error}`);
    }
  }
  console.log(`${facts.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
