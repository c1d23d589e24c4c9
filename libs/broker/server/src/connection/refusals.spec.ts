import { describe, expect, it } from '@jest/globals';
import { encodeRequest, PREAMBLE, PROTOCOL_VERSION } from '@pulses/broker-wire';
import { createSimClock, settle } from '@pulses/testing-sim';
import type { RefusalReason } from '../observer';
import { AT_ONCE, createTestLogger, startHarness } from '../testing/harness';
import { createRefusals } from './refusals';

function countRefusals() {
  const refusals: RefusalReason[] = [];
  return { refusals, observer: { connectionRefused: (reason: RefusalReason) => refusals.push(reason) } };
}

const hello = (token: string) => ({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'spec', token }) as const;

describe('a connection above the limit', () => {
  const MESSAGE = '--connections-max: limit of 2 connections reached';

  async function startFull(limits = {}) {
    const counted = countRefusals();
    const harness = await startHarness({ limits: { connectionsMax: 2, ...limits }, observer: counted.observer });
    const served = [await harness.wire(), await harness.raw('sink-connector_t\n')];
    await settle();
    return { harness, served, ...counted };
  }

  it('gets OVERLOADED with the name of the limit over the binary protocol, and is counted and logged', async () => {
    const { harness, refusals } = await startFull();
    const client = await harness.wire({ greets: false });
    client.send(hello(''));
    expect(await client.answer(0, 'error')).toMatchObject({ code: 'OVERLOADED', message: MESSAGE });
    await client.until(() => client.hasEnded);
    expect(refusals).toEqual(['overloaded']);
    expect(harness.events.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        fields: { peer: 'sim-client:2', code: 'OVERLOADED', detail: MESSAGE, reason: 'overloaded' },
        message: 'connection rejected: limit of 2 connections reached',
      },
    ]);
  });

  it.each(['sink-connector_t\n', 'source-connector_t\n', 'GET / HTTP/1.1\r\n\r\n'])(
    'gets a line with the reason after %j',
    async (text) => {
      const { harness } = await startFull();
      const client = await harness.raw(text);
      await client.until(() => client.hasEnded);
      expect(client.text).toBe(`OVERLOADED: ${MESSAGE}\n`);
    },
  );

  it('is served once another has gone', async () => {
    const { harness, served } = await startFull();
    served[0]?.socket.destroy();
    await settle();
    const client = await harness.wire();
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('is dropped when it says nothing, or does not close', async () => {
    const { harness } = await startFull();
    const silent = await harness.raw('');
    const lingering = await harness.raw('source-connector_t\n');
    await lingering.until(() => lingering.hasEnded);
    await harness.clock.advance(1_000);
    await settle();
    expect([silent.hasEnded || silent.isClosed, harness.network.openLinks]).toEqual([true, 4]);
    silent.socket.destroy();
    lingering.socket.destroy();
    await settle();
    expect(harness.network.openLinks).toBe(2);
  });

  it('costs a bounded number of answers and log lines in a flood, and each is counted', async () => {
    const { harness, refusals } = await startFull({ refusalsMax: 3 });
    const flood = await Promise.all(Array.from({ length: 500 }, () => harness.raw('source-connector_t\n')));
    await settle();
    const answered = flood.filter(({ text }) => text.includes('OVERLOADED'));
    expect(answered.length).toBe(3);
    expect(refusals).toHaveLength(500);
    await harness.clock.advance(60_000);
    const warnings = harness.events.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ fields }) => (fields as { more?: number }).more)).toEqual([undefined, 499]);
    expect(warnings[1]?.fields).toMatchObject({ peer: 'sim-client:501', reason: 'overloaded' });
  });

  it('keeps its time to say what it is while others come and go', async () => {
    const { harness } = await startFull({ refusalsMax: 3 });
    const silent = await harness.raw('');
    for (let index = 0; index < 10; index += 1) {
      const gone = await harness.raw('source-connector_t\n');
      await gone.until(() => gone.hasEnded);
      gone.socket.destroy();
      await settle();
    }
    expect([silent.hasEnded, silent.isClosed]).toEqual([false, false]);
    silent.socket.destroy();
  });

  it('gets its whole time to read the reason, however late it says what it is', async () => {
    const { harness } = await startFull();
    const late = await harness.raw('');
    await harness.clock.advance(900);
    late.socket.write(Buffer.from('source-connector_t\n'));
    await late.until(() => late.hasEnded);
    const timers = harness.clock.timerCount;
    await harness.clock.advance(999);
    expect(harness.clock.timerCount).toBe(timers);
    await harness.clock.advance(1);
    expect(harness.clock.timerCount).toBe(timers - 1);
  });

  it('is summed up in the log when the server closes, and leaves no timer', async () => {
    const { harness, served } = await startFull();
    for (let index = 0; index < 3; index += 1) await harness.raw('source-connector_t\n');
    for (const { socket } of served) socket.destroy();
    await settle();
    await harness.server.close(5_000);
    await settle();
    const warnings = harness.events.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ fields }) => (fields as { more?: number }).more)).toEqual([undefined, 2]);
    expect(harness.clock.timerCount).toBe(0);
  });

  it('does not keep the server from closing', async () => {
    const { harness } = await startFull();
    await harness.raw('');
    const closed = harness.server.close(5_000);
    await harness.clock.advance(5_000);
    await closed;
    await settle();
    expect(harness.server.connectionCount).toBe(0);
  });
});

describe('the log of refusals', () => {
  it('keeps no process alive for a line that is due', () => {
    const keepAlives: unknown[] = [];
    const clock = createSimClock();
    const setTimer: typeof clock.setTimer = (delayMs, callback, options) => {
      keepAlives.push(options?.keepAlive);
      return clock.setTimer(delayMs, callback, options);
    };
    const { logger } = createTestLogger();
    createRefusals({ ...clock, setTimer }, logger, { connectionRefused: () => undefined }, 1_000).warn({}, 'refused');
    expect(keepAlives).toEqual([false]);
  });
});

describe('one address with thousands of connections', () => {
  const clientAddress = (connection: number) => ({ clientAddress: connection < 3_000 ? '10.0.0.1' : '10.0.0.2' });
  const limits = { openingsPerSecond: 500, openingsBurst: 8, connectionsMax: 4096 };

  it('waits as long as there are places, and does not delay the hello of another address', async () => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({ plan: clientAddress, limits, observer });
    for (let index = 0; index < 3_000; index += 1)
      await harness.network.connect({ host: 'x', port: harness.port, timeoutMs: 1 });
    expect(refusals).toEqual([]);
    const fresh = harness.wire();
    await harness.clock.advance(100);
    expect(await (await fresh).request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it.each([
    ['one', 1],
    ['half', 8],
    ['all of them', AT_ONCE.openingsBurst],
  ])('holds no place against another address where few fit; started before the flood: %s', async (_what, burst) => {
    const { refusals, observer } = countRefusals();
    const small = { openingsPerSecond: 1, openingsBurst: burst, connectionsMax: 16 };
    const harness = await startHarness({ plan: clientAddress, limits: small, observer });
    const flood = async (count: number) => {
      for (let index = 0; index < count; index += 1)
        await harness.network.connect({ host: 'x', port: harness.port, timeoutMs: 1 });
    };
    await flood(3_000);
    expect(refusals).toHaveLength(3_000 - 16);
    const fresh = harness.wire();
    await harness.clock.advance(2_000);
    expect(await (await fresh).request({ type: 'ping' })).toMatchObject({ type: 'pong' });
    expect(harness.server.connectionCount).toBeLessThanOrEqual(16);
    expect(refusals).toHaveLength(3_000 - 16 + 1);
  });

  it('loses the place of an evicted connection at once, before its socket is closed', async () => {
    const plan = (connection: number) => ({ clientAddress: connection < 4 ? '10.0.0.1' : '10.0.0.2' });
    const harness = await startHarness({ plan, limits: { connectionsMax: 4 } });
    const connect = () => harness.network.connect({ host: 'x', port: harness.port, timeoutMs: 1 });
    for (let index = 0; index < 4; index += 1) await connect();
    expect(harness.server.connectionCount).toBe(4);
    void connect();
    expect(harness.server.connectionCount).toBe(4);
  });

  it('leaves room for others when it opens nothing', async () => {
    const harness = await startHarness({ plan: clientAddress, limits: { ...limits, connectionsMax: 2_000 } });
    for (let index = 0; index < 3_000; index += 1)
      await harness.network.connect({ host: 'x', port: harness.port, timeoutMs: 1 });
    await harness.clock.advance(5_000);
    const fresh = harness.wire();
    await harness.clock.advance(100);
    expect(await (await fresh).request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });
});

describe('wrong tokens', () => {
  const authToken = 'a secret of the tests';
  const plan = (connection: number) => ({ clientAddress: connection < 1_000 ? '10.0.0.1' : '10.0.0.2' });

  async function guess(harness: Awaited<ReturnType<typeof startHarness>>, count: number) {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const client = await harness.raw('');
        client.socket.write(PREAMBLE);
        for (const part of encodeRequest(1, hello('wrong'))) client.socket.write(part);
        return client;
      }),
    );
  }

  it('are slowed for their address, and counted, and logged at a bounded rate', async () => {
    const { refusals, observer } = countRefusals();
    const harness = await startHarness({
      plan,
      authToken,
      observer,
      limits: { openingsPerSecond: 500, openingsBurst: 8 },
    });
    await guess(harness, 1_000);
    const compared = () => refusals.filter((reason) => reason === 'unauthenticated').length;
    await harness.clock.advance(60_000);
    expect(compared()).toBeGreaterThan(0);
    expect(compared()).toBeLessThanOrEqual(60_000 / 500 + 1);
    expect(harness.events.length).toBeLessThanOrEqual(2 * 7);
    // Another address is not slowed.
    for (let index = harness.network.openLinks; index < 1_000; index += 1) await guess(harness, 1);
    const right = harness.wire({ token: authToken });
    await harness.clock.advance(100);
    expect(await (await right).request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('let the right token of the same address in after the rest', async () => {
    const harness = await startHarness({ authToken });
    const [client] = await guess(harness, 1);
    await client?.until(() => client.hasEnded);
    const right = harness.wire({ token: authToken });
    await harness.clock.advance(499);
    expect(harness.server.connectionCount).toBe(1); // the guess lingers no longer than its client
    await harness.clock.advance(1);
    expect(await (await right).request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });
});
