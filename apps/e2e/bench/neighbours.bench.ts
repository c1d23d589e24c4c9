// How much longer does a producer wait for its acknowledgement while the broker has slow and hostile neighbours, and how much
// memory do they cost it? With the check that everything acknowledged is there, in order and once.
//
// Each kind of neighbour in turn, between two times without any. The neighbours are processes of low priority: what they
// cost themselves, on this machine too, is not the broker's.

import { freePort, makeTempDirectory, startApp, stopAll, type RunningApp } from '@pulses/testing-processes';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, setPriority } from 'node:os';
import { join } from 'node:path';
import { runCrowd, type Crowd } from '../src/neighbours-crowd';
import { runHostility, type HostileKind, type Hostility } from '../src/neighbours-hostile';
import { loadOf, publisherOf } from '../src/neighbours-load';
import { connectWire, type WireClient } from '../src/neighbours-wire';

const isSmoke = process.env['SMOKE'] === '1';
const PHASE_MS = isSmoke ? 500 : 10_000;
const PRODUCERS = 4;
const BATCH_MESSAGES = 10;
const PACE_MS = 2;
const CREDIT_BYTES = 1024 * 1024;
const LOWEST_PRIORITY = 19;
const CLIENTS: Readonly<Record<HostileKind | 'stopped', number>> = isSmoke
  ? { stopped: 10, joining: 20, returning: 100, 'slow-opening': 20, 'endless-line': 2, mutated: 1 }
  : { stopped: 100, joining: 500, returning: 2_000, 'slow-opening': 500, 'endless-line': 10, mutated: 1 };
const STOPPED_LOAD = { messages: isSmoke ? 2_000 : 12_000, padBytes: 1_000 };

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface SteadyProducer {
  readonly topic: string;
  readonly acknowledged: number;
  /** Publishes at its pace for so long; answers how long each acknowledgement took, in milliseconds. */
  run(ms: number): Promise<number[]>;
}

function steadyProducer(client: WireClient, index: number): SteadyProducer {
  const topic = `steady-${index}`;
  const id = `${index}`.padStart(32, 'a');
  let [sequence, acknowledged] = [0, 0];
  return {
    topic,
    get acknowledged() {
      return acknowledged;
    },
    async run(ms) {
      const latencies: number[] = [];
      for (const end = performance.now() + ms; performance.now() < end; await pass(PACE_MS)) {
        const lines = Array.from({ length: BATCH_MESSAGES }, (_, line) => `message ${acknowledged + line} of a producer\n`);
        const start = performance.now();
        await client.request('produced', {
          type: 'produce',
          producer: { id, epoch: 0, sequence },
          topic,
          recordCount: BATCH_MESSAGES,
          payload: Buffer.from(lines.join('')),
        });
        latencies.push(performance.now() - start);
        sequence += 1;
        acknowledged += BATCH_MESSAGES;
      }
      return latencies;
    },
  };
}

/** Fails unless the topic holds the producer's messages, each once and in order. */
async function checkStored(client: WireClient, { topic, acknowledged }: SteadyProducer): Promise<void> {
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    const request = { type: 'fetch', topic, incarnation: '', fromOffset: 0, creditBytes: CREDIT_BYTES } as const;
    const send = client.stream(request, (response) => {
      if (response.type === 'head') resolve();
      else if (response.type === 'error') reject(new Error(response.code));
      else if (response.type === 'records')
        for (const { payload } of response.batches) {
          for (const line of Buffer.from(payload).toString().split('\n').slice(0, -1)) {
            if (line !== `message ${count} of a producer`) reject(new Error(`${topic}: ${line} where ${count} was due`));
            count += 1;
          }
          send({ type: 'credit', bytes: payload.byteLength });
        }
    });
  });
  check(count, acknowledged, `the count of messages of ${topic}`);
}

/** The 99th of a hundred. */
function p99(latencies: readonly number[]): number {
  const sorted = [...latencies].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}

/** This file once more, as a process of neighbours. */
function startNeighbours(role: 'crowd' | 'hostility', what: Crowd | Hostility): RunningApp {
  const app = startApp({ app: 'program', mainPath: process.argv[1] ?? '', args: [role, JSON.stringify(what)] });
  setPriority(app.pid, LOWEST_PRIORITY);
  return app;
}

async function bench(): Promise<void> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const broker = startApp({
    app: 'broker',
    args: [`--port=${port}`, `--http-port=${httpPort}`, `--data-dir=${join(directory.path, 'data')}`, '--log-level=error'],
  });
  await broker.waitForReady();
  const producers = await Promise.all(Array.from({ length: PRODUCERS }, async (_, index) => steadyProducer(await connectWire(port), index)));

  /** The most memory that the broker has held since the last call, in MiB. */
  const peakMemory = (): number => {
    const kib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'))?.[1]);
    writeFileSync(`/proc/${broker.pid}/clear_refs`, '5');
    return Math.round(kib / 1024);
  };

  const measure = async (): Promise<number> => p99((await Promise.all(producers.map(({ run }) => run(PHASE_MS)))).flat());

  async function amongStopped(): Promise<number> {
    const [topic, load] = ['stopped', loadOf(STOPPED_LOAD)];
    const publisher = await publisherOf(port, topic, load);
    await publisher.upTo(load.messages / 10);
    const crowd: Crowd = { port, topic, readers: CLIENTS.stopped, load: STOPPED_LOAD };
    const app = startNeighbours('crowd', crowd);
    await app.waitForOutput(/joined\n/);
    app.signal('SIGSTOP');
    const published = publisher.upTo(load.messages);
    const latency = await measure();
    await published;
    app.signal('SIGCONT');
    await app.exited;
    const { complete } = JSON.parse(app.stdout.trim().split('\n').at(-1) ?? '') as { complete: number };
    check(complete, CLIENTS.stopped, 'the count of readers that got everything after all');
    publisher.close();
    return latency;
  }

  async function among(kind: HostileKind): Promise<number> {
    const hostility: Hostility = { kind, port, clients: CLIENTS[kind], overMs: PHASE_MS };
    const app = startNeighbours('hostility', hostility);
    await app.waitForOutput(/begun\n/);
    const latency = await measure();
    app.signal('SIGTERM');
    await app.exited;
    const { done } = JSON.parse(app.stdout.trim().split('\n').at(-1) ?? '') as { done: number };
    if (done === 0) throw new Error(`no ${kind} neighbour has done anything`);
    return latency;
  }

  try {
    await measure(); // warms up
    const phases: Record<string, () => Promise<number>> = { before: measure, stopped: amongStopped };
    for (const kind of ['joining', 'returning', 'slow-opening', 'endless-line', 'mutated'] as const) phases[kind] = () => among(kind);
    phases['after'] = measure;
    const p99_ms: Record<string, number> = {};
    const peak_mib: Record<string, number> = {};
    for (const [name, phase] of Object.entries(phases)) {
      p99_ms[name] = Number((await phase()).toFixed(2));
      peak_mib[name] = peakMemory();
    }
    const { before = NaN, after = NaN, ...disturbed } = p99_ms;
    const reader = await connectWire(port);
    for (const producer of producers) await checkStored(reader, producer);
    reader.close();
    console.log(
      JSON.stringify({
        bench: 'neighbours',
        worst_ratio: Number((Math.max(...Object.values(disturbed)) / Math.max(before, after)).toFixed(2)),
        p99_ms,
        peak_mib,
        clients: CLIENTS,
        phase_ms: PHASE_MS,
        machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
        smoke: isSmoke,
      }),
    );
  } finally {
    await stopAll();
    await directory.remove();
  }
}

const [role, what = ''] = process.argv.slice(2);
if (role === 'crowd') await runCrowd(JSON.parse(what) as Crowd);
else if (role === 'hostility') await runHostility(JSON.parse(what) as Hostility);
else await bench();
