// The thread of `pulses audit` that reads outputs, alone: an audit begins it when there is much to read.

import { afterEach, describe, expect, it } from '@jest/globals';
import { bundlePath, makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { publishLines } from './testing/line-client';

const TOPIC = 'tenants.a.grouped.pulses';

describe('the thread of an audit', () => {
  let broker: BrokerProcess | undefined;
  let directory: TempDirectory | undefined;
  afterEach(async () => {
    await broker?.stop();
    await directory?.remove();
    [broker, directory] = [undefined, undefined];
  });

  /** Its answer for a topic of `count` messages. */
  async function answerOf(port: number, count: number, token?: string): Promise<unknown> {
    const source = { topic: 'source.pulses', incarnation: '0' };
    const compared = {
      source,
      otherSources: [],
      startOffset: 0,
      groupedOffset: 9,
      windowedOffset: 9,
      groupedLimit: 9,
      windowedLimit: 9,
      outputCount: 9,
    };
    const topics = [{ topic: TOPIC, incarnation: '', startOffset: 0, nextOffset: count, kind: 'grouped' }];
    const job = {
      access: {
        connector: 'fs',
        host: '127.0.0.1',
        port,
        tls: false,
        ...(token === undefined ? {} : { authToken: token }),
      },
      connections: 2,
      compared: [compared],
      topics,
    };
    const thread = new Worker(bundlePath('cli'), { workerData: job, execArgv: [] });
    try {
      const [answer] = (await once(thread, 'message')) as [unknown];
      return answer;
    } finally {
      await thread.terminate();
    }
  }

  it('counts, digests and judges the lines', async () => {
    broker = await startBrokerProcess();
    await publishLines(broker.port, TOPIC, ['{', 'no line of ours']);
    expect(await answerOf(broker.port, 2)).toMatchObject({
      kind: 'done',
      readings: {
        bySource: [
          [
            {
              topic: TOPIC,
              comparedCount: 0,
              findings: { count: 2, first: [{ offset: 0, found: '{' }, { offset: 1 }] },
            },
          ],
        ],
      },
    });
  });

  it('says why it cannot', async () => {
    directory = await makeTempDirectory();
    const tokenFile = join(directory.path, 'token');
    await writeFile(tokenFile, 'a-token-of-some-length');
    broker = await startBrokerProcess([`--auth-token-file=${tokenFile}`]);
    expect(await answerOf(broker.port, 1)).toMatchObject({ kind: 'failed', code: 'UNAUTHENTICATED' });
    expect(await answerOf(broker.port, 1, 'a-token-of-some-length')).toMatchObject({
      kind: 'failed',
      code: 'TOPIC_UNKNOWN',
    });
  });
});
