// A network inside the process. A test plans where its connections break and into which chunks bytes are split.
//
// Guarantees: bytes arrive once and in order, in chunks of the planned size, or not at all after the cut. Each end has a
// receive buffer like a real one, so a peer that does not read makes the writer wait.
// Not modelled: delay. One chunk moves in each turn of the event loop.

import { PulsesError } from '@pulses/shared-errors';
import type { Network, Random, Socket, SocketHandlers } from '@pulses/shared-ports';

/** The plan for one connection. */
export interface LinkPlan {
  /** Chunks have a random length of 1 to this many bytes. By default they hold all that is available. */
  readonly chunkBytesMax?: number;
  /** Breaks the connection for both sides once this number of bytes was delivered to the listening side. */
  readonly cutAfterBytesToServer?: number;
  /** The same for the connecting side. */
  readonly cutAfterBytesToClient?: number;
  /** The connecting side's address, without its port. */
  readonly clientAddress?: string;
}

export interface SimNetwork extends Network {
  /** Breaks every open connection. */
  cutAll(): void;
  readonly openLinks: number;
}

const RECEIVE_BUFFER_BYTES = 256 * 1024;
const WRITE_HIGH_WATER_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** @param plan called for each connection, with its number from 0 */
export function createSimNetwork(random: Random, plan: (connection: number) => LinkPlan = () => ({})): SimNetwork {
  const listeners = new Map<number, (link: Link) => void>();
  const links = new Set<Link>();
  let connections = 0;
  let nextPort = 20_000;
  return {
    listen: ({ port: asked, connectionsMax, onDropped }, onConnection) => {
      const port = asked === 0 ? (nextPort += 1) : asked;
      if (listeners.has(port)) return Promise.reject(new PulsesError('ADDRESS_IN_USE'));
      let open = 0;
      listeners.set(port, (link) => {
        open += 1;
        link.onceLeft(() => (open -= 1));
        if (open > connectionsMax) {
          link.server.destroy();
          onDropped?.();
        } else onConnection(link.server);
      });
      const close = () => {
        listeners.delete(port);
        return Promise.resolve();
      };
      return Promise.resolve({ port, close });
    },
    connect: ({ port }) => {
      const accept = listeners.get(port);
      if (accept === undefined) return Promise.reject(new PulsesError('CONNECTION_LOST', `nobody listens on ${port}`));
      const link = createLink(random, plan(connections), connections);
      connections += 1;
      links.add(link);
      link.onceClosed(() => links.delete(link));
      accept(link);
      return Promise.resolve(link.client);
    },
    cutAll: () => {
      for (const link of [...links]) link.cut();
    },
    get openLinks() {
      return links.size;
    },
  };
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  cut(): void;
  /** Calls back once neither side is open. */
  onceClosed(run: () => void): void;
  /** Calls back once the listening side is not open. */
  onceLeft(run: () => void): void;
}

/** One end, with its bytes that wait to be sent and its received bytes that wait to be read. */
interface End {
  handlers: SocketHandlers | undefined;
  outgoing: Uint8Array[];
  outgoingBytes: number;
  incoming: Uint8Array[];
  incomingBytes: number;
  deliveredBytes: number;
  readonly cutAfterBytes: number;
  owesDrain: boolean;
  corks: number;
  isPaused: boolean;
  hasEnded: boolean;
  hasHeardEnd: boolean;
  isDestroyed: boolean;
  failure: Error | undefined;
  hasClosed: boolean;
}

function createEnd(cutAfterBytes = Infinity): End {
  return {
    handlers: undefined,
    outgoing: [],
    outgoingBytes: 0,
    incoming: [],
    incomingBytes: 0,
    deliveredBytes: 0,
    cutAfterBytes,
    owesDrain: false,
    corks: 0,
    isPaused: false,
    hasEnded: false,
    hasHeardEnd: false,
    isDestroyed: false,
    failure: undefined,
    hasClosed: false,
  };
}

function createLink(random: Random, plan: LinkPlan, number: number): Link {
  const client = createEnd(plan.cutAfterBytesToClient);
  const server = createEnd(plan.cutAfterBytesToServer);
  const onClosed: (() => void)[] = [];
  const onLeft: (() => void)[] = [];
  let isScheduled = false;
  let moved = false;

  const tellLeft = (): void => {
    if (server.isDestroyed) for (const run of onLeft.splice(0)) run();
  };

  const close = (end: End, error?: Error): void => {
    if (end.hasClosed) return;
    end.isDestroyed = true;
    end.failure ??= error;
    tellLeft();
    if (client.isDestroyed && server.isDestroyed) for (const run of onClosed.splice(0)) run();
    if (end.handlers === undefined) return; // told when it listens
    end.hasClosed = true;
    moved = true;
    end.handlers.onClose(end.failure);
  };

  const cut = (): void => {
    const error = new Error('ECONNRESET');
    for (const end of [client, server]) {
      end.outgoing = [];
      end.outgoingBytes = 0;
      end.incoming = [];
      end.incomingBytes = 0;
      // Who has dropped the connection itself hears of no failure.
      close(end, end.isDestroyed ? undefined : error);
    }
  };

  const transmit = (from: End, to: End): void => {
    while (from.corks === 0 && from.outgoing.length > 0 && to.incomingBytes < RECEIVE_BUFFER_BYTES) {
      const bytes = from.outgoing.shift()!; // not empty
      from.outgoingBytes -= bytes.length;
      to.incoming.push(bytes);
      to.incomingBytes += bytes.length;
      moved = true;
    }
    if (from.owesDrain && from.outgoingBytes === 0 && !from.isDestroyed) {
      from.owesDrain = false;
      moved = true;
      from.handlers?.onDrain();
    }
  };

  const deliver = (to: End): void => {
    const first = to.incoming[0];
    if (first === undefined || to.isPaused || to.isDestroyed || to.handlers === undefined) return;
    const wanted =
      plan.chunkBytesMax === undefined ? CHUNK_BYTES : 1 + Math.floor(random.fraction() * plan.chunkBytesMax);
    const taken = Math.min(wanted, first.length, to.cutAfterBytes - to.deliveredBytes);
    if (taken === first.length) to.incoming.shift();
    else to.incoming[0] = first.subarray(taken);
    to.incomingBytes -= taken;
    to.deliveredBytes += taken;
    moved = true;
    // A copy: the receiver owns what it gets.
    if (taken > 0) to.handlers.onData(Uint8Array.from(first.subarray(0, taken)));
    if (to.deliveredBytes >= to.cutAfterBytes) cut();
  };

  const hearEnd = (from: End, to: End): void => {
    const isOver = (from.hasEnded || from.isDestroyed) && from.outgoing.length === 0 && to.incoming.length === 0;
    if (!isOver || to.hasHeardEnd || to.isDestroyed || to.isPaused || to.handlers === undefined) return;
    to.hasHeardEnd = true;
    moved = true;
    to.handlers.onEnd();
  };

  const step = (): void => {
    isScheduled = false;
    moved = false;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      transmit(from, to);
      deliver(to);
      hearEnd(from, to);
      if (from.isDestroyed) close(from);
      if (from.hasEnded && from.hasHeardEnd && from.outgoing.length === 0) close(from);
    }
    if (moved) schedule();
  };

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(step);
  };

  const socketOf = (end: End, other: End, peer: string): Socket => ({
    peer,
    get bufferedBytes() {
      return end.outgoingBytes;
    },
    handle: (handlers) => {
      end.handlers = handlers;
      schedule();
    },
    write: (bytes) => {
      if (end.hasEnded || end.isDestroyed) return false;
      schedule();
      if (other.isDestroyed) {
        // The peer is gone: its system answers with a reset.
        setImmediate(cut);
        return false;
      }
      end.outgoing.push(bytes);
      end.outgoingBytes += bytes.length;
      if (end.outgoingBytes < WRITE_HIGH_WATER_BYTES) return true;
      end.owesDrain = true;
      return false;
    },
    cork: () => {
      end.corks += 1;
    },
    uncork: () => {
      end.corks = Math.max(0, end.corks - 1);
      schedule();
    },
    pause: () => {
      end.isPaused = true;
    },
    resume: () => {
      end.isPaused = false;
      schedule();
    },
    end: () => {
      end.hasEnded = true;
      end.corks = 0;
      schedule();
    },
    destroy: () => {
      if (end.isDestroyed) return;
      end.isDestroyed = true;
      end.outgoing = [];
      end.outgoingBytes = 0;
      tellLeft();
      // Bytes that no side will read are answered with a reset.
      if (end.incoming.length > 0) setImmediate(cut);
      schedule();
    },
  });

  return {
    client: socketOf(client, server, `sim-server:${number}`),
    server: socketOf(server, client, `${plan.clientAddress ?? 'sim-client'}:${number}`),
    cut,
    onceClosed: (run) => {
      onClosed.push(run);
    },
    onceLeft: (run) => {
      onLeft.push(run);
    },
  };
}
