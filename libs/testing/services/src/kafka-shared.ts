// One Kafka node for all specs of a run, since each takes seconds and half a GiB.
//
// Guarantees: the first spec that asks starts it, also of several processes; it ends with the run, even with one that is
// killed. A start that failed fails every spec with its reason.

import { until } from '@pulses/testing-processes';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { foreignKafka, startOwnKafka, type KafkaOptions, type KafkaServer } from './kafka';

const START_MS_MAX = 300_000;

/**
 * A Kafka with one node. Without options it is the one of KAFKA_BROKERS, else the one of this run: use `topicPrefix` for
 * names, and leave it running. With options it is the suite's own.
 *
 * @throws Error with instructions to get one
 */
export async function startKafka(options?: KafkaOptions): Promise<KafkaServer> {
  if (options !== undefined) return startOwnKafka(options);
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') return foreignKafka(given, 'the Kafka of KAFKA_BROKERS');
  return foreignKafka(await sharedBrokers(runPid()), 'the Kafka of this run');
}

/** The process that runs all specs; each file may have a process of its own. */
function runPid(): number {
  const given = Number(process.env['PULSES_RUN_PID']);
  return Number.isInteger(given) && given > 0 ? given : process.pid;
}

async function sharedBrokers(ownerPid: number): Promise<string> {
  const directory = join(tmpdir(), `pulses-kafka-of-${ownerPid}`);
  const [answer, draft] = [join(directory, 'answer.json'), join(directory, 'draft.json')];
  const isFirst = await mkdir(directory, { mode: 0o700 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  if (isFirst) {
    removeAtEnd(directory, ownerPid);
    const result = await startOwnKafka({ ownerPid }).then(
      (server) => {
        for (const node of server.nodes) node.unref();
        return { brokers: server.brokers };
      },
      (error: unknown) => ({ error: (error as Error).message }),
    );
    await writeFile(draft, JSON.stringify(result));
    await rename(draft, answer);
  }
  let text = '';
  const look = async () => {
    text = await readFile(answer, 'utf8').catch(() => '');
    return text !== '';
  };
  await until(look, START_MS_MAX);
  const { brokers, error } = JSON.parse(text) as { brokers?: string; error?: string };
  if (brokers === undefined) throw new Error(error);
  return brokers;
}

/** The note of a run leaves with it; a later process of the same id would find a server that is gone. */
function removeAtEnd(directory: string, ownerPid: number): void {
  const script = 'while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; rm -rf "$2"';
  spawn('sh', ['-c', script, 'sh', String(ownerPid), directory], { stdio: 'ignore', detached: true }).unref();
}
