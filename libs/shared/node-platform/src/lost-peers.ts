// Finds connections whose peer has vanished while bytes wait for its acknowledgement.
//
// Keep-alive probes find a vanished peer only while nothing is unacknowledged. Otherwise the system keeps sending for
// about 15 minutes, and Node has no access to TCP_USER_TIMEOUT. Linux shows the retransmissions of each connection.
//
// Guarantees: a connection whose bytes were sent again RETRANSMITS_MAX times without an answer is given up. A peer that
// answers and takes nothing (a slow consumer) is not. On other systems the system's own time-out remains.

import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const SWEEP_MS = 10_000;
/** With the usual first time-out of 0.2 s, which doubles each time, this takes 25 s. */
const RETRANSMITS_MAX = 7;
/** Kind of a socket's timer in the table: bytes wait for their acknowledgement. */
const RETRANSMISSION_TIMER = '01';

/** The four numbers that name a TCP connection, as far as one host sees it. */
export interface TcpConnection {
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

export type TableReader = (path: string) => Promise<string>;

/** Connections to watch. The timer runs only while there are any, and does not keep the process alive. */
export class LostPeers {
  readonly #watched = new Map<TcpConnection, () => void>();
  readonly #readTable: TableReader;
  readonly #sweepMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(readTable: TableReader = (path) => readFile(path, 'latin1'), sweepMs = SWEEP_MS) {
    this.#readTable = readTable;
    this.#sweepMs = sweepMs;
  }

  /** @param onLost called once, unless the connection is forgotten before */
  watch(connection: TcpConnection, onLost: () => void): void {
    this.#watched.set(connection, onLost);
    this.#schedule();
  }

  forget(connection: TcpConnection): void {
    this.#watched.delete(connection);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#watched.size === 0) return;
    this.#timer = setTimeout(() => {
      void this.#sweep();
    }, this.#sweepMs).unref();
  }

  async #sweep(): Promise<void> {
    const lost = new Set<string>();
    for (const path of TABLES) {
      // A system without the table, or without IPv6.
      const table = await this.#readTable(path).catch(() => '');
      for (const key of unansweredIn(table)) lost.add(key);
    }
    if (lost.size > 0) {
      for (const [connection, onLost] of [...this.#watched]) {
        if (!lost.has(keyOf(connection)) || !this.#watched.delete(connection)) continue;
        onLost();
      }
    }
    this.#timer = undefined;
    this.#schedule();
  }
}

function* unansweredIn(table: string): Generator<string> {
  // Columns: slot, local, remote, state, queues, timer:when, retransmits, …
  for (const line of table.split('\n')) {
    const [, local, remote, , , timer, retransmits] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || retransmits === undefined) continue;
    if (timer?.startsWith(`${RETRANSMISSION_TIMER}:`) !== true) continue;
    if (parseInt(retransmits, 16) < RETRANSMITS_MAX) continue;
    const [address = '', port = ''] = remote.split(':');
    yield `${local.split(':')[1] ?? ''} ${plainHex(bytesOfTable(address))} ${port}`;
  }
}

function keyOf({ localPort = 0, remoteAddress = '', remotePort = 0 }: TcpConnection): string {
  return `${hexPort(localPort)} ${plainHex(hexAddress(remoteAddress))} ${hexPort(remotePort)}`;
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

/** The table shows an address as words of 32 bits in the machine's byte order. */
function bytesOfTable(address: string): string {
  const bytes = Buffer.from(address, 'hex');
  if (bytes.byteLength % 4 === 0) bytes.swap32();
  return bytes.toString('hex');
}

function hexAddress(address: string): string {
  const [plain = ''] = address.split('%'); // without the interface
  const lastPart = plain.slice(plain.lastIndexOf(':') + 1);
  if (isIPv4(lastPart)) return Buffer.from(lastPart.split('.').map(Number)).toString('hex');
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
}

/** An IPv4 address inside an IPv6 one counts as IPv4. */
function plainHex(address: string): string {
  return address.replace(/^0{20}ffff(?=.{8}$)/, '');
}
