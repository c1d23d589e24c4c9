import { describe, expect, it } from '@jest/globals';
import { encodeRequest, payloadOf, type Request } from '@pulses/broker-wire';
import { produce } from '@pulses/testing-wire-client';
import { startHarness } from '../testing/harness';

describe('the checksum of a payload', () => {
  it('tells that it has changed on its way: nothing is stored, and the connection continues', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const changed = Buffer.concat(encodeRequest(7, produce('t', 0, 'ab')));
    changed.write('x', changed.length - 2, 'latin1');
    client.sendBytes(changed);
    expect(await client.answer(7, 'error')).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: expect.stringContaining('checksum'),
    });
    expect(harness.log.topic('t')).toBeUndefined();
    expect(await client.request(produce('t', 0, 'ab'))).toMatchObject({ type: 'produced', baseOffset: 0 });
  });

  it('is handed on to readers, and computed for a part', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const request = produce('t', 0, 'a', 'b');
    await client.request(request);
    const stream = client.send({ type: 'fetch', topic: 't', incarnation: '', fromOffset: 0, creditBytes: 100 });
    const { payloadCrc } = request as Extract<Request, { type: 'produce' }>;
    expect(await client.answer(stream, 'records')).toMatchObject({ batches: [{ recordCount: 2, payloadCrc }] });
    const part = client.send({ type: 'fetch', topic: 't', incarnation: '', fromOffset: 1, creditBytes: 100 });
    const computed = payloadOf(Buffer.from('b\n')).payloadCrc;
    expect(await client.answer(part, 'records')).toMatchObject({ batches: [{ recordCount: 1, payloadCrc: computed }] });
  });
});
