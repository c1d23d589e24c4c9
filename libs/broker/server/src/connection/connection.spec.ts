import { describe, expect, it } from '@jest/globals';
import { encodeRequest, payloadOf, PREAMBLE, PROTOCOL_VERSION } from '@pulses/broker-wire';
import { settle } from '@pulses/testing-sim';
import type { RefusalReason } from '../observer';
import { startHarness } from '../testing/harness';

function countRefusals() {
  const refusals: RefusalReason[] = [];
  return { refusals, observer: { connectionRefused: (reason: RefusalReason) => refusals.push(reason) } };
}

describe('the opening of a connection', () => {
  it('answers a client of neither protocol with one line, and closes', async () => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ observer });
    const client = await harness.raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(() => client.hasEnded);
    expect(client.text).toMatch(/^PROTOCOL_VIOLATION: [^\n]+\n$/);
    client.socket.end();
    await client.until(() => client.isClosed);
    expect(refusals).toEqual(['opening']);
    expect(harness.server.connectionCount).toBe(0);
  });

  it('limits the rate of new connections, in order of arrival, and reads none before its time', async () => {
    const harness = await startHarness({ limits: { openingsPerSecond: 100, openingsBurst: 2 } });
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => harness.raw('nonsense\n')));
    await settle();
    const answered = () => clients.map(({ hasEnded }) => hasEnded);
    expect(answered()).toEqual([true, true, false, false, false]);
    await harness.clock.advance(10);
    expect(answered()).toEqual([true, true, true, false, false]);
    await harness.clock.advance(20);
    expect(answered()).toEqual([true, true, true, true, true]);
  });

  it('keeps the lines of a connection that waits for its opening when the server closes', async () => {
    const harness = await startHarness({ limits: { openingsPerSecond: 100, openingsBurst: 1 } });
    const clients = await Promise.all(
      [1, 2, 3].map((client) => harness.raw(`sink-connector_waiting\nline ${client}\n`)),
    );
    for (const { socket } of clients) socket.end();
    await settle();
    const closed = harness.server.close(5_000);
    await harness.clock.advance(5_000);
    await closed;
    expect(harness.log.topic('waiting')?.nextOffset).toBe(3);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  });

  it('ends a connection without a protocol soon after the server closes', async () => {
    const harness = await startHarness();
    const client = await harness.raw('sink-conn');
    await settle();
    const closed = harness.server.close(60_000);
    await harness.clock.advance(1_500);
    await closed;
    expect([client.text, client.hasEnded || client.isClosed]).toEqual(['', true]);
  });

  it('drops a refused client that does not close its side', async () => {
    const harness = await startHarness();
    const client = await harness.raw('nonsense\n');
    await client.until(() => client.hasEnded);
    await harness.clock.advance(1000);
    expect(harness.server.connectionCount).toBe(0);
  });

  it('drops a connection that sends its opening too slowly, byte for byte', async () => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ observer });
    const client = await harness.raw('');
    for (const byte of Buffer.from('sink-conn')) {
      client.socket.write(Uint8Array.of(byte));
      await harness.clock.advance(1100);
    }
    expect(client.isClosed).toBe(false);
    await harness.clock.advance(1100);
    await client.until(() => client.hasEnded);
    expect(client.text).toBe('');
    expect(refusals).toEqual(['opening']);
    expect(harness.server.connectionCount).toBe(0);
  });

  it('counts the hello as part of the opening', async () => {
    const harness = await startHarness();
    const client = await harness.wire({ greets: false });
    await harness.clock.advance(10_000);
    await client.until(() => client.hasEnded);
    expect(harness.server.connectionCount).toBe(0);
  });

  it('gives a client that has opened all the time it wants', async () => {
    const harness = await startHarness();
    const binary = await harness.wire();
    const sink = await harness.raw('sink-connector_t\n');
    await harness.clock.advance(3_600_000);
    expect([binary.isClosed, sink.isClosed]).toEqual([false, false]);
    expect(await binary.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('ends silently with a client that connects and closes', async () => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ observer });
    const client = await harness.raw('');
    client.socket.end();
    await client.until(() => client.isClosed);
    expect([client.text, refusals]).toEqual(['', []]);
  });

  it('takes an opening and requests that come a byte at a time', async () => {
    const harness = await startHarness({ plan: () => ({ chunkBytesMax: 1 }) });
    const client = await harness.wire();
    expect(await client.request({ type: 'create-topic', topic: 't' })).toMatchObject({ type: 'topic' });
    const sink = await harness.raw('sink-connector_t\r\none\r\ntwo\n');
    sink.socket.end();
    await sink.until(() => sink.hasEnded);
    expect(harness.log.topic('t')?.nextOffset).toBe(2);
  });
});

describe('a broker with a token', () => {
  const authToken = 'a secret of the tests';

  it('lets a client in that shows it', async () => {
    const harness = await startHarness({ authToken });
    const client = await harness.wire({ token: authToken });
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it.each(['', 'a secret of the test', `${authToken} `])('rejects a client with the token %j', async (token) => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ authToken, observer });
    const client = await harness.wire({ greets: false });
    const hello = client.send({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'spec', token });
    const later = client.send({ type: 'create-topic', topic: 't' });
    expect(await client.answer(hello, 'error')).toMatchObject({ code: 'UNAUTHENTICATED' });
    await client.until(() => client.hasEnded);
    await settle();
    expect(client.heard.some((heard) => heard.correlation === later)).toBe(false);
    expect(harness.log.topic('t')).toBeUndefined();
    expect(refusals).toEqual(['unauthenticated']);
    expect(JSON.stringify(harness.events)).not.toContain(authToken);
  });

  it('does nothing for a client before its hello', async () => {
    const harness = await startHarness({ authToken });
    const client = await harness.wire({ greets: false });
    const correlation = client.send({ type: 'create-topic', topic: 't' });
    expect(await client.answer(correlation, 'error')).toMatchObject({ code: 'UNAUTHENTICATED' });
    await client.until(() => client.hasEnded);
    expect(harness.log.topic('t')).toBeUndefined();
  });

  it.each(['sink', 'source'])('refuses the line protocol of a %s with one line', async (kind) => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ authToken, observer });
    const client = await harness.raw(`${kind}-connector_t\nmessage\n`);
    await client.until(() => client.hasEnded);
    expect(client.text).toMatch(/^UNAUTHENTICATED: [^\n]+\n$/);
    expect(harness.log.topic('t')).toBeUndefined();
    expect(refusals).toEqual(['unauthenticated']);
  });

  it('holds little for a client that has not said hello', async () => {
    const harness = await startHarness({ authToken });
    const client = await harness.raw('');
    client.socket.write(PREAMBLE);
    const [frame] = encodeRequest(1, {
      type: 'produce',
      producer: { id: '0'.repeat(32), epoch: 0, sequence: 0 },
      topic: 't',
      recordCount: 1,
      ...payloadOf(Buffer.alloc(1_000_000, 'x')),
    });
    client.socket.write(frame!); // the header: a frame of a megabyte is announced
    client.socket.write(Buffer.alloc(100_000, 'x'));
    await client.until(() => client.hasEnded);
    expect(harness.server.connectionCount).toBeLessThanOrEqual(1);
    expect(client.text).toContain('too long for a hello');
  });
});
