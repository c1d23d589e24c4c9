// The suite of all file writers in broker-log covers what it writes. This one covers a thread that ends.

import { describe, expect, it } from '@jest/globals';
import { startNodeFileWriter } from './node-file-writer';

const bytes = [Buffer.from('x')];
const AT_THE_FIRST = `require('node:worker_threads').parentPort.once('message', () => `;

describe('a file writer whose thread ends', () => {
  it.each([
    ['with an error', `${AT_THE_FIRST} { throw new Error('broken'); });`, /ended: Error: broken/],
    ['by itself', `${AT_THE_FIRST} process.exit(3));`, /ended: exit code 3/],
    ['at its start', 'not a program', /ended: SyntaxError/],
  ])('%s fails every pending and every later call', async (_, program, message) => {
    const writer = await startNodeFileWriter(program);
    // More than fit into the batches in flight, so that some wait.
    const many = await Promise.allSettled(
      Array.from({ length: 2_000 }, (_unused, index) => writer.write(`/nowhere/${index}`, bytes, 0)),
    );
    expect(many.every(({ status }) => status === 'rejected')).toBe(true);
    expect(String((many[0] as PromiseRejectedResult).reason)).toMatch(message);
    await expect(writer.reset('/nowhere/again', bytes)).rejects.toThrow(message);
    await writer.close();
  });

  it('on close fails the pending calls', async () => {
    const writer = await startNodeFileWriter('setInterval(() => undefined, 1000)');
    const written = writer.write('/nowhere', bytes, 0);
    written.catch(() => undefined);
    await writer.close();
    await expect(written).rejects.toThrow(/has ended/);
  });
});
