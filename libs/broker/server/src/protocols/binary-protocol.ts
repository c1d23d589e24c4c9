// Binary protocol: frames in, answers out, on one connection.
//
// Guarantees: no request is executed before the client's hello is accepted. A request that fails gets `error` under
// its correlation id. Bytes that are no valid frame get `error` under id 0 and end this connection alone.
// Bounds: the connection is read only while its requests, their bytes, the bytes of all connections and its send
// buffer are within their limits. A frame has to be complete in time.

import {
  createFrameAssembler,
  decodeRequest,
  encodeResponse,
  FRAME_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  PROTOCOL_VERSION,
  type Frame,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Connection, ProtocolHandler } from '../connection/protocol-handler';
import type { ServerContext } from '../context';
import { createDeadline } from '../limits/deadline';
import { createFetchStreams } from './fetch-streams';
import type { RefusalReason } from '../observer';
import { createRequestFlow, type IncomingRequest } from './request-flow';
import { perform, type PlainRequest, type Sender } from './requests';

/** Memory of a request in addition to its bytes. */
const REQUEST_OVERHEAD_BYTES = 512;

export function createBinaryProtocol(context: ServerContext, connection: Connection): ProtocolHandler {
  const { clock, groups, limits, log, requestBudget } = context;
  const { sendBuffer } = connection;
  const sender: Sender = { producerEra: log.producerEra };
  const assembler = createFrameAssembler({ ownsChunks: true });
  let isGreeted = false;
  let isPaused = false;
  /** No more requests are accepted: the client or the server is leaving, or the client was rejected. */
  let isLeaving = false;
  let isClosed = false;

  const send = (correlation: number, response: Response): void => {
    sendBuffer.send(encodeResponse(correlation, response));
  };

  const sendError = (correlation: number, error: PulsesError): void => {
    send(correlation, { type: 'error', code: error.code, message: error.message });
  };

  const streams = createFetchStreams(context, sendBuffer, send, (error) => {
    connection.crashed(error);
  });

  const answerWith = async (correlation: number, response: Response | Promise<Response>): Promise<void> => {
    try {
      const settled = await response;
      failpoint('answer.before-send');
      send(correlation, settled);
      failpoint('answer.after-send');
    } catch (error) {
      failed(correlation, error);
    }
  };

  const failed = (correlation: number, error: unknown): void => {
    if (isPulsesError(error)) sendError(correlation, error);
    else connection.crashed(error);
  };

  const start = ({ correlation, request }: IncomingRequest): Promise<void> | undefined => {
    try {
      switch (request.type) {
        case 'hello':
          refuse('malformed', correlation, new PulsesError('PROTOCOL_VIOLATION', 'a second hello'));
          return undefined;
        case 'fetch':
          // Two streams under one id could not be told apart.
          if (streams.has(correlation)) {
            const detail = `correlation id ${correlation} has a stream already`;
            refuse('malformed', 0, new PulsesError('PROTOCOL_VIOLATION', detail));
          } else streams.open(correlation, request);
          return undefined;
        case 'credit':
          streams.credit(correlation, request.bytes);
          return undefined;
        case 'stop-fetch':
          streams.stop(correlation);
          return undefined;
        default:
          return startPlain(correlation, request);
      }
    } catch (error) {
      failed(correlation, error);
      return undefined;
    }
  };

  const startPlain = (correlation: number, request: PlainRequest): Promise<void> | undefined => {
    const response = perform(context, sender, request);
    if (response instanceof Promise) return answerWith(correlation, response);
    send(correlation, response);
    return undefined;
  };

  const mayStart = (): boolean => !sendBuffer.isBlocked;

  const flow = createRequestFlow(mayStart, start, () => {
    account.set(assembler.pendingBytes, flow.bytes);
    if (isClosed) closeAccount();
    else if (isLeaving) finishWhenAnswered();
    else steer();
  });

  const account = requestBudget.open({
    onFullChanged: () => {
      steer();
    },
    onEvicted: () => {
      refuse('overloaded', 0, new PulsesError('OVERLOADED', 'the broker has no room for this unfinished frame'));
    },
  });

  const frameDeadline = createDeadline(clock, limits.frameCompletionMs, () => {
    refuse('malformed', 0, new PulsesError('PROTOCOL_VIOLATION', 'the frame was not complete in time'));
  });

  /** Reads or pauses, as the limits require. */
  const steer = (): void => {
    if (isLeaving || isClosed) return;
    const mustPause =
      requestBudget.isFull ||
      sendBuffer.isBlocked ||
      flow.count >= limits.requestsMax ||
      flow.bytes > limits.connectionInputBytesMax;
    if (mustPause === isPaused) return;
    isPaused = mustPause;
    if (mustPause) {
      frameDeadline.stop();
      connection.pause();
    } else {
      if (assembler.pendingBytes > 0) frameDeadline.start();
      connection.resume();
    }
  };

  const closeAccount = (): void => {
    if (flow.count === 0) account.close();
  };

  const finishWhenAnswered = (): void => {
    if (flow.count === 0) connection.finish();
  };

  /** Accepts no further requests. Those in flight are answered; memberships and streams end. Called once: see `isLeaving`. */
  const leave = (reason: PulsesError, streamError?: PulsesError): void => {
    isLeaving = true;
    assembler.drop();
    frameDeadline.dispose();
    connection.pause();
    for (const { correlation } of flow.drain()) sendError(correlation, reason);
    streams.close(streamError);
    groups.leaveAll(sender, reason);
    account.set(assembler.pendingBytes, flow.bytes);
    finishWhenAnswered();
  };

  const refuse = (reason: RefusalReason, correlation: number, error: PulsesError): void => {
    if (isLeaving) return;
    connection.refused(reason, error);
    sendError(correlation, error);
    leave(error);
    connection.finish();
  };

  const greet = (correlation: number, request: Request): void => {
    if (request.type !== 'hello') {
      const code = context.asksForToken ? 'UNAUTHENTICATED' : 'PROTOCOL_VIOLATION';
      refuse(
        context.asksForToken ? 'unauthenticated' : 'malformed',
        correlation,
        new PulsesError(code, 'the first request has to be hello'),
      );
    } else if (request.protocolVersion !== PROTOCOL_VERSION) {
      const age = request.protocolVersion < PROTOCOL_VERSION ? 'older' : 'newer';
      const asked = `version ${request.protocolVersion} of the protocol was asked for, ${PROTOCOL_VERSION} is spoken here`;
      const detail = `${asked}: the client is ${age} than this broker`;
      refuse('malformed', correlation, new PulsesError('VERSION_UNSUPPORTED', detail));
    } else if (connection.opening.isResting) {
      const detail = 'wrong tokens came from this address; its connections are slowed, try again later';
      refuse('overloaded', correlation, new PulsesError('OVERLOADED', detail));
    } else if (!context.authenticate(request.token)) {
      connection.opening.penalize();
      refuse('unauthenticated', correlation, new PulsesError('UNAUTHENTICATED'));
    } else {
      isGreeted = true;
      sender.producerEra = log.producerEra;
      connection.opened();
      send(correlation, {
        type: 'hello-ok',
        protocolVersion: PROTOCOL_VERSION,
        server: context.serverName,
        frameBytesMax: FRAME_BYTES_MAX,
        messageBytesMax: MESSAGE_BYTES_MAX,
      });
    }
  };

  const onFrame = (frame: Frame): void => {
    let request: Request;
    try {
      request = decodeRequest(frame);
    } catch (error) {
      if (!isPulsesError(error)) throw error;
      if (!isGreeted || error.code === 'PROTOCOL_VIOLATION') refuse('malformed', 0, error);
      else sendError(frame.correlation, error);
      return;
    }
    const { correlation, body, payload, memory } = frame;
    const bytes = body.length + payload.length + REQUEST_OVERHEAD_BYTES;
    if (isGreeted) flow.push({ correlation, request, bytes, memory });
    else greet(correlation, request);
  };

  return {
    onData: (bytes) => {
      if (isLeaving) return;
      const pendingBefore = assembler.pendingBytes;
      let frames: readonly Frame[];
      try {
        frames = assembler.push(bytes);
      } catch (error) {
        if (!isPulsesError(error)) throw error;
        refuse('malformed', 0, error);
        return;
      }
      for (const frame of frames) {
        if (isLeaving) return;
        onFrame(frame);
      }
      if (isLeaving) return;
      const pending = assembler.pendingBytes;
      if (!isGreeted && pending > limits.helloBytesMax) {
        refuse('malformed', 0, new PulsesError('PROTOCOL_VIOLATION', 'the first frame is too long for a hello'));
        return;
      }
      if (pending === 0) frameDeadline.stop();
      else if (frames.length > 0 || pendingBefore === 0) frameDeadline.start();
      account.set(pending, flow.bytes);
      steer();
    },
    onDrain: () => {
      streams.onDrain();
      flow.resume();
      account.set(assembler.pendingBytes, flow.bytes);
      steer();
    },
    onEnd: () => {
      // The client's end is its leave: a killed client gives no other sign.
      if (!isLeaving) leave(new PulsesError('CONNECTION_LOST', 'the client has ended the connection'));
    },
    onClose: () => {
      isClosed = true;
      if (!isLeaving) leave(new PulsesError('CONNECTION_LOST', 'the connection is closed'));
      closeAccount();
    },
    onServerClosing: () => {
      if (isLeaving) return;
      const reason = new PulsesError('SHUTTING_DOWN');
      leave(reason, reason);
    },
  };
}
