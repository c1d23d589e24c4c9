// Which messages are nowhere any more, and what they were lost to.

import {
  addRange,
  missingOf,
  type DamagedRange,
  type Finding,
  type FindingList,
  type OffsetRange,
} from './fsck-report';
import type { SurveyedTopic } from './fsck-survey-types';

/**
 * Fills in `missing` of each topic, and says at each finding what it has cost. What no file of the topic explains was lost
 * with frames of the journal, which `hole` tells of, or gets a finding of its own.
 */
export function settleLosses(
  list: FindingList,
  topics: ReadonlyMap<number, SurveyedTopic>,
  damages: readonly DamagedRange[],
  hole: Finding | undefined,
): void {
  const explained = new Map<number, OffsetRange[]>();
  for (const surveyed of topics.values()) surveyed.missing = missingMessages(surveyed);
  for (const { topicId, finding, ...range } of damages) {
    const surveyed = topics.get(topicId);
    if (surveyed === undefined || surveyed.missing.length === 0) continue;
    const before = explained.get(topicId) ?? [];
    explained.set(topicId, before);
    for (const lost of overlap(surveyed.missing, range)) {
      for (const fresh of missingOf(lost, before)) tell(finding, surveyed, fresh);
      addRange(before, lost);
    }
  }
  for (const surveyed of topics.values()) {
    for (const range of surveyed.missing) {
      for (const rest of missingOf(range, explained.get(surveyed.topic.id) ?? [])) {
        const what = `the messages from offset ${rest.fromOffset} to ${rest.toOffset - 1} are in no file`;
        tell(hole ?? list.add('damage', surveyed.directory, 0, what), surveyed, rest);
      }
    }
  }
}

function missingMessages({ topic, durable, inFiles, inJournal, usesLoose }: SurveyedTopic): OffsetRange[] {
  const have = [...inJournal];
  for (const range of usesLoose ? inFiles : durable) addRange(have, range);
  return missingOf({ fromOffset: topic.startOffset, toOffset: topic.nextOffset }, have);
}

function tell(finding: Finding, { topic }: SurveyedTopic, { fromOffset, toOffset }: OffsetRange): void {
  const last = finding.lost.at(-1);
  if (last?.topic === topic.topic && last.toOffset === fromOffset) {
    finding.lost[finding.lost.length - 1] = { ...last, toOffset };
  } else {
    finding.lost.push({ topic: topic.topic, fromOffset, toOffset });
  }
}

function overlap(ranges: readonly OffsetRange[], within: OffsetRange): OffsetRange[] {
  return ranges
    .map(({ fromOffset, toOffset }) => ({
      fromOffset: Math.max(fromOffset, within.fromOffset),
      toOffset: Math.min(toOffset, within.toOffset),
    }))
    .filter(({ fromOffset, toOffset }) => fromOffset < toOffset);
}
