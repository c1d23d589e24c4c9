import { describe, expect, it } from '@jest/globals';
import type { Socket } from '@pulses/shared-ports';
import { settle } from './sim-clock';
import { createSimNetwork, type LinkPlan, type SimNetwork } from './sim-network';
import { createSimRandom } from './sim-random';

const SEED = 11;
const ADDRESS = { host: 'sim', timeoutMs: 1000 };
const TURNS = 200;

const text = (content: string) => Buffer.from(content);

function watch(socket: Socket, onData?: (bytes: Uint8Array) => void) {
  const chunks: Uint8Array[] = [];
  const heard: string[] = [];
  const errors: (Error | undefined)[] = [];
  socket.handle({
    onData: (bytes) => {
      if (heard.at(-1) !== 'data') heard.push('data');
      chunks.push(bytes);
      onData?.(bytes);
    },
    onDrain: () => heard.push('drain'),
    onEnd: () => heard.push('end'),
    onClose: (error) => {
      heard.push('close');
      errors.push(error);
    },
  });
  return { socket, chunks, heard, errors, received: () => Buffer.concat(chunks) };
}

async function listen(network: SimNetwork, connectionsMax = 100) {
  const arrived: Socket[] = [];
  const listener = await network.listen({ host: 'sim', port: 0, connectionsMax }, (socket) => arrived.push(socket));
  const connect = async () => {
    const client = await network.connect({ ...ADDRESS, port: listener.port });
    return { client, server: arrived.at(-1)! }; // it has arrived: connecting takes no time
  };
  return { listener, arrived, connect };
}

async function pair(plan?: LinkPlan) {
  const network = createSimNetwork(createSimRandom(SEED), () => plan ?? {});
  const { client, server } = await (await listen(network)).connect();
  return { network, client, server };
}

describe('the simulated network', () => {
  it('carries bytes both ways in order, and gives the receiver a copy', async () => {
    const { client, server } = await pair();
    const left = watch(client);
    const right = watch(server, (bytes) => server.write(Buffer.from(bytes)));
    const sent = Buffer.alloc(300_000, 'abcdefghijk');
    for (let at = 0; at < sent.byteLength; at += 10_000) client.write(sent.subarray(at, at + 10_000));
    await settle(TURNS);
    expect(right.received().equals(sent)).toBe(true);
    expect(left.received().equals(sent)).toBe(true);
    right.chunks[0]?.fill(0);
    expect(sent[0]).toBe(97);
  });

  it('chops bytes as planned, the same way for the same seed', async () => {
    const lengths = async () => {
      const { client, server } = await pair({ chunkBytesMax: 3 });
      const right = watch(server);
      client.write(text('a'.repeat(100)));
      await settle(TURNS);
      expect(right.received().toString()).toBe('a'.repeat(100));
      return right.chunks.map(({ byteLength }) => byteLength);
    };
    const first = await lengths();
    expect(new Set(first)).toEqual(new Set([1, 2, 3]));
    expect(await lengths()).toEqual(first);
  });

  it.each([
    ['server', { cutAfterBytesToServer: 7 }],
    ['client', { cutAfterBytesToClient: 7 }],
  ] as const)('cuts for both sides after so many bytes to the %s', async (side, plan) => {
    const { network, client, server } = await pair(plan);
    const [left, right] = [watch(client), watch(server)];
    const [reader, writer] = side === 'server' ? [right, left] : [left, right];
    writer.socket.write(text('0123456789'));
    reader.socket.write(text('x'));
    await settle(TURNS);
    expect(reader.received().toString()).toBe('0123456');
    for (const end of [left, right]) {
      expect(end.heard.at(-1)).toBe('close');
      expect(end.errors).toEqual([new Error('ECONNRESET')]);
    }
    expect(writer.socket.write(text('more'))).toBe(false);
    expect(network.openLinks).toBe(0);
  });

  it('applies a plan to each connection separately', async () => {
    const network = createSimNetwork(createSimRandom(SEED), (connection) =>
      connection === 1 ? { cutAfterBytesToServer: 1 } : {},
    );
    const { connect } = await listen(network);
    const ends = [];
    for (let connection = 0; connection < 3; connection += 1) {
      const { client, server } = await connect();
      watch(client);
      ends.push(watch(server));
      client.write(text('abc'));
    }
    await settle(TURNS);
    expect(ends.map((end) => end.received().toString())).toEqual(['abc', 'a', 'abc']);
    expect(network.openLinks).toBe(2);
    network.cutAll();
    expect(network.openLinks).toBe(0);
    expect(ends.map((end) => end.heard.at(-1))).toEqual(['close', 'close', 'close']);
  });

  it('notifies handlers that come late of a cut connection', async () => {
    const { network, client, server } = await pair();
    watch(client);
    network.cutAll();
    expect(network.openLinks).toBe(0);
    const late = watch(server);
    await settle();
    expect(late.heard).toEqual(['close']);
    expect(late.errors).toEqual([new Error('ECONNRESET')]);
  });

  it('makes the writer wait for a paused reader, and loses nothing', async () => {
    const { client, server } = await pair();
    const left = watch(client);
    const right = watch(server);
    server.pause();
    const chunk = Buffer.alloc(32 * 1024, 'abc');
    let written = 0;
    while (client.write(chunk)) written += 1;
    written += 1;
    await settle(TURNS);
    while (client.write(chunk)) written += 1;
    written += 1;
    for (let more = 0; more < 20; more += 1, written += 1) client.write(chunk);
    await settle(TURNS);
    expect(right.heard).toEqual([]);
    expect(client.bufferedBytes).toBeGreaterThan(64 * 1024);
    server.resume();
    await settle(TURNS);
    expect(right.received().byteLength).toBe(written * chunk.byteLength);
    expect(client.bufferedBytes).toBe(0);
    expect(left.heard.at(-1)).toBe('drain');
  });

  it('holds writes back until each cork has its uncork', async () => {
    const { client, server } = await pair();
    const right = watch(server);
    client.cork();
    client.cork();
    client.write(text('a'));
    client.uncork();
    client.write(text('b'));
    await settle(TURNS);
    expect(right.heard).toEqual([]);
    client.uncork();
    await settle(TURNS);
    expect(right.received().toString()).toBe('ab');
  });

  it('lets either side end first', async () => {
    const { network, client, server } = await pair();
    const [left, right] = [watch(client), watch(server)];
    client.write(text('question'));
    client.end();
    await settle(TURNS);
    expect([left.heard, right.heard]).toEqual([[], ['data', 'end']]);
    expect(client.write(text('x'))).toBe(false);
    server.write(text('answer'));
    server.end();
    await settle(TURNS);
    expect(left.received().toString()).toBe('answer');
    expect([left.heard, right.heard]).toEqual([
      ['data', 'end', 'close'],
      ['data', 'end', 'close'],
    ]);
    expect([...left.errors, ...right.errors]).toEqual([undefined, undefined]);
    expect(network.openLinks).toBe(0);
  });

  it('breaks the connection for a writer whose bytes nobody will read', async () => {
    const { client, server } = await pair();
    const left = watch(client);
    const right = watch(server);
    server.pause();
    client.write(text('unread'));
    await settle(TURNS);
    server.destroy();
    await settle(TURNS);
    expect(left.errors).toEqual([new Error('ECONNRESET')]);
    expect(right.heard).toEqual(['close']);
    expect(right.errors).toEqual([undefined]);
  });

  it('counts only open connections against the limit', async () => {
    const network = createSimNetwork(createSimRandom(SEED));
    const { connect, arrived } = await listen(network, 1);
    const first = await connect();
    watch(first.server);
    const refused = watch((await connect()).client);
    await settle(TURNS);
    expect(refused.heard).toEqual(['end']);
    expect(arrived).toHaveLength(1);
    refused.socket.end();
    watch(first.client);
    first.client.destroy();
    first.server.end();
    await settle(TURNS);
    expect(network.openLinks).toBe(0);
    const second = watch((await connect()).server);
    await settle(TURNS);
    expect(arrived).toHaveLength(2);
    expect(second.heard).toEqual([]);
  });

  it('refuses a port that is taken and one where nobody listens', async () => {
    const network = createSimNetwork(createSimRandom(SEED));
    const { listener } = await listen(network);
    const again = () => network.listen({ host: 'sim', port: listener.port, connectionsMax: 1 }, () => undefined);
    await expect(again()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await listener.close();
    await expect(network.connect({ ...ADDRESS, port: listener.port })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    });
    await expect(again()).resolves.toMatchObject({ port: listener.port });
  });
});
