// How fast is the ingestor on Kafka, against a Kafka Streams application with the same outputs?
//
// Both read the same filled source of one partition. kcat tells when all lines and sums are readable, and checks them.

import { createPulsePool, createSamples, latencyOf, peakMemoryMiB, report, sized } from '@pulses/testing-benches';
import { kafkaAdmin, startKafka } from '@pulses/testing-services';
import { startKafkaStreams, type KafkaPlaces } from '../peers/kafka-streams';
import { startKafkaIngestor, type KafkaIngestor } from './kafka-ingestor';
import { measureLatency } from './kafka-latency';
import { fillSource, measureDrain } from './kafka-run';

const BATCH_PULSES = sized(1_000, 200);
const BATCHES = sized(1_000, 10, 'BENCH_KAFKA_BATCHES');
const TENANTS = sized(1_000, 20);
const LATENCY_SECONDS = sized(30, 2);
const LATENCY_RATE = sized(10_000, 500);
const HEAP_MIB = 1024;
const PARTITIONS = 6;
const CHECKED = 'kcat, read_committed: lines and sums counted; sums exact';

const kafka = await startKafka({ tunedFor: 'throughput', heapMiB: HEAP_MIB });
const admin = await kafkaAdmin(kafka.brokers);

/** Topics of a source and of the outputs of one program. */
async function places(source: string, program: string, partitions = 1): Promise<KafkaPlaces> {
  const made = { brokers: kafka.brokers, source, grouped: `${program}.grouped`, sums: `${program}.sums` };
  const missing = [made.source, made.grouped, made.sums];
  const known = await admin.topics();
  for (const topic of missing.filter((name) => !known.includes(name))) await admin.createTopic(topic, { partitions });
  return made;
}

/** The rate of a number of ingestors on as many partitions or more, and their memory. */
async function drain(name: string, source: string, partitions: number, count: number, filled: Filled) {
  const at = await places(source, name, partitions);
  let ingestors: KafkaIngestor[] = [];
  let memory = 0;
  const rate = await measureDrain(at, filled, async () => {
    ingestors = await Promise.all(Array.from({ length: count }, () => startKafkaIngestor(at)));
    return async () => {
      memory = Math.max(...ingestors.map(({ pid }) => peakMemoryMiB(pid)));
      await Promise.all(ingestors.map((ingestor) => ingestor.stop()));
    };
  });
  process.stderr.write(`${name}: ${Math.round(rate)} pulses/s, ${memory.toFixed(0)} MiB\n`);
  return { rate, memory };
}

type Filled = Awaited<ReturnType<typeof fillSource>>;

try {
  const pool = createPulsePool({ tenants: TENANTS, skus: 50, batchCount: 50, batchPulses: BATCH_PULSES });
  const forStreams = await places('one', 'streams');
  const filled = await fillSource(forStreams, pool, BATCHES);
  const streams = await measureDrain(forStreams, filled, () => startKafkaStreams(forStreams));
  process.stderr.write(`Kafka Streams: ${Math.round(streams)} pulses/s\n`);
  const one = await drain('one', 'one', 1, 1, filled);

  const filledTwo = await fillSource(await places('two', 'two', 2), pool, BATCHES, 2);
  const two = await drain('two', 'two', 2, 2, filledTwo);
  const filledSix = await fillSource(await places('six', 'six', PARTITIONS), pool, BATCHES, PARTITIONS);
  const six = await drain('six', 'six', PARTITIONS, 1, filledSix);

  const samples = createSamples();
  await measureLatency(await places('paced', 'paced'), pool, LATENCY_RATE, LATENCY_SECONDS, samples);

  const settings = { pulses: filled.pulses, tenants: TENANTS, skus: 50, kafka_heap_mib: HEAP_MIB };
  const baseline = (name: string, value: number, rate: number) => ({
    name,
    value,
    unit: 'pulses/s',
    ratio: rate / value,
  });
  report('kafka', settings, [
    {
      question: 'Kafka: source → durable lines and sums, one partition',
      rate: one.rate,
      targets: [{ about: 'ratio', atLeast: 3 }],
      baseline: baseline('Kafka Streams, exactly_once_v2', streams, one.rate),
      checked: CHECKED,
    },
    {
      question: 'Kafka: two ingestors on two partitions',
      rate: two.rate,
      targets: [],
      baseline: baseline('one on one partition', one.rate, two.rate),
      checked: CHECKED,
    },
    {
      question: `Kafka: memory of the ingestor with ${PARTITIONS} partitions`,
      rate: six.rate,
      figure: { value: six.memory, unit: 'MiB' },
      targets: [{ about: 'figure', atMost: 300 }],
      checked: `VmHWM; ${CHECKED}`,
    },
    {
      question: `Kafka: stored pulse → readable grouped line at ${LATENCY_RATE} pulses/s`,
      latency: latencyOf('pulse', samples),
      targets: [{ about: 'p99', atMost: 250 }],
      checked: 'every line arrived',
    },
  ]);
} finally {
  await admin.close();
  await kafka.stop();
}
