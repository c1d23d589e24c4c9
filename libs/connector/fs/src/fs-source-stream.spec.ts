import { describe, expect, it } from '@jest/globals';
import type { FetchEvent } from '@pulses/broker-client';
import { FsSourceStream } from './fs-source-stream';

const batchAt = (baseOffset: number): FetchEvent => ({
  kind: 'records',
  batch: { baseOffset, recordCount: 2, timestampMs: 7, payload: Buffer.from('a\nb\n') },
  memory: new ArrayBuffer(0),
});

describe('the source stream', () => {
  it('refuses a batch that does not begin where the one before ended, since a message would be missing', async () => {
    const events = [batchAt(5), batchAt(7), batchAt(10)];
    const stream = new FsSourceStream(
      { next: () => Promise.resolve(events.shift() as FetchEvent), close: () => undefined },
      5,
    );
    expect(await stream.next()).toMatchObject({ baseOffset: 5, recordCount: 2 });
    expect(await stream.next()).toMatchObject({ baseOffset: 7 });
    await expect(stream.next()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });
});
