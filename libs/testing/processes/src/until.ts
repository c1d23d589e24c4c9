// Waiting for a condition by polling.

/** A guard against a condition that never holds, not a measure: machines and disks are slow at times. */
const PATIENCE_MS = 120_000;
const POLL_MS = 5;

/**
 * Polls until the condition holds. A single call that never settles is the caller's to end.
 *
 * @throws Error that shows the condition when it has not come about in time: who asks for ever keeps a test run from ending
 */
export async function until(condition: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs)
      throw new Error(`waited ${patienceMs / 1000} s in vain: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Polls until `ask` resolves. @throws its last rejection when it does not resolve in time */
export async function untilAnswered<Answer>(ask: () => Promise<Answer>, patienceMs = PATIENCE_MS): Promise<Answer> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
