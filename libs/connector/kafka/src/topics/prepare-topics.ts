// Looks at the topics of a source before anything is read or written, and creates those that are missing.
//
// Guarantees: what would break a promise is refused with the topic, the setting and the command that mends it. A topic
// is created only when that is asked for; its settings keep the promises.

import { delay } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { KAFKA_ERROR, nameOf } from '../protocol/errors';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { missingOperations, rightMissing, type Asker, type Operation } from '../security/rights';
import type { KafkaTopics } from '../settings';
import {
  CHECKED_SETTINGS,
  createCommand,
  mendCommand,
  planOf,
  unsuitableSettings,
  type TopicPlan,
  type TopicShape,
} from './topic-plan';
import { createTopics, describeSettings, describeTopics } from './topic-requests';

export interface PrepareOptions {
  readonly clock: Clock;
  readonly asker: Asker;
  /** Creates topics that are missing. */
  readonly creates: boolean;
  /** Of those that are created. */
  readonly shape: TopicShape;
}

/** A source with its outputs, fit for use. */
export interface ReadyTopics {
  readonly source: KafkaTopic;
  readonly grouped: KafkaTopic;
  readonly aggregated: KafkaTopic;
  readonly deadLetter: KafkaTopic;
}

interface Described {
  readonly topic: KafkaTopic;
  /** Replicas of the partition that has fewest. */
  readonly replicas: number;
}

/** The log's time of a tick is written by the ingestor itself. */
const SOURCE_RIGHTS: readonly Operation[] = ['Read', 'Write'];
const OUTPUT_RIGHTS: readonly Operation[] = ['Write'];
/** A topic has no leader at once, and not every broker has heard of it. */
const NEW_TOPIC_MS_MAX = 10_000;
const LOOK_MS = 50;

/** @throws PulsesError TOPIC_UNKNOWN, LOG_UNSUITABLE or ACCESS_REFUSED with what mends it; CONNECTION_LOST or TIMED_OUT */
export async function prepareTopics(
  cluster: Cluster,
  topics: KafkaTopics,
  options: PrepareOptions,
  signal: AbortSignal,
): Promise<ReadyTopics> {
  const plans = planOf(topics);
  let described = await describe(cluster, plans, options, signal);
  const missing = plans.filter(({ name }) => !described.has(name));
  if (missing.length > 0) {
    if (!options.creates) throw notThere(missing, options);
    await create(cluster, missing, options, signal);
    described = await untilThere(cluster, plans, options, signal);
  }
  await checkSettings(cluster, plans, described, options, signal);
  const found = (name: string) => described.get(name)!.topic; // all are there
  return {
    source: found(topics.source),
    grouped: found(topics.grouped),
    aggregated: found(topics.aggregated),
    deadLetter: found(topics.deadLetter),
  };
}

/** A topic to publish to, made where that is asked for. @throws as `prepareTopics`, but for settings that do not fit */
export async function prepareTopic(
  cluster: Cluster,
  name: string,
  options: PrepareOptions,
  signal: AbortSignal,
): Promise<KafkaTopic> {
  const plans = [{ name, isSource: false }];
  let described = await describe(cluster, plans, options, signal);
  if (described.size === 0) {
    if (!options.creates) throw notThere(plans, options);
    await create(cluster, plans, options, signal);
    described = await untilThere(cluster, plans, options, signal);
  }
  return described.get(name)!.topic; // it is there
}

/** The topics that exist, with a leader for each partition. */
async function describe(
  cluster: Cluster,
  plans: readonly TopicPlan[],
  { asker }: PrepareOptions,
  signal: AbortSignal,
): Promise<Map<string, Described>> {
  const answers = await cluster.toAny(describeTopics(plans.map(({ name }) => name)), { signal });
  const described = new Map<string, Described>();
  // In the order of the plans, so that the source comes first.
  for (const plan of plans) {
    const answer = answers.find(({ name }) => name === plan.name);
    if (answer === undefined || answer.errorCode === KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION) continue;
    const { errorCode, topicId, partitions, topicAuthorizedOperations } = answer;
    const needed = plan.isSource ? SOURCE_RIGHTS : OUTPUT_RIGHTS;
    if (errorCode === KAFKA_ERROR.TOPIC_AUTHORIZATION_FAILED)
      throw rightMissing(asker, ['Describe', ...needed], { kind: 'topic', name: plan.name });
    if (errorCode === KAFKA_ERROR.INVALID_TOPIC_EXCEPTION)
      throw new PulsesError(
        'LOG_UNSUITABLE',
        `${plan.isSource ? '--source-topic' : 'the topic'}: '${plan.name}' is not valid: Kafka takes no such name`,
      );
    if (errorCode !== KAFKA_ERROR.NONE)
      throw new PulsesError('CONNECTION_LOST', `the topic ${plan.name}: Kafka answered ${nameOf(errorCode)}`);
    const lacking = missingOperations(topicAuthorizedOperations, needed);
    if (lacking.length > 0) throw rightMissing(asker, lacking, { kind: 'topic', name: plan.name });
    const ordered = partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
    described.set(plan.name, {
      topic: {
        name: plan.name,
        topicId: topicId.replaceAll('-', ''),
        partitions: ordered.map(({ partitionIndex, leaderId }) => ({ partition: partitionIndex, leader: leaderId })),
      },
      replicas: Math.min(...ordered.map(({ replicaNodes }) => replicaNodes.length)),
    });
  }
  return described;
}

function notThere(plans: readonly TopicPlan[], { asker, shape }: PrepareOptions): PulsesError {
  const names = plans.map(({ name }) => name);
  const commands = plans.map((plan) => createCommand(asker.brokers, plan, shape)).join(' && ');
  return new PulsesError(
    'TOPIC_UNKNOWN',
    `Kafka has no topic ${names.join(', ')}; --kafka-create-topics creates what is missing, or '${commands}'`,
  );
}

async function create(
  cluster: Cluster,
  plans: readonly TopicPlan[],
  { asker, shape }: PrepareOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, errorCode, errorMessage } of await cluster.toController(createTopics(plans, shape), { signal })) {
    // Another member was faster.
    if (errorCode === KAFKA_ERROR.NONE || errorCode === KAFKA_ERROR.TOPIC_ALREADY_EXISTS) continue;
    const why = errorMessage ?? nameOf(errorCode);
    switch (errorCode) {
      case KAFKA_ERROR.TOPIC_AUTHORIZATION_FAILED:
      case KAFKA_ERROR.CLUSTER_AUTHORIZATION_FAILED:
        throw rightMissing(asker, ['Create'], { kind: 'topic', name });
      case KAFKA_ERROR.INVALID_REPLICATION_FACTOR:
        throw new PulsesError('LOG_UNSUITABLE', `--kafka-replication: '${shape.replication}' is not valid: ${why}`);
      case KAFKA_ERROR.INVALID_PARTITIONS:
        throw new PulsesError('LOG_UNSUITABLE', `--kafka-partitions: '${shape.partitions}' is not valid: ${why}`);
      case KAFKA_ERROR.POLICY_VIOLATION:
        throw new PulsesError('LOG_UNSUITABLE', `the topic ${name}: a policy of the brokers refuses it: ${why}`);
      default:
        throw new PulsesError('CONNECTION_LOST', `the topic ${name} was not created: ${why}`);
    }
  }
}

async function untilThere(
  cluster: Cluster,
  plans: readonly TopicPlan[],
  options: PrepareOptions,
  signal: AbortSignal,
): Promise<Map<string, Described>> {
  const { clock } = options;
  const deadlineMs = clock.monotonicMs() + NEW_TOPIC_MS_MAX;
  for (;;) {
    const described = await describe(cluster, plans, options, signal);
    const isLed = ({ topic }: Described) => topic.partitions.every(({ leader }) => leader >= 0);
    if (described.size === new Set(plans.map(({ name }) => name)).size && [...described.values()].every(isLed))
      return described;
    if (clock.monotonicMs() > deadlineMs)
      throw new PulsesError('TIMED_OUT', 'topics that were created have no leader yet');
    await delay(LOOK_MS, clock, signal);
  }
}

async function checkSettings(
  cluster: Cluster,
  plans: readonly TopicPlan[],
  described: ReadonlyMap<string, Described>,
  { asker }: PrepareOptions,
  signal: AbortSignal,
): Promise<void> {
  const names = plans.map(({ name }) => name);
  const answers = await cluster.toAny(describeSettings(names, CHECKED_SETTINGS), { signal });
  for (const plan of plans) {
    const { name } = plan;
    const answer = answers.find(({ resourceName }) => resourceName === name);
    if (answer?.errorCode === KAFKA_ERROR.TOPIC_AUTHORIZATION_FAILED)
      throw rightMissing(asker, ['DescribeConfigs'], { kind: 'topic', name });
    if (answer?.errorCode !== KAFKA_ERROR.NONE)
      throw new PulsesError('CONNECTION_LOST', `the settings of the topic ${name} are not told`);
    const settings = new Map(answer.configs.map((setting) => [setting.name, setting.value ?? '']));
    const wrong = unsuitableSettings(plan, described.get(name)?.replicas ?? 1, settings);
    if (wrong.length === 0) continue;
    const faults = wrong.map(
      ({ setting, value, needed, reason }) => `${setting} is ${value} and has to be ${needed}: ${reason}`,
    );
    throw new PulsesError(
      'LOG_UNSUITABLE',
      `the topic ${name}: ${faults.join('; ')}. '${mendCommand(asker.brokers, name, wrong)}' mends it`,
    );
  }
}
