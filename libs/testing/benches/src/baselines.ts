// Baselines: what this machine reaches with a minimal program, measured in the same run as the bench.

import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { sized } from './checks';
import type { Measure } from './measurement';
import type { PulseBatch } from './pulse-pool';
import { createSamples, type Samples } from './samples';

/** One core's JSON.parse of the lines of payloads, in lines a second. */
export function jsonParseRate(payloads: readonly Buffer[], count: number): number {
  const start = performance.now();
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
  return parsed / ((performance.now() - start) / 1000);
}

const PARSED_LINES = sized(1_000_000, 2_000);

/** Measures JSON.parse of the lines of batches, as the baseline of a rate in pulses a second. */
export function jsonParseBaseline(
  batches: readonly Pick<PulseBatch, 'payload'>[],
): (rate: number) => NonNullable<Measure['baseline']> {
  const parsed = jsonParseRate(
    batches.map(({ payload }) => payload),
    PARSED_LINES,
  );
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

/** Lines a second, each appended to its own file, which is opened and closed for it. The files stay. */
export function lineAppends(directory: string, files: number, line: Uint8Array): number {
  const pathOf = (index: number) => join(directory, `appended-${index}`);
  const append = (index: number) => {
    const file = openSync(join(pathOf(index), 'lines'), 'a', 0o600);
    writeSync(file, line);
    closeSync(file);
  };
  for (let index = 0; index < files; index += 1) {
    mkdirSync(pathOf(index));
    append(index);
  }
  const start = performance.now();
  for (let index = 0; index < files; index += 1) append(index);
  return files / ((performance.now() - start) / 1000);
}

const ECHO_SERVER = `
const { createServer } = require('node:net');
const { parentPort } = require('node:worker_threads');
const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/** Milliseconds of `count` round trips of the payload over loopback, to another thread and back. */
export async function echoRoundTrips(payload: Uint8Array, count: number): Promise<Samples> {
  const server = new Worker(ECHO_SERVER, { eval: true });
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
  }
  return times;
}
