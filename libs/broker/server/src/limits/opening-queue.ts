// Admits new connections: a token bucket over all of them, in which peers take turns.
//
// Guarantees: over any time t at most `burst` + t × `perSecond` openings start, until `close`. Within one peer they start
// in order of arrival. A peer with thousands of connections delays another by one opening for each turn.
// After a wrong token the openings of its peer rest; each further one prolongs the rest, up to `restMsMax`.
// Where there is no room, a peer gets the place of another one's oldest opening, as long as that one has two more.
// Bounds: the caller's limit of connections, those that wait included.

import type { Clock, Timer } from '@pulses/shared-ports';

/** An admitted connection, until its client has opened it. */
export interface Opening {
  /** The client has opened the connection, or has gone. Later calls do nothing. */
  end(): void;
  /** Its client has shown a wrong token. */
  penalize(): void;
  /** True while a wrong token of this peer is not forgiven: no token of it is compared. */
  readonly isResting: boolean;
}

/** A connection before its client has opened it. */
export interface OpeningClient {
  /** It is its turn. */
  start(opening: Opening): void;
  /** Its place goes to another peer, before or after `start`. Its opening has ended. */
  evict(): void;
}

export interface OpeningQueueOptions {
  readonly perSecond: number;
  readonly burst: number;
  readonly restMs: number;
  readonly restMsMax: number;
}

interface Peer {
  readonly address: string;
  readonly waiting: OpeningClient[];
  /** Those that wait or are under way, in order of arrival. */
  readonly unfinished: Set<OpeningClient>;
  restUntilMs: number;
  forgetTimer: Timer | undefined;
}

export class OpeningQueue {
  readonly #clock: Clock;
  readonly #options: OpeningQueueOptions;
  readonly #peers = new Map<string, Peer>();
  /** Peers with a waiting opening; the first has the next turn. */
  readonly #turns = new Set<Peer>();
  #waitingCount = 0;
  #tokens: number;
  #filledMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, options: OpeningQueueOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** Openings that have not started. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Peers that are remembered. */
  get peerCount(): number {
    return this.#peers.size;
  }

  /** Starts the client now or in its turn. */
  begin(address: string, client: OpeningClient): void {
    const peer = this.#peers.get(address) ?? newPeer(address);
    this.#peers.set(address, peer);
    peer.unfinished.add(client);
    peer.waiting.push(client);
    this.#waitingCount += 1;
    this.#turns.add(peer);
    this.#startAllowed();
  }

  /** Evicts an opening of the peer with the most, for one more of this address; false when no other peer has two more. */
  makeRoomFor(address: string): boolean {
    let most = (this.#peers.get(address)?.unfinished.size ?? 0) + 1;
    let greediest: Peer | undefined;
    for (const peer of this.#peers.values())
      if (peer.unfinished.size > most) [greediest, most] = [peer, peer.unfinished.size];
    const [client] = greediest?.unfinished ?? [];
    if (greediest === undefined || client === undefined) return false;
    this.#stopWaiting(greediest, client);
    this.#end(greediest, client);
    client.evict();
    return true;
  }

  /** Starts all that wait, and leaves no timer. */
  close(): void {
    this.#isClosed = true;
    for (const peer of this.#turns) while (peer.waiting.length > 0) this.#startNext(peer);
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const peer of this.#peers.values()) peer.forgetTimer?.cancel();
  }

  #startAllowed(): void {
    const nowMs = this.#clock.monotonicMs();
    const { burst, perSecond } = this.#options;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) * perSecond) / 1000);
    this.#filledMs = nowMs;
    while (this.#tokens >= 1) {
      const peer = this.#nextPeer();
      if (peer === undefined || peer.restUntilMs > nowMs) break;
      this.#tokens -= 1;
      this.#startNext(peer);
    }
    this.#schedule(nowMs);
  }

  /** The first peer in turn that does not rest, else the one whose rest ends first. */
  #nextPeer(): Peer | undefined {
    const nowMs = this.#clock.monotonicMs();
    let next: Peer | undefined;
    for (const peer of this.#turns) {
      if (peer.restUntilMs <= nowMs) return peer;
      if (next === undefined || peer.restUntilMs < next.restUntilMs) next = peer;
    }
    return next;
  }

  #startNext(peer: Peer): void {
    const client = peer.waiting.shift();
    // To the end of the line, if it has more.
    this.#turns.delete(peer);
    if (peer.waiting.length > 0) this.#turns.add(peer);
    if (client === undefined) return;
    this.#waitingCount -= 1;
    client.start(this.#openingOf(peer, client));
  }

  /** The oldest opening of a peer with several: when it waits, so do the others, and the peer keeps its turn. */
  #stopWaiting(peer: Peer, client: OpeningClient): void {
    const index = peer.waiting.indexOf(client);
    if (index < 0) return;
    peer.waiting.splice(index, 1);
    this.#waitingCount -= 1;
  }

  #end(peer: Peer, client: OpeningClient): void {
    if (peer.unfinished.delete(client)) this.#forgetIdle(peer);
  }

  #schedule(nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#turns.size === 0) return;
    const tokenMs = this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * 1000) / this.#options.perSecond;
    const restMs = (this.#nextPeer()?.restUntilMs ?? nowMs) - nowMs;
    this.#timer = this.#clock.setTimer(Math.ceil(Math.max(tokenMs, restMs)), () => {
      this.#timer = undefined;
      this.#startAllowed();
    });
  }

  #openingOf(peer: Peer, client: OpeningClient): Opening {
    const clock = this.#clock;
    return {
      get isResting() {
        return peer.restUntilMs > clock.monotonicMs();
      },
      end: () => {
        this.#end(peer, client);
      },
      penalize: () => {
        const { restMs, restMsMax } = this.#options;
        const nowMs = clock.monotonicMs();
        peer.restUntilMs = Math.min(nowMs + restMsMax, Math.max(nowMs, peer.restUntilMs) + restMs);
      },
    };
  }

  #forgetIdle(peer: Peer): void {
    if (peer.unfinished.size > 0) return;
    const leftMs = peer.restUntilMs - this.#clock.monotonicMs();
    if (leftMs <= 0 || this.#isClosed) {
      this.#peers.delete(peer.address);
      return;
    }
    peer.forgetTimer ??= this.#clock.setTimer(
      Math.ceil(leftMs),
      () => {
        peer.forgetTimer = undefined;
        this.#forgetIdle(peer);
      },
      { keepAlive: false },
    );
  }
}

function newPeer(address: string): Peer {
  return { address, waiting: [], unfinished: new Set(), restUntilMs: 0, forgetTimer: undefined };
}
