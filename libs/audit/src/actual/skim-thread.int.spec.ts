import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComparedLines } from '../compare/scope';
import { skimInThread } from './skim-thread';

const compared: ComparedLines = {
  source: { topic: 'source.pulses', incarnation: '0' },
  otherSources: [],
  startOffset: 0,
  groupedOffset: 1,
  windowedOffset: 1,
  groupedLimit: 1,
  windowedLimit: 1,
  outputCount: 0,
};

const unreachable = () => Promise.reject(new PulsesError('CONNECTION_LOST', 'nothing answers'));

describe('skimming in a thread', () => {
  let directory: TempDirectory;
  beforeAll(async () => {
    directory = await makeTempDirectory();
  });
  afterAll(() => directory.remove());

  /** Skims by a thread that runs this text; answers the counts of messages that it reports. */
  async function skimBy(text: string): Promise<{ answer: Promise<unknown>; read: number[] }> {
    const program = join(directory.path, 'program.cjs');
    await writeFile(program, `const { parentPort, workerData } = require('node:worker_threads');\n${text}`);
    const read: number[] = [];
    const access = { host: '127.0.0.1', token: 'secret' };
    return {
      answer: skimInThread(program, unreachable, access, 3)([compared], [], (messages) => read.push(messages)),
      read,
    };
  }

  it('passes the thread its job, and returns its answer', async () => {
    const { answer, read } = await skimBy(`
      parentPort.postMessage({ kind: 'read', messages: 5 });
      parentPort.postMessage({ kind: 'done', readings: [workerData] });
      setInterval(() => undefined, 1000);
    `);
    expect(await answer).toMatchObject([
      { connections: 3, access: { token: 'secret' }, compared: [compared], topics: [] },
    ]);
    expect(read).toEqual([5]);
  });

  it.each([
    [
      'says so',
      `parentPort.postMessage({ kind: 'failed', code: 'TOPIC_UNKNOWN', message: 'gone' });`,
      { code: 'TOPIC_UNKNOWN', message: 'gone' },
    ],
    ['throws', `throw new Error('oops');`, { message: 'oops' }],
    ['ends', 'process.exit(7);', { message: 'the thread that reads the outputs ended with exit code 7' }],
    ['ends without an answer', '', { message: 'the thread that reads the outputs ended with exit code 0' }],
  ])('fails when the thread %s', async (_how, text, error) => {
    const { answer } = await skimBy(text);
    await expect(answer).rejects.toMatchObject(error);
  });

  it('runs in the calling thread when no other can be started', async () => {
    const answer = skimInThread('-', unreachable, {}, 1)([compared], [], () => undefined);
    await expect(answer).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
