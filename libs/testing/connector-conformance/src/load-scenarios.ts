// What a session does with much of everything: large commits, odd messages, and a reader that does not read.

import { expect, it } from '@jest/globals';
import { tenantColumns } from '@pulses/connector-api';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { commitOf, messages, readMessages } from './session-probe';
import type { ConnectorSuite } from './suite';

/** More than the pipeline ever puts into one commit. */
const LARGE_COMMIT_BYTES = 14 * 1024 * 1024;
const LINE_BYTES = 1024;
const LARGE_TENANTS = 14;
const UNREAD_MESSAGES = 96;
const UNREAD_MESSAGE_BYTES = 512 * 1024;
/** Memory that a stream which is not read may take, with what else the process allocates meanwhile. */
const READ_AHEAD_BYTES_MAX = 20 * 1024 * 1024;
const TURNS = 50;

/** Bytes in buffers that are in use. */
function bufferBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

export function describeLoad(suite: ConnectorSuite): void {
  it('stores a commit of many megabytes', async () => {
    const session = await suite.openOnFilled();
    const lines = LARGE_COMMIT_BYTES / LINE_BYTES / LARGE_TENANTS;
    const payload = Buffer.from(`${'x'.repeat(LINE_BYTES - 1)}\n`.repeat(lines));
    const tenants = Array.from({ length: LARGE_TENANTS }, (_, index) => `large-${suite.topic}-${index}`);
    await session.commit({
      ...commitOf([], '', { offset: 7, metadata: '' }),
      grouped: tenantColumns(tenants.map((tenant) => ({ tenant, recordCount: lines, payload }))),
    });
    for (const tenant of [tenants[0], tenants.at(-1)]) {
      const stored = await suite.harness.output(suite.topic, { kind: 'grouped', tenant: tenant ?? '' });
      expect([stored.length, new Set(stored).size, stored[0]?.length]).toEqual([lines, 1, LINE_BYTES - 1]);
    }
    await session.close();
    expect((await suite.open()).positions.get('grouped')?.offset).toBe(7);
  });

  it('hands out what nothing can decode, and reads on behind it', async () => {
    const everyByte = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter(
      (text) => text !== '\n',
    );
    const texts = [...everyByte, everyByte.join(''), '\xff'.repeat(900_000), '{"tenant_id":', 'the end'];
    await suite.harness.publish(suite.topic, messages(...texts));
    const session = await suite.open();
    const { messages: read } = await readMessages(session.read(session.startOffset), texts.length);
    expect(read.map(({ text }) => text)).toEqual(texts);
  });

  it('fetches a bounded number of bytes ahead of a slow reader, who holds up no commit', async () => {
    const message = Buffer.alloc(UNREAD_MESSAGE_BYTES, 'x');
    for (let count = 0; count < UNREAD_MESSAGES; count += 8)
      await suite.harness.publish(suite.topic, Array<Buffer>(8).fill(message));
    const session = await suite.open();
    const before = bufferBytes();
    const stream = session.read(session.startOffset);
    await stream.next();
    for (let turn = 0; turn < TURNS; turn += 1) {
      await session.commit(commitOf([`slow-${suite.topic}`], `${turn}`, { offset: 0, metadata: '' }));
      await session.sourceHead();
    }
    expect(bufferBytes() - before).toBeLessThan(READ_AHEAD_BYTES_MAX);
    const { messages: rest } = await readMessages(stream, 1);
    expect(rest.at(-1)?.text).toHaveLength(UNREAD_MESSAGE_BYTES);
  });
}
