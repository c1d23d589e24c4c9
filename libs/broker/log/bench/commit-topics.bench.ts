// What does a commit that touches 1,000 topics cost beside a commit of the same bytes to one topic?

import { columnsOf, type TopicAppend } from '@pulses/broker-wire';
import { check, inDirectory, isSmoke, openLog, payloadOf, report, secondsOf } from './bench-fixture';

const TOPICS = 1_000;
const RECORDS_PER_TOPIC = 6;
const COMMITS = isSmoke ? 3 : 200;

await inDirectory(async (directory) => {
  const log = await openLog(directory);
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g');
  let revision = 0;
  const commit = async (appends: readonly TopicAppend[]): Promise<void> => {
    const position = { name: 'grouped', expectedRevision: revision, offset: 0, metadata: '' };
    await log.commit({
      group: 'g',
      groupEpoch,
      topic: 'source',
      incarnation,
      positions: [position],
      ...columnsOf(appends),
    });
    revision += 1;
  };
  const many = payloadOf(RECORDS_PER_TOPIC, 2);
  const toMany = (): TopicAppend[] => {
    const frame = Buffer.concat(Array.from({ length: TOPICS }, () => many));
    return Array.from({ length: TOPICS }, (_, index) => ({
      topic: `tenants.t${index}.grouped.pulses`,
      recordCount: RECORDS_PER_TOPIC,
      payload: frame.subarray(index * many.length, (index + 1) * many.length),
    }));
  };
  const toOne = (): TopicAppend[] => [
    { topic: 'one', recordCount: TOPICS * RECORDS_PER_TOPIC, payload: payloadOf(TOPICS * RECORDS_PER_TOPIC, 3) },
  ];
  const run = async (make: () => TopicAppend[]): Promise<number> => {
    let seconds = 0;
    for (let index = 0; index < COMMITS; index += 1) {
      const appends = make();
      seconds += await secondsOf(() => commit(appends));
    }
    return (seconds / COMMITS) * 1_000;
  };
  await run(toMany);
  const oneMs = await run(toOne);
  const manyMs = await run(toMany);
  check(log.topic('tenants.t7.grouped.pulses')?.nextOffset === 2 * COMMITS * RECORDS_PER_TOPIC, 'messages are missing');
  await log.close();
  report('commit-topics', {
    oneTopicMs: oneMs.toFixed(2),
    thousandTopicsMs: manyMs.toFixed(2),
    ratio: (manyMs / oneMs).toFixed(2),
  });
});
