import { describe, expect, it } from '@jest/globals';
import { payloadOf, type RecordBatch } from '@pulses/broker-wire';
import { FetchEventQueue } from './fetch-stream';

const batch = (baseOffset: number): RecordBatch => ({
  baseOffset,
  recordCount: 1,
  timestampMs: 5,
  ...payloadOf(Buffer.from('x\n')),
});

function openStream() {
  const credits: number[] = [];
  const stream = new FetchEventQueue(4, { credit: (bytes) => credits.push(bytes), stop: () => undefined });
  return { stream, credits };
}

describe('a fetch stream', () => {
  it('gives events in the order sent', async () => {
    const { stream } = openStream();
    stream.push({ type: 'records', batches: [batch(0), batch(1)] });
    stream.push({ type: 'head', nextOffset: 2, clockMs: 9 });
    expect(await stream.next()).toMatchObject({ kind: 'records', batch: { baseOffset: 0 } });
    expect(await stream.next()).toMatchObject({ kind: 'records', batch: { baseOffset: 1 } });
    expect(await stream.next()).toEqual({ kind: 'head', nextOffset: 2, clockMs: 9 });
  });

  it('drops a head once something has come behind it', async () => {
    const { stream } = openStream();
    stream.push({ type: 'records', batches: [batch(0)] });
    stream.push({ type: 'head', nextOffset: 1, clockMs: 9 });
    stream.push({ type: 'records', batches: [batch(1)] });
    stream.push({ type: 'head', nextOffset: 2, clockMs: 10 });
    stream.push({ type: 'head', nextOffset: 2, clockMs: 11 });
    expect(await stream.nextAll()).toEqual([
      { kind: 'records', batch: batch(0) },
      { kind: 'records', batch: batch(1) },
      { kind: 'head', nextOffset: 2, clockMs: 11 },
    ]);
  });

  it('names the shared buffer of a frame with its last batch', async () => {
    const { stream } = openStream();
    const memory = new ArrayBuffer(1);
    stream.push({ type: 'records', batches: [batch(0), batch(1)] }, memory);
    stream.push({ type: 'records', batches: [batch(2)] });
    const memories = (await stream.nextAll()).map((event) => (event.kind === 'records' ? event.memory : 'head'));
    expect(memories).toEqual([undefined, memory, undefined]);
  });

  it('ends at messages that are not what their checksum says, and gives none of their frame', async () => {
    const { stream } = openStream();
    stream.push({ type: 'records', batches: [batch(0)] });
    const damaged = { ...batch(2), payload: Buffer.from('y\n') };
    expect(stream.push({ type: 'records', batches: [batch(1), damaged] })).toBe('ended');
    expect(await stream.next()).toMatchObject({ batch: { baseOffset: 0 } });
    await expect(stream.next()).rejects.toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: expect.stringContaining('offset 2'),
    });
  });

  it('returns credit for what was taken, in halves', async () => {
    const { stream, credits } = openStream();
    stream.push({ type: 'records', batches: [batch(0), batch(1), batch(2)] });
    expect(credits).toEqual([]);
    await stream.next();
    await stream.next();
    expect(credits).toEqual([2, 2]);
  });
});
