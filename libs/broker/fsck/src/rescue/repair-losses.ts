// What a repair could not save, as a list for people.

import { UNKNOWN_OWNER } from '@pulses/broker-segment-log';
import type { LostRange } from '../repair-types';
import type { Survey } from '../survey';

const NAMES_SHOWN = 10;

/** @param claimed topics whose outputs belong to UNKNOWN_OWNER now */
export function listLosses(survey: Survey, claimed: readonly string[]): { lost: LostRange[]; lostState: string[] } {
  const { tolerant, losses } = survey;
  const { topics } = tolerant.state;
  const lost = losses.map(({ topicId, fromOffset, toOffset, finding }) => {
    const row = topics.rowOf(topicId);
    const reason = `${finding.file}, byte ${finding.byteOffset}: ${finding.what}`;
    const range = { fromOffset, toOffset, messages: toOffset - fromOffset };
    return { topic: topics.nameOf(row), incarnation: topics.incarnationOf(row), ...range, reason };
  });
  return { lost, lostState: [...framesOf(survey), ...topicsOf(survey), ...ownersOf(claimed), ...endsOf(survey)] };
}

function framesOf({ holes, tolerant }: Survey): string[] {
  if (holes.length === 0) return [];
  const lost = holes.map(({ fromLsn, toLsn }) => {
    const frames =
      fromLsn === toLsn ? `frame ${fromLsn} of the journal is` : `frames ${fromLsn} to ${toLsn} of the journal are`;
    return `${frames} lost: beyond the messages listed, nothing tells what was stored in them`;
  });
  const moved = [...tolerant.uncertainGroups].map(
    (group) => `group ${group} may have moved in lost frames; it continues from its last position that is known`,
  );
  return [...lost, ...moved];
}

function topicsOf({ tolerant }: Survey): string[] {
  const { state, uncertainOffsets, unnamed } = tolerant;
  const nameOf = (id: number): string => state.topics.nameOf(state.topics.rowOf(id));
  const isThere = (id: number): boolean => state.topics.rowOf(id) >= 0;
  const names = [...uncertainOffsets].filter(isThere).map(nameOf);
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return [
    ...(names.length > 0
      ? [
          `messages behind lost frames follow on the last offset that is known, and may have had higher ones, in ${shown}${more}`,
        ]
      : []),
    ...[...unnamed].filter(isThere).map((id) => `the name of topic id ${id}; its messages are in ${nameOf(id)}`),
  ];
}

function ownersOf(claimed: readonly string[]): string[] {
  return claimed.map(
    (topic) =>
      `lost frames may have told which group publishes the outputs of ${topic}: none may until ` +
      `'pulses groups delete ${UNKNOWN_OWNER}' hands them over to the next one, and one without positions publishes all of them again`,
  );
}

function endsOf({ isBeginningLost, isEndUncertain }: Survey): string[] {
  const lost: string[] = [];
  if (isBeginningLost) {
    lost.push(
      'no checkpoint is valid: groups and producers that the rest of the journal does not mention are forgotten; ' +
        'such a group would begin at the first message, so delete what it had written before it starts; ' +
        'nor is it known which topics were deleted, and where topics without messages stood',
    );
  }
  if (isEndUncertain) {
    lost.push(
      'the attestation is damaged, and the journal ends in a frame that is not valid: it may be one that was torn while it was ' +
        'written, or one that was acknowledged, and then nothing tells what was stored in it',
    );
  }
  return lost;
}
