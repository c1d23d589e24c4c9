// What a repair could not save, as a list for people.

import { missingOf, type LostMessages, type OffsetRange } from './fsck-report';
import type { Survey, SurveyedTopic } from './fsck-survey-types';
import type { LostRange } from './repair-types';
import { UNKNOWN_OWNER } from './state';

const LEFT_OUT = 'may have been stored together with a position that is lost; the group stores it again';

/** @param claimed topics whose outputs belong to UNKNOWN_OWNER now */
export function listLosses(survey: Survey, claimed: readonly string[]): { lost: LostRange[]; lostState: string[] } {
  const { list, holes, tolerant, topics } = survey;
  const reasons = new Map<string, { range: LostMessages; reason: string }[]>();
  for (const { file, byteOffset, what, lost } of list.findings) {
    for (const range of lost) {
      const known = reasons.get(range.topic) ?? [];
      known.push({ range, reason: `${file}, byte ${byteOffset}: ${what}` });
      reasons.set(range.topic, known);
    }
  }
  const lost: LostRange[] = [];
  for (const surveyed of topics.values()) {
    const { topic, missing } = surveyed;
    const known = reasons.get(topic.topic) ?? [];
    for (const { range, reason } of known) lost.push(lostRange(surveyed, range, reason));
    const explained = known.map(({ range }) => range).sort((left, right) => left.fromOffset - right.fromOffset);
    for (const range of missing) {
      for (const rest of missingOf(range, explained))
        lost.push(lostRange(surveyed, rest, 'damage beyond what the list of findings holds'));
    }
    if (holes.length > 0) for (const range of leftOut(surveyed)) lost.push(lostRange(surveyed, range, LEFT_OUT));
    if (tolerant.nameless.has(topic.id)) {
      for (const range of missingOf({ fromOffset: topic.startOffset, toOffset: topic.nextOffset }, missing)) {
        lost.push(lostRange(surveyed, range, 'nothing tells the name of the topic any more'));
      }
    }
  }

  const lostState = holes.map(({ fromLsn, toLsn }) => {
    const frames =
      fromLsn === toLsn ? `frame ${fromLsn} of the journal is` : `frames ${fromLsn} to ${toLsn} of the journal are`;
    return `${frames} lost: beyond the messages listed, nothing tells what else was stored in them`;
  });
  for (const group of holes.length > 0 ? tolerant.uncertainGroups : []) {
    lostState.push(`group ${group} may have moved in lost frames; it goes on from its last position that is known`);
  }
  for (const topic of claimed) {
    lostState.push(
      `lost frames may have told which group publishes the outputs of ${topic}: none may until ` +
        `'pulses groups delete ${UNKNOWN_OWNER}' hands them over to the next one, and one without positions publishes all of them again`,
    );
  }
  if (survey.isBeginningLost) {
    lostState.push(
      'no checkpoint is valid: groups and producers that the rest of the journal does not mention are forgotten; ' +
        'such a group would begin at the first message, so delete what it had written before it starts; ' +
        'nor is it known whether a topic had messages before its first file',
    );
  }
  if (survey.isEndUncertain) {
    lostState.push(
      'the attestation is damaged, and the journal ends in a frame that is not valid: it may be one that was torn while it was ' +
        'written, or one that was acknowledged, and then nothing tells what was stored in it',
    );
  }
  return { lost, lostState };
}

/** What the files hold behind the end of the topic, and is not taken over. */
function leftOut({ topic, inFiles, usesLoose }: SurveyedTopic): OffsetRange[] {
  if (usesLoose) return [];
  return inFiles
    .filter(({ toOffset }) => toOffset > topic.nextOffset)
    .map(({ fromOffset, toOffset }) => ({ fromOffset: Math.max(fromOffset, topic.nextOffset), toOffset }));
}

function lostRange({ topic }: SurveyedTopic, { fromOffset, toOffset }: OffsetRange, reason: string): LostRange {
  const { topic: name, incarnation } = topic;
  return { topic: name, incarnation, fromOffset, toOffset, messages: toOffset - fromOffset, reason };
}
