// Baselines: what this machine reaches with a minimal program, measured in the same run as the bench.

import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { sized } from './checks';
import type { Measure } from './measurement';
import type { PulseBatch } from './pulse-pool';
import { createSamples, type Samples } from './samples';

export interface ParseCost {
  /** Lines a second, by the clock. */
  readonly rate: number;
  /** CPU of a line, in microseconds. */
  readonly micros: number;
}

/** One core's JSON.parse of the lines of payloads. */
export function jsonParseCost(payloads: readonly Buffer[], count: number): ParseCost {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let parsed = 0;
  for (let at = 0; parsed < count; at += 1) {
    const payload = payloads[at % payloads.length];
    if (payload === undefined) throw new TypeError('no payload given');
    let from = 0;
    for (let end = payload.indexOf(10); end >= 0 && parsed < count; end = payload.indexOf(10, from)) {
      if ((JSON.parse(payload.toString('utf8', from, end)) as { tenant_id: string }).tenant_id !== '') parsed += 1;
      from = end + 1;
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  return { rate: parsed / ((performance.now() - start) / 1000), micros: (user + system) / parsed };
}

const PARSED_LINES = sized(1_000_000, 2_000);

/** JSON.parse of a million lines of the batches. */
export function jsonParse(batches: readonly Pick<PulseBatch, 'payload'>[]): ParseCost {
  return jsonParseCost(
    batches.map(({ payload }) => payload),
    PARSED_LINES,
  );
}

/** Measures JSON.parse of the lines of batches, as the baseline of a rate in pulses a second. */
export function jsonParseBaseline(
  batches: readonly Pick<PulseBatch, 'payload'>[],
): (rate: number) => NonNullable<Measure['baseline']> {
  const parsed = jsonParse(batches).rate;
  return (rate) => ({ name: "one core's JSON.parse", value: parsed, unit: 'lines/s', ratio: rate / parsed });
}

export interface SyncedWrites {
  readonly bytesPerSecond: number;
  /** Milliseconds of each write and its sync. */
  readonly times: Samples;
}

/** Writes payloads one after the other to a file of the directory, each with an fdatasync, and removes the file. */
export function syncedWrites(directory: string, payloads: readonly Uint8Array[], count: number): SyncedWrites {
  const path = join(directory, 'baseline');
  const file = openSync(path, 'w', 0o600);
  const times = createSamples();
  const start = performance.now();
  let bytes = 0;
  try {
    for (let index = 0; index < count; index += 1) {
      const payload = payloads[index % payloads.length];
      if (payload === undefined) throw new TypeError('no payload given');
      const startMs = performance.now();
      for (let at = 0; at < payload.byteLength;) at += writeSync(file, payload, at);
      fdatasyncSync(file);
      times.add(performance.now() - startMs);
      bytes += payload.byteLength;
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return { bytesPerSecond: bytes / ((performance.now() - start) / 1000), times };
}

/** Writes what comes to the file, with an fdatasync, and then sends it back. */
const ECHO_SERVER = `
const { fdatasyncSync, openSync, writeSync } = require('node:fs');
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const file = openSync(workerData.path, 'w', 0o600);
let missing = workerData.bytes;
const parts = [];
const server = createServer({ noDelay: true }, (socket) => socket.on('data', (chunk) => {
  parts.push(chunk);
  missing -= chunk.byteLength;
  if (missing > 0) return;
  missing = workerData.bytes;
  const payload = Buffer.concat(parts.splice(0));
  for (let at = 0; at < payload.byteLength;) at += writeSync(file, payload, at);
  fdatasyncSync(file);
  socket.write(payload);
}));
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/**
 * Milliseconds of `count` round trips of the payload over loopback, one after the other. Another thread appends it to a
 * file of the directory, with an fdatasync, before it answers. The file is removed.
 */
export async function syncedRoundTrips(directory: string, payload: Uint8Array, count: number): Promise<Samples> {
  const path = join(directory, 'baseline');
  const server = new Worker(ECHO_SERVER, { eval: true, workerData: { path, bytes: payload.byteLength } });
  const times = createSamples();
  try {
    const [port] = (await once(server, 'message')) as [number];
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      let startMs = performance.now();
      let missing = payload.byteLength;
      socket.on('data', (chunk: Buffer) => {
        missing -= chunk.byteLength;
        if (missing > 0) return;
        times.add(performance.now() - startMs);
        if (times.count === count) {
          resolve();
          return;
        }
        missing = payload.byteLength;
        startMs = performance.now();
        socket.write(payload);
      });
      socket.write(payload);
    });
    socket.destroy();
  } finally {
    await server.terminate();
    rmSync(path, { force: true });
  }
  return times;
}
