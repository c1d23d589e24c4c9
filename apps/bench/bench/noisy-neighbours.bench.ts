// What do slow and hostile clients do to the latency of other producers, and to the broker's memory?
//
// After a phase without any, each kind of client takes its turn. The clients run at SCHED_IDLE, so their own CPU does not
// count as the broker's. At the lowest nice value they would still hold a core for a time slice. The bench checks that every
// acknowledged message is stored once, in order.

import { payloadOf } from '@pulses/broker-wire';
import { execFileSync } from 'node:child_process';
import {
  check,
  createSamples,
  isSmoke,
  latencyOf,
  peakMemoryMiB,
  report,
  sized,
  type Measure,
  type Samples,
} from '@pulses/testing-benches';
import { freePort, makeTempDirectory, startApp, stopAll, type RunningApp } from '@pulses/testing-processes';
import {
  loadOf,
  pass,
  publisherOf,
  runCrowd,
  runHostility,
  type Crowd,
  type HostileKind,
  type Hostility,
} from '@pulses/testing-system';
import { connectWire, type WireClient } from '@pulses/testing-wire-client';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PHASE_MS = sized(10_000, 500);
const PRODUCERS = 4;
const BATCH_MESSAGES = 10;
const PACE_MS = 2;
const CREDIT_BYTES = 1024 * 1024;
const CLIENTS: Readonly<Record<HostileKind | 'stopped', number>> = isSmoke
  ? { stopped: 10, joining: 20, returning: 100, 'slow-opening': 20, 'endless-line': 2, mutated: 1 }
  : { stopped: 100, joining: 500, returning: 2_000, 'slow-opening': 500, 'endless-line': 10, mutated: 1 };
const STOPPED_LOAD = { messages: sized(12_000, 2_000), padBytes: 1_000 };
const P99_MS_MAX = 50;
/** Of the mutated frames. */
const SEED = Number(process.env['PULSES_TEST_SEED'] ?? 1);
/** Until the broker has closed connections and files. */
const AFTERMATH_MS = sized(1_000, 10);

interface SteadyProducer {
  readonly topic: string;
  readonly acknowledged: number;
  /** Publishes at a fixed pace for `ms`, and adds the latency of each acknowledgement, in milliseconds. */
  run(ms: number, times: Samples): Promise<void>;
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
    async run(ms, times) {
      for (const end = performance.now() + ms; performance.now() < end; await pass(PACE_MS)) {
        const lines = Array.from(
          { length: BATCH_MESSAGES },
          (_, line) => `message ${acknowledged + line} of a producer\n`,
        );
        const start = performance.now();
        await client.request('produced', {
          type: 'produce',
          producer: { id, epoch: 0, sequence },
          topic,
          recordCount: BATCH_MESSAGES,
          ...payloadOf(Buffer.from(lines.join(''))),
        });
        times.add(performance.now() - start);
        sequence += 1;
        acknowledged += BATCH_MESSAGES;
      }
    },
  };
}

/** Fails unless the topic holds the producer's messages, each once and in order. */
async function checkStored(client: WireClient, { topic, acknowledged }: SteadyProducer): Promise<void> {
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    const request = { type: 'fetch', topic, incarnation: '', fromOffset: 0, creditBytes: CREDIT_BYTES } as const;
    const stream = client.stream(request, (response) => {
      if (response.type === 'head') resolve();
      else if (response.type === 'error') reject(new Error(response.code));
      else if (response.type === 'records')
        for (const { payload } of response.batches) {
          for (const line of Buffer.from(payload).toString().split('\n').slice(0, -1)) {
            if (line !== `message ${count} of a producer`)
              reject(new Error(`${topic}: ${line} where ${count} was due`));
            count += 1;
          }
          stream.send({ type: 'credit', bytes: payload.byteLength });
        }
    });
  });
  check(count, acknowledged, `the count of messages of ${topic}`);
}

/** Starts this file again, as a process of such clients. */
function startNeighbours(role: 'crowd' | 'hostility', what: Crowd | Hostility): RunningApp {
  const app = startApp({ app: 'program', mainPath: process.argv[1] ?? '', args: [role, JSON.stringify(what)] });
  execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(app.pid)]);
  return app;
}

async function bench(): Promise<void> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const broker = startApp({
    app: 'broker',
    args: [
      `--port=${port}`,
      `--http-port=${httpPort}`,
      `--data-dir=${join(directory.path, 'data')}`,
      '--log-level=error',
    ],
  });
  await broker.waitForReady();
  const producers = await Promise.all(
    Array.from({ length: PRODUCERS }, async (_, index) => steadyProducer(await connectWire(port), index)),
  );

  /** Peak memory of the broker since the last call, in MiB. */
  const peakMemory = (): number => {
    const peak = peakMemoryMiB(broker.pid);
    writeFileSync(`/proc/${broker.pid}/clear_refs`, '5');
    return Math.round(peak);
  };

  const measure = async (): Promise<Samples> => {
    const times = createSamples();
    await Promise.all(producers.map(({ run }) => run(PHASE_MS, times)));
    return times;
  };

  async function amongStopped(): Promise<Samples> {
    const [topic, load] = ['stopped', loadOf(STOPPED_LOAD)];
    const publisher = await publisherOf(port, topic, load);
    await publisher.upTo(load.messages / 10);
    const crowd: Crowd = { port, topic, readers: CLIENTS.stopped, load: STOPPED_LOAD };
    const app = startNeighbours('crowd', crowd);
    await app.waitForOutput(/joined\n/);
    app.signal('SIGSTOP');
    const published = publisher.upTo(load.messages);
    const times = await measure();
    await published;
    app.signal('SIGCONT');
    await app.exited;
    const { complete } = JSON.parse(app.stdout.trim().split('\n').at(-1) ?? '') as { complete: number };
    check(complete, CLIENTS.stopped, 'the count of readers that received everything in the end');
    publisher.close();
    return times;
  }

  async function among(kind: HostileKind): Promise<Samples> {
    const hostility: Hostility = { kind, port, clients: CLIENTS[kind], overMs: PHASE_MS, seed: SEED };
    const app = startNeighbours('hostility', hostility);
    await app.waitForOutput(/begun\n/);
    const times = await measure();
    app.signal('SIGTERM');
    await app.exited;
    const { done } = JSON.parse(app.stdout.trim().split('\n').at(-1) ?? '') as { done: number };
    if (done === 0) throw new Error(`no ${kind} client has completed anything`);
    return times;
  }

  try {
    await measure(); // warms up
    const undisturbed = await measure();
    const peaks = [peakMemory()];
    const kinds: readonly [string, () => Promise<Samples>][] = [
      [`${CLIENTS.stopped} stopped readers`, amongStopped],
      [`${CLIENTS.joining} joining readers`, () => among('joining')],
      [`${CLIENTS.returning} reconnecting clients`, () => among('returning')],
      [`${CLIENTS['slow-opening']} clients with a slow opening`, () => among('slow-opening')],
      [`${CLIENTS['endless-line']} endless lines`, () => among('endless-line')],
      ['mutated frames', () => among('mutated')],
    ];
    const disturbed: { name: string; times: Samples }[] = [];
    for (const [name, phase] of kinds) {
      disturbed.push({ name, times: await phase() });
      peaks.push(peakMemory());
      await pass(AFTERMATH_MS);
    }
    const reader = await connectWire(port);
    for (const producer of producers) await checkStored(reader, producer);
    reader.close();

    const checked = 'every acknowledged message is stored once, in order';
    const bound = undisturbed.at(0.99);
    const measures = disturbed.map(({ name, times }): Measure => ({
      question: `acknowledgement beside ${name}`,
      latency: latencyOf('acknowledgement', times),
      targets: [{ about: 'p99', atMost: P99_MS_MAX }],
      baseline: { name: 'p99 without neighbours', value: bound, unit: 'ms', ratio: times.at(0.99) / bound },
      checked,
    }));
    const memory: Measure = {
      question: 'memory of the broker beside these clients',
      figure: { value: Math.max(...peaks), unit: 'MiB' },
      detail: `by phase ${peaks.join(', ')}`,
      targets: [{ about: 'figure', atMost: 250 }],
      checked: 'VmHWM of each phase',
    };
    const settings = { producers: PRODUCERS, batch: BATCH_MESSAGES, phaseMs: PHASE_MS, seed: SEED };
    report('noisy-neighbours', settings, [...measures, memory]);
  } finally {
    await stopAll();
    await directory.remove();
  }
}

const [role, what = ''] = process.argv.slice(2);
if (role === 'crowd') await runCrowd(JSON.parse(what) as Crowd);
else if (role === 'hostility') await runHostility(JSON.parse(what) as Hostility);
else await bench();
