// How long is the main thread held, at most, while 100,000 topics are opened at once, written to, sealed, put into
// checkpoints and deleted? A turn of the event loop is measured by the thread's own CPU time, which other programs do not
// lengthen, and by the clock. TOPICS and COMMITS set the size.

import { setTimeout as sleep } from 'node:timers/promises';
import { inDirectory, LINE, open, print, sealed, sizeOf, Tenants } from './load';

const TOPICS = sizeOf('TOPICS', 100_000, 500);
const COMMITS = sizeOf('COMMITS', 400, 10);
/** As many as come within 20 ms at 100,000 lines/s. */
const LINES = Math.min(2_000, TOPICS);

/** The longest turn of the event loop since the last look. */
class Turns {
  #cpuMs = 0;
  #wallMs = 0;
  #isStopped = false;

  constructor() {
    let [cpuUs, wallMs] = [threadUs(), performance.now()];
    const turn = (): void => {
      const [cpuNow, wallNow] = [threadUs(), performance.now()];
      this.#cpuMs = Math.max(this.#cpuMs, (cpuNow - cpuUs) / 1_000);
      this.#wallMs = Math.max(this.#wallMs, wallNow - wallMs);
      [cpuUs, wallMs] = [cpuNow, wallNow];
      if (!this.#isStopped) setImmediate(turn);
    };
    setImmediate(turn);
  }

  async longest(): Promise<{ cpuMs: number; wallMs: number }> {
    // The turn that asks is not over.
    for (let turn = 0; turn < 2; turn += 1) await new Promise(setImmediate);
    const longest = { cpuMs: Math.round(this.#cpuMs * 10) / 10, wallMs: Math.round(this.#wallMs) };
    [this.#cpuMs, this.#wallMs] = [0, 0];
    return longest;
  }

  stop(): void {
    this.#isStopped = true;
  }
}

function threadUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

await inDirectory(async (directory) => {
  const log = await open(directory, { kindOf: (topic) => (topic === 'source' ? 0 : 1) });
  const tenants = await Tenants.of(log, TOPICS);
  const turns = new Turns();
  await sleep(100);
  await turns.longest();
  const openUs = threadUs();
  await tenants.open(0, TOPICS);
  const newTopicUs = (threadUs() - openUs) / TOPICS;
  const opening = await turns.longest();
  for (let commit = 0; commit < 20; commit += 1) await tenants.commit(LINES);
  const writing = await turns.longest();
  for (let commit = 0; commit < COMMITS; commit += 1) await tenants.commit(LINES);
  await sealed(log);
  const sealing = await turns.longest();
  const stored = log.topics({ prefix: 'tenants.', after: '', limit: TOPICS }).topics;
  const messages = stored.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
  if (messages !== TOPICS + (COMMITS + 20) * LINES) throw new Error(`the result is wrong: ${messages} messages`);
  await sleep(100);
  await turns.longest();
  const deleteMs = performance.now();
  await log.deleteTopics([]);
  const deleteSeconds = (performance.now() - deleteMs) / 1_000;
  const deleting = await turns.longest();
  turns.stop();
  if (log.topics({ prefix: '', after: '', limit: 1 }).topics.length > 0)
    throw new Error('the result is wrong: a topic');
  await log.close();
  const mb = Math.round((messages * LINE.length) / 1e6);
  const result = { newTopicUs: newTopicUs.toFixed(2), opening, writing, sealing, deleteSeconds, deleting };
  print('stalls', { topics: TOPICS, mb, ...result });
});
