import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { ConnectionLimit } from './connection-limit';

const CONNECTIONS_MAX = 3;
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const HALF = 'GET / HTTP/1.1\r\nHost: x\r\n';

describe('a limit of connections', () => {
  /** Requests that wait for their answer. */
  let waiting: ServerResponse[];
  let server: Server;
  const clients: Socket[] = [];

  beforeEach(async () => {
    waiting = [];
    server = createServer((request, response) => {
      if (request.url === '/wait') waiting.push(response);
      else response.end('x');
    });
    new ConnectionLimit(CONNECTIONS_MAX).watch(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  /** A connection that the server has taken. */
  const open = async (text: string) => {
    const taken = once(server, 'connection');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1', () => client.write(text));
    client.on('error', () => undefined);
    clients.push(client);
    await taken;
    return client;
  };
  const answered = async (client: Socket) => {
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
    return client;
  };
  const openWaiting = async (text = GET.replace('/', '/wait')) => {
    const requested = once(server, 'request');
    const client = await open(text);
    await requested;
    return client;
  };
  const closed = async (client: Socket) => {
    client.resume();
    if (!client.closed) await once(client, 'close');
  };

  it('closes the oldest half-open connection, and none with a request in progress', async () => {
    const busy = await openWaiting();
    const [first, second] = [await open(HALF), await open('')];
    await answered(await open(GET));
    await closed(first);
    await answered(await open(GET));
    await closed(second);
    waiting[0]?.end('x');
    await answered(busy);
  });

  it('closes a connection whose body does not arrive', async () => {
    const half = await openWaiting('POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx');
    await openWaiting();
    await openWaiting();
    await answered(await open(GET));
    await closed(half);
  });

  it('closes the idle connection that has been without a request for longest', async () => {
    const [first, second, third] = [
      await answered(await open(GET)),
      await answered(await open(GET)),
      await answered(await open(GET)),
    ];
    first.write(GET);
    await answered(first);
    await answered(await open(GET));
    await closed(second);
    await answered(await open(GET));
    await closed(third);
    first.write(GET);
    await answered(first);
  });

  it('closes the oldest where each has a request in progress', async () => {
    const [first, second] = [await openWaiting(), await openWaiting(), await openWaiting()];
    await answered(await open(GET));
    await closed(first);
    waiting[1]?.end('x');
    await answered(second);
  });

  it('forgets connections that have closed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const gone = once(server, 'connection');
      const client = await open('');
      const [socket] = (await gone) as [Socket];
      client.destroy();
      if (!socket.closed) await once(socket, 'close');
    }
    const kept = await answered(await open(GET));
    await answered(await open(GET));
    await answered(await open(GET));
    kept.write(GET);
    await answered(kept);
  });
});
