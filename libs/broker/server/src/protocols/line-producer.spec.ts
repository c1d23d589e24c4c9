import { describe, expect, it } from '@jest/globals';
import { MESSAGE_BYTES_MAX } from '@pulses/broker-wire';
import { settle } from '@pulses/testing-sim';
import { startHarness } from '../testing/harness';

const MIB = 1024 * 1024;

describe('a connection of the sending line protocol', () => {
  it('reads a long line slowly, whose rest waits with the client, and stores it once it is whole', async () => {
    const harness = await startHarness();
    const client = await harness.raw('sink-connector_t\nbefore\n');
    client.socket.write(Buffer.alloc(MIB, 'y'));
    client.socket.write(Buffer.alloc(MIB, 'y'));
    await settle(500);
    expect(client.socket.bufferedBytes).toBeGreaterThanOrEqual(MIB);
    expect(harness.log.topic('t')?.nextOffset).toBe(1);
    client.socket.write(Buffer.from('\nafter\n'));
    client.socket.end();
    await harness.clock.advance(2_000);
    await client.until(() => client.hasEnded);
    expect(harness.log.topic('t')?.nextOffset).toBe(3);
  });

  it('closes on a line above the limit, and keeps what came before it', async () => {
    let refusedLines = 0;
    const harness = await startHarness({ observer: { lineRefused: () => (refusedLines += 1) } });
    const client = await harness.raw('sink-connector_t\nbefore\n');
    for (let sent = 0; sent <= MESSAGE_BYTES_MAX; sent += MIB) client.socket.write(Buffer.alloc(MIB, 'y'));
    while (!client.hasEnded && !client.isClosed) await harness.clock.advance(20);
    expect(refusedLines).toBe(1);
    expect(harness.log.topic('t')?.nextOffset).toBe(1);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }) }),
    );
  });

  it('gives back the memory of an unfinished line as soon as its client has gone', async () => {
    const harness = await startHarness();
    const client = await harness.raw('sink-connector_t\n');
    const line = Buffer.alloc(MIB, 'y');
    client.socket.write(line);
    await harness.clock.advance(2_000); // it is read slowly
    const before = process.memoryUsage().arrayBuffers;
    client.socket.destroy();
    await settle(500);
    expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThan(line.length / 2);
  });
});
