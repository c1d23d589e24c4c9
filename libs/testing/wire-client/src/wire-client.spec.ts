import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createFrameAssembler,
  decodeRequest,
  encodeResponse,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import type { Socket } from '@pulses/shared-ports';
import { createSimNetwork, createSimRandom } from '@pulses/testing-sim';
import { RecordingClient } from './recording-client';
import { connectWire, ConnectionEnded } from './wire-client';

const HELLO_OK: Response = {
  type: 'hello-ok',
  protocolVersion: PROTOCOL_VERSION,
  server: 'scripted',
  frameBytesMax: 1,
  messageBytesMax: 1,
};
const HEAD = { type: 'head', nextOffset: 0, clockMs: 1 } as const;
const FETCH: Request = { type: 'fetch', topic: 't', incarnation: '', fromOffset: 0, creditBytes: 1 };

describe('the wire client', () => {
  const network = createSimNetwork(createSimRandom(1));
  let port: number;
  let peer: Socket;
  let stop: () => Promise<void>;
  let answers: (request: Request) => Response[];

  function serve(socket: Socket): void {
    const assembler = createFrameAssembler();
    let missingPreamble = PREAMBLE.byteLength;
    peer = socket;
    socket.handle({
      onData: (bytes) => {
        const frames = bytes.subarray(Math.min(missingPreamble, bytes.byteLength));
        missingPreamble -= bytes.byteLength - frames.byteLength;
        for (const frame of assembler.push(frames))
          for (const response of answers(decodeRequest(frame)))
            for (const part of encodeResponse(frame.correlation, response)) socket.write(part);
      },
      onDrain: () => undefined,
      onEnd: () => socket.destroy(),
      onClose: () => undefined,
    });
  }

  beforeEach(async () => {
    answers = ({ type }) => (type === 'hello' ? [HELLO_OK] : []);
    const listener = await network.listen({ host: '127.0.0.1', port: 0, connectionsMax: 10 }, serve);
    port = listener.port;
    stop = () => listener.close();
  });
  afterEach(async () => {
    network.cutAll();
    await stop();
  });

  it('resolves a request to its answer, and rejects it when another response comes', async () => {
    const client = await connectWire(port, { network });
    answers = ({ type }) => (type === 'ping' ? [{ type: 'pong', clockMs: 7 }] : []);
    await expect(client.request('pong', { type: 'ping' })).resolves.toEqual({ type: 'pong', clockMs: 7 });
    await expect(client.request('topics', { type: 'ping' })).rejects.toThrow('came for topics');
  });

  it('passes a stream on until it is forgotten', async () => {
    const client = await connectWire(port, { network });
    answers = ({ type }) => (type === 'ping' ? [{ type: 'pong', clockMs: 7 }] : [HEAD]);
    const heard: Response[] = [];
    const stream = client.stream(FETCH, (response) => heard.push(response));
    stream.send({ type: 'credit', bytes: 1 });
    await client.request('pong', { type: 'ping' });
    expect(heard).toEqual([HEAD, HEAD]);
    stream.forget();
    stream.send({ type: 'credit', bytes: 1 });
    await client.request('pong', { type: 'ping' });
    expect(heard).toHaveLength(2);
  });

  it('ends every request and stream when the broker closes the connection', async () => {
    const client = await connectWire(port, { network });
    const ended = new Promise<Error>((resolve) => {
      client.stream(FETCH, () => undefined, resolve);
    });
    const request = client.request('pong', { type: 'ping' });
    peer.end();
    await expect(request).rejects.toThrow(ConnectionEnded);
    expect(await ended).toBeInstanceOf(ConnectionEnded);
    await client.ended;
    expect(client.isOver).toBe(true);
    await expect(client.request('pong', { type: 'ping' })).rejects.toThrow(ConnectionEnded);
  });

  it('reports a refused connection as ended', async () => {
    await expect(connectWire(port + 1, { network })).rejects.toThrow(ConnectionEnded);
  });

  it('keeps every response of a recording client, and its half open', async () => {
    const client = await RecordingClient.connect(network, port);
    answers = ({ type }) => (type === 'ping' ? [{ type: 'pong', clockMs: 7 }] : [HEAD]);
    const stream = client.send(FETCH);
    expect(await client.request({ type: 'ping' })).toEqual({ type: 'pong', clockMs: 7 });
    expect(client.heard.map(({ response }) => response.type)).toEqual(['hello-ok', 'head', 'pong']);
    expect(await client.answer(stream, 'head')).toEqual(HEAD);
    peer.end();
    await client.until(() => client.hasEnded);
    expect(client.isClosed).toBe(false);
  });
});
