// What the topics of a source have to be like, and the commands that make or mend them.

import type { KafkaTopics } from '../settings';

/** Of a topic that is created. */
export interface TopicShape {
  readonly partitions: number;
  readonly replication: number;
  /** Undefined: for ever. */
  readonly retentionMs: number | undefined;
}

export interface TopicPlan {
  readonly name: string;
  /** Windows follow the log's time of the source. */
  readonly isSource: boolean;
  /** Largest message, when it is created; undefined: as the brokers have it. */
  readonly messageBytesMax?: number;
}

/** A setting of a topic that breaks a promise, with the value that keeps it. */
export interface Unsuitable {
  readonly setting: string;
  readonly value: string;
  readonly needed: string;
  /** Which promise it breaks. */
  readonly reason: string;
}

/** From this number of replicas on, a message counts only once a second broker has it. */
const REPLICAS_OF_SAFETY = 3;
/** A dead letter has its message in base64, so it may be larger than the source allows. This has room for 6 MB. */
const DEAD_LETTER_BYTES_MAX = 8 * 1024 * 1024;

/** The settings that are checked. */
export const CHECKED_SETTINGS = [
  'message.timestamp.type',
  'cleanup.policy',
  'min.insync.replicas',
  'unclean.leader.election.enable',
] as const;
type CheckedSetting = (typeof CHECKED_SETTINGS)[number];

/** The topics of a source, the source first. */
export function planOf({ source, grouped, aggregated, deadLetter }: KafkaTopics): readonly TopicPlan[] {
  return [
    { name: source, isSource: true },
    { name: grouped, isSource: false },
    { name: aggregated, isSource: false },
    { name: deadLetter, isSource: false, messageBytesMax: DEAD_LETTER_BYTES_MAX },
  ];
}

/** The settings of a topic that is created. */
export function settingsOf(
  { replication, retentionMs }: TopicShape,
  { messageBytesMax }: Pick<TopicPlan, 'messageBytesMax'> = {},
): ReadonlyMap<string, string> {
  return new Map([
    ['message.timestamp.type', 'LogAppendTime'],
    ['cleanup.policy', 'delete'],
    ['retention.ms', String(retentionMs ?? -1)],
    ['retention.bytes', '-1'],
    ['min.insync.replicas', String(replication >= REPLICAS_OF_SAFETY ? 2 : 1)],
    ['unclean.leader.election.enable', 'false'],
    ...(messageBytesMax === undefined ? [] : [['max.message.bytes', String(messageBytesMax)] as const]),
  ]);
}

/** What is wrong with a topic. `settings`: as the brokers have them; one that they do not tell counts as fine. */
export function unsuitableSettings(
  { isSource }: TopicPlan,
  replicas: number,
  settings: ReadonlyMap<string, string>,
): Unsuitable[] {
  const found: Unsuitable[] = [];
  const check = (setting: CheckedSetting, isFine: (value: string) => boolean, needed: string, reason: string) => {
    const value = settings.get(setting);
    if (value !== undefined && !isFine(value)) found.push({ setting, value, needed, reason });
  };
  if (isSource)
    check(
      'message.timestamp.type',
      (value) => value === 'LogAppendTime',
      'LogAppendTime',
      'windows follow the time at which the log stored a pulse',
    );
  check(
    'cleanup.policy',
    (value) => !value.split(',').some((policy) => policy.trim() === 'compact'),
    'delete',
    'compaction removes all but the last message of a key',
  );
  check(
    'min.insync.replicas',
    (value) => Number(value) <= replicas,
    String(Math.min(replicas, 2)),
    `with ${replicas} replicas nothing can be written`,
  );
  if (replicas >= REPLICAS_OF_SAFETY)
    check('min.insync.replicas', (value) => Number(value) >= 2, '2', 'what one broker alone has is lost with it');
  check(
    'unclean.leader.election.enable',
    (value) => value !== 'true',
    'false',
    'a broker that lacks stored messages could become the leader',
  );
  return found;
}

/** The command that creates a topic. */
export function createCommand(brokers: string, plan: TopicPlan, shape: TopicShape): string {
  const settings = [...settingsOf(shape, plan)].map(([setting, value]) => ` --config ${setting}=${value}`).join('');
  return (
    `kafka-topics.sh --bootstrap-server ${brokers} --create --topic ${plan.name} --partitions ${shape.partitions} ` +
    `--replication-factor ${shape.replication}${settings}`
  );
}

/** The command that mends settings of a topic. */
export function mendCommand(brokers: string, name: string, wrong: readonly Unsuitable[]): string {
  const settings = wrong.map(({ setting, needed }) => `${setting}=${needed}`).join(',');
  return (
    `kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${name} ` +
    `--add-config ${settings}`
  );
}
