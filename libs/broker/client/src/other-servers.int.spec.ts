import { afterEach, describe, expect, it } from '@jest/globals';
import { encodeResponse } from '@pulses/broker-wire';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connectBroker } from './broker-client';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** A server that answers the first bytes of each connection as told. */
async function connectTo(answer: (socket: Socket) => void): Promise<unknown> {
  const listening = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      answer(socket);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, network: nodeNetwork, clock: nodeClock, clientName: 'test' };
  return await connectBroker(options).catch((error: unknown) => error);
}

describe('another server at the address', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ['Redis', (socket) => socket.write("-ERR unknown command 'PULSES'\r\n")],
    ['one that closes, as the original does', (socket) => socket.end()],
    ['one that resets', (socket) => socket.resetAndDestroy()],
    ['one that answers a few bytes', (socket) => socket.end('no')],
  ])('is named: %s', async (_what, answer) => {
    expect(await connectTo(answer)).toMatchObject({
      code: 'NOT_A_BROKER',
      retriable: true,
      message: expect.stringMatching(/^127\.0\.0\.1:\d+ answers, but is no Pulses broker/),
    });
  });

  it('is told to need TLS when it answers with an alert', async () => {
    const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]);
    expect(await connectTo((socket) => socket.end(alert))).toMatchObject({
      code: 'NOT_A_BROKER',
      message: expect.stringMatching(/answers with TLS; set --tls or --tls-ca-file$/),
    });
  });

  it('is named when it is a broker of another version', async () => {
    const refusal = {
      code: 'VERSION_UNSUPPORTED',
      message: 'version 2 of the protocol was asked for, 1 is spoken here',
    };
    const answer = Buffer.concat(encodeResponse(1, { type: 'error', ...refusal }));
    expect(await connectTo((socket) => socket.end(answer))).toMatchObject({
      code: 'VERSION_UNSUPPORTED',
      retriable: false,
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ is a broker of another version: version 2 .* 1 is spoken here$/,
      ),
    });
  });

  it('is none when a broker that was stopping is gone at the second try', async () => {
    const error = await connectTo((socket) => {
      server?.close();
      socket.end();
    });
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
