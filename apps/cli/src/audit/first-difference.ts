// The first difference of a few topics, once their fingerprints have told that they differ.
//
// The source is replayed again, and each topic's expected entries are held against its own, one by one. Bounds: what one
// batch of the source expects, and one batch of each topic.

import type { TopicInfo } from '@pulses/broker-wire';
import type { BrokerReader } from '../broker-access';
import type { Findings } from './findings';
import { openOutputTopic } from './output-topic';
import type { AuditScope } from './scope';
import { replaySource, type ReplayOptions } from './source-replay';

export interface DifferenceOptions {
  readonly client: BrokerReader;
  readonly scope: AuditScope;
  readonly topics: readonly string[];
  readonly findings: Pick<Findings, 'add'>;
  /** As it was for the fingerprints. */
  readonly replay: Pick<ReplayOptions, 'windowsFrom' | 'stretches' | 'comparedFrom'>;
}

/** Everything but the difference itself was told before. */
const UNHEARD: Pick<Findings, 'add'> = { add: () => undefined };

export async function findFirstDifferences(options: DifferenceOptions): Promise<void> {
  const { client, scope, topics, findings, replay } = options;
  const comparisons = new Map(
    topics.map((topic) => {
      const info = scope.outputs.find((output) => output.topic === topic);
      return [topic, comparisonOf(topic, entriesOf(client, scope, info), findings)];
    }),
  );
  await replaySource({
    ...replay,
    client,
    scope,
    findings: UNHEARD,
    expect: (topic, entry) => comparisons.get(topic)?.expect(entry),
    async settle() {
      for (const comparison of comparisons.values()) await comparison.settle();
    },
  });
  for (const comparison of comparisons.values()) await comparison.end();
}

async function* entriesOf(
  client: BrokerReader,
  scope: AuditScope,
  info: TopicInfo | undefined,
): AsyncGenerator<string, void, undefined> {
  if (info === undefined) return;
  for await (const entries of openOutputTopic({ client, scope, info, findings: UNHEARD }).entries()) yield* entries;
}

interface Comparison {
  expect(entry: string): void;
  settle(): Promise<void>;
  /** No further entry is expected. */
  end(): Promise<void>;
}

function comparisonOf(
  topic: string,
  actual: AsyncGenerator<string, void, undefined>,
  findings: Pick<Findings, 'add'>,
): Comparison {
  let expected: string[] = [];
  let isDecided = false;

  const decide = async (difference: { expected?: string; found?: string }) => {
    isDecided = true;
    expected = [];
    findings.add({ topic, problem: 'the first difference', ...difference });
    await actual.return();
  };

  return {
    expect(entry) {
      if (!isDecided) expected.push(entry);
    },
    async settle() {
      const due = expected;
      expected = [];
      for (const entry of due) {
        if (isDecided) return;
        const found = await actual.next();
        if (found.done === true) await decide({ expected: entry });
        else if (found.value !== entry) await decide({ expected: entry, found: found.value });
      }
    },
    async end() {
      if (isDecided) return;
      const extra = await actual.next();
      if (extra.done !== true) await decide({ found: extra.value });
    },
  };
}
