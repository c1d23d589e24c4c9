// How long does a broker take to start after a kill, with 10 GB in 100,000 topics?
//
// Time runs from the end of the killed process until the new one is ready. The topics are filled with large messages and
// without syncs, so that filling is quick. The bench checks that every message is there.

import { check, isSmoke, report, sized, storedBytes } from '@pulses/testing-benches';
import { stopAll } from '@pulses/testing-processes';
import { startBrokerProcess } from '@pulses/testing-system';
import { BrokerLink } from './broker-link';

const TOPICS = sized(100_000, 500);
const MESSAGE_BYTES = sized(4_000_000, 100_000);
const MESSAGES = Math.ceil(sized(10_000_000_000, 5_000_000, 'BENCH_STORED_BYTES') / MESSAGE_BYTES);
const IN_FLIGHT = { small: 32, large: 8 };
const STORED_PREFIX = 'tenants.';
/** In smoke size, some segments must be full as well. */
const SEGMENT_ARGS = isSmoke ? ['--segment-bytes=1MiB'] : [];
const SECONDS_MAX = 2;

const nameOf = (topic: number) => `${STORED_PREFIX}tenant-${topic + 1}.grouped.pulses`;
const small = Buffer.from('{"tenant_id":"tenant"}\n');
const large = Buffer.concat([Buffer.alloc(MESSAGE_BYTES - 1, 'x'), Buffer.from('\n')]);
/** Large messages go to topics spread over all of them. */
const largeTopicOf = (message: number) => (message * 7_919) % TOPICS;

async function inParallel(lanes: number, count: number, send: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await send(next - 1);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const broker = await startBrokerProcess(['--fsync=never', ...SEGMENT_ARGS]);
try {
  const filling = performance.now();
  const filler = await BrokerLink.open(broker.port);
  await inParallel(IN_FLIGHT.small, TOPICS, (topic) => filler.produce(nameOf(topic), small, 1));
  await inParallel(IN_FLIGHT.large, MESSAGES, (message) => filler.produce(nameOf(largeTopicOf(message)), large, 1));
  filler.close();
  const fillSeconds = (performance.now() - filling) / 1000;

  let killed = NaN;
  void broker.app.exited.then(() => (killed = performance.now()));
  await broker.restart('SIGKILL', SEGMENT_ARGS);
  const seconds = (performance.now() - killed) / 1000;

  const link = await BrokerLink.open(broker.port);
  const topics = [...(await link.topics(STORED_PREFIX)).values()];
  check(topics.length, TOPICS, 'the count of topics');
  const sum = (figure: (topic: (typeof topics)[number]) => number) =>
    topics.reduce((all, topic) => all + figure(topic), 0);
  check(
    sum(({ nextOffset }) => nextOffset),
    TOPICS + MESSAGES,
    'the count of messages',
  );
  check(
    sum(({ bytes }) => bytes),
    TOPICS * small.byteLength + MESSAGES * MESSAGE_BYTES,
    'the bytes of all messages',
  );
  const last = await link.readText(nameOf(largeTopicOf(MESSAGES - 1)), 2);
  check(last.startsWith(`${small.toString()}xxx`), true, 'whether the last message is there');
  link.close();
  report('start', { topics: TOPICS, messages: MESSAGES, message_bytes: MESSAGE_BYTES }, [
    {
      question: `start after a kill with ${((MESSAGES * MESSAGE_BYTES) / 1e9).toLocaleString('en-US')} GB and ${TOPICS.toLocaleString('en-US')} topics`,
      figure: { value: seconds, unit: 's' },
      detail: `${(storedBytes(broker.dataDir) / 1e9).toFixed(2)} GB on disk, filled in ${fillSeconds.toFixed(0)} s`,
      targets: [{ about: 'figure', atMost: SECONDS_MAX }],
      checked: 'count and bytes of all messages; the last one is read',
    },
  ]);
} finally {
  await stopAll();
  await broker.stop();
}
