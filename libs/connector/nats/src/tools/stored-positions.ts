// Positions and groups as the position records say them.

import type { JetStreamManager } from '@nats-io/jetstream';
import type { GroupInfo, GroupPosition } from '@pulses/connector-api';
import { decodeRecord, type PositionRecord } from '../position-record';
import { pulsesStreams } from './topic-streams';

const POSITION_SUBJECTS = 'pulses.positions.>';

export interface GroupRecord {
  readonly stream: string;
  readonly group: string;
  readonly source: string;
  readonly sequence: number;
  readonly record: PositionRecord;
}

/** The last record of each group on each source. */
export async function groupRecords(manager: JetStreamManager): Promise<GroupRecord[]> {
  const records: GroupRecord[] = [];
  for (const { config, state } of await pulsesStreams(manager, POSITION_SUBJECTS))
    for (const subject of Object.keys(state.subjects ?? {})) {
      const message = await manager.streams.getMessage(config.name, { last_by_subj: subject });
      if (message === null) continue;
      const [, , group = '', source = ''] = subject.split('.');
      records.push({
        stream: config.name,
        group: decodeURIComponent(group),
        source: decodeURIComponent(source),
        sequence: message.seq,
        record: decodeRecord(message.data, subject),
      });
    }
  return records;
}

export function positionsIn({ group, source, record }: GroupRecord): GroupPosition[] {
  return Object.entries(record.positions).map(([name, { offset, metadata }]) => ({
    group,
    topic: source,
    name,
    incarnation: record.source.incarnation,
    offset,
    metadata,
  }));
}

/** By name. The epoch is the sequence of the last record: each takeover writes one. */
export function groupsIn(records: readonly GroupRecord[]): GroupInfo[] {
  const names = [...new Set(records.map(({ group }) => group))].sort();
  return names.map((group) => {
    const own = records.filter((record) => record.group === group);
    return { group, epoch: Math.max(...own.map(({ sequence }) => sequence)), sources: own.map(({ source }) => source) };
  });
}
