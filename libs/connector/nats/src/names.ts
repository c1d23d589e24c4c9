// Streams and subjects of the NATS connector.
//
//   source stream    one subject, `<source>`; a message is a pulse, and its sequence is the pulse's offset
//   output stream    `pulses-<group>`: outputs, dead letters, and what the group knows about its sources
//
// Names of groups and sources become one token of a subject as tenants do: percent-encoded, a digest when too long.

import { PulsesError } from '@pulses/shared-errors';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic } from '@pulses/shared-pulse-model';

/** Name of the source stream that is created; the one of another source, when it is taken. */
export const SOURCE_STREAM = 'pulses-source';

/** Header of a tick: a message of the source that is no pulse and only carries the stream's time. */
export const TICK_HEADER = 'pulses-tick';
/** Header of an output message: how many lines end in it. */
export const LINES_HEADER = 'Pulses-Lines';

const OWN_PREFIX = 'pulses.';
const TOKEN = /^[^\s.*>]+$/;
const SUBJECT_LENGTH_MAX = 249;

const tokenOf = (name: string): string => encodeTenant(Buffer.from(name));

/** No group has this stream: its name holds an `=` that no short token has. */
export const otherSourceStream = (source: string): string => `${SOURCE_STREAM}=${tokenOf(source)}`;

/** Subjects of a group's outputs of one source. */
export interface GroupSubjects {
  readonly stream: string;
  /** The subjects that the output stream must have. */
  readonly all: readonly string[];
  readonly deadLetters: string;
  /** Its last message is the group's position on the source, and its sequence the fence. */
  readonly position: string;
  /** Outputs of a commit that needs several batches, until all are stored. */
  readonly journal: string;
  /** Answered by the active member; outside of every stream. */
  readonly liveness: string;
}

/** @throws PulsesError CONFIG_INVALID when the group's stream would be the source's */
export function groupSubjects(group: string, source: string): GroupSubjects {
  const stream = `pulses-${tokenOf(group)}`;
  if (stream === SOURCE_STREAM)
    throw new PulsesError(
      'CONFIG_INVALID',
      `--group: '${group}' is not valid: its outputs would be in the stream of the source; allowed: another name`,
    );
  const [groupToken, sourceToken] = [tokenOf(group), tokenOf(source)];
  const own = (kind: string) => `${OWN_PREFIX}${kind}.${groupToken}`;
  const deadLetters = deadLetterTopic(source);
  return {
    stream,
    all: [groupedTopic('*'), aggregatedTopic('*'), deadLetters, `${own('positions')}.*`, `${own('journal')}.*`],
    deadLetters,
    position: `${own('positions')}.${sourceToken}`,
    journal: `${own('journal')}.${sourceToken}`,
    liveness: `${own('members')}.${sourceToken}`,
  };
}

/** @throws PulsesError CONFIG_INVALID for a source that is no subject, or one of ours */
export function checkSource(source: string): void {
  const tokens = source.split('.');
  const isSubject = source.length <= SUBJECT_LENGTH_MAX && tokens.every((token) => TOKEN.test(token));
  const isOwn = source.startsWith(OWN_PREFIX) || source.startsWith('tenants.') || source.startsWith('$');
  if (isSubject && !isOwn) return;
  throw new PulsesError(
    'CONFIG_INVALID',
    `--source-topic: '${source}' is not valid: NATS allows tokens separated by dots, without spaces and wildcards; ` +
      'allowed: any that does not begin with tenants., pulses. or $',
  );
}
