// How long is the event loop held up while 10,000 topics are checkpointed under load?

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { columnsOf, type TopicAppend } from '@pulses/broker-wire';
import { check, inDirectory, isSmoke, openLog, payloadOf, report } from './bench-fixture';

const TOPICS = isSmoke ? 100 : 10_000;
const TOPICS_A_COMMIT = 1_000;
const ROUNDS = isSmoke ? 2 : 12;
const RECORDS = 6;

await inDirectory(async (directory) => {
  // Each round of commits is about a checkpoint's worth.
  const log = await openLog(directory, { options: { checkpointBytes: TOPICS * RECORDS * 156 } });
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g');
  const payload = payloadOf(RECORDS, 4);
  let revision = 0;
  const commit = async (from: number): Promise<void> => {
    const appends: TopicAppend[] = [];
    for (let topic = from; topic < Math.min(from + TOPICS_A_COMMIT, TOPICS); topic += 1)
      appends.push({ topic: `tenants.t${topic}.grouped.pulses`, recordCount: RECORDS, payload });
    const position = { name: 'grouped', expectedRevision: revision, offset: 0, metadata: '' };
    revision += 1;
    await log.commit({
      group: 'g',
      groupEpoch,
      topic: 'source',
      incarnation,
      positions: [position],
      ...columnsOf(appends),
    });
  };
  const round = async (): Promise<void> => {
    for (let from = 0; from < TOPICS; from += TOPICS_A_COMMIT) await commit(from);
  };
  await round();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let done = 1; done < ROUNDS; done += 1) await round();
  delay.disable();
  check(log.topic(`tenants.t${TOPICS - 1}.grouped.pulses`)?.nextOffset === ROUNDS * RECORDS, 'messages are missing');
  await log.close();
  report('checkpoint', {
    topics: TOPICS,
    rounds: ROUNDS,
    delayP50Ms: (delay.percentile(50) / 1e6).toFixed(1),
    delayP99Ms: (delay.percentile(99) / 1e6).toFixed(1),
    delayMaxMs: (delay.max / 1e6).toFixed(1),
  });
});
