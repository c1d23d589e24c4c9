// Looks at all of a data directory that no broker has open: what is there, what is damaged, what is lost. The check and the
// repair both go by it.
//
// Guarantees: nothing is changed; damage ends neither the survey nor what it finds elsewhere. A message is lost when
// the state knows of it and it is valid neither in the topic's files nor in the journal. Bounds: the state, a few
// numbers for each topic and segment, one window of each open file.

import type { FileSystem } from '@pulses/shared-ports';
import type { Checkpoint } from './checkpoint-codec';
import type { Appended, Entry } from './entries';
import { checkPositions, surveyAttestation, surveyCheckpoints } from './fsck-checkpoints';
import { createComparison } from './fsck-compare';
import {
  walkJournal,
  type JournalHole,
  type JournalWalk,
  type JournalWalkOptions,
  type WalkedFrame,
} from './fsck-journal';
import {
  addRange,
  createFindingList,
  isCovered,
  type DamagedRange,
  type Finding,
  type FindingList,
  type OffsetRange,
} from './fsck-report';
import { createTolerantState, type TolerantState } from './fsck-state';
import { settleLosses } from './fsck-losses';
import { findStrays, readKnownTopics } from './fsck-strays';
import type { JournalPiece, Survey, SurveyedTopic, SurveyProgress } from './fsck-survey-types';
import { checkTopic } from './fsck-topic';
import { createState, type TopicState } from './state';
import { directoriesOf, type Directories } from './storage';
import { systemCode } from './storage-errors';
import type { SegmentState } from './topic-files';
import { topicDirectoryName } from './topic-names';

export interface SurveyOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly onProgress?: ((progress: SurveyProgress) => void) | undefined;
  /** Called for each append whose messages are not all in files that a checkpoint covers, in order. */
  readonly onPiece?: (topic: SurveyedTopic, piece: JournalPiece) => void;
}

type SurveyedJournal = Pick<JournalWalkOptions, 'fileSystem' | 'directory' | 'logId' | 'neededLsn' | 'attestedLsn'>;

interface Context extends SurveyOptions {
  readonly directories: Directories;
  readonly list: FindingList;
  readonly counts: Survey['counts'];
  progress(phase: SurveyProgress['phase']): (count: number) => void;
}

/** The caller holds the lock of the directory. */
export async function surveyDirectory(options: SurveyOptions): Promise<Survey> {
  const counts = { bytes: 0, topicSegments: 0, blocks: 0 };
  const context: Context = {
    ...options,
    fileSystem: { ...options.fileSystem, list: (path) => listOrNone(options.fileSystem, path) },
    directories: directoriesOf(options.directory),
    list: createFindingList(),
    counts,
    progress: (phase) => (count) => {
      counts.bytes += count;
      options.onProgress?.({ phase, bytes: counts.bytes });
    },
  };
  const { fileSystem, directories, list } = context;
  const onBytes = context.progress('journal');
  const attested = await surveyAttestation(fileSystem, directories, list, onBytes);
  const attestation = attested === 'damaged' ? undefined : attested;
  const found = await surveyCheckpoints(fileSystem, directories, list, onBytes);
  const { checkpoint } = found;
  // Before frames behind the checkpoint move them on.
  const certainEnds = new Map(
    [...(checkpoint?.state.topicsById.values() ?? [])].map(({ id, nextOffset }) => [id, nextOffset]),
  );
  const tolerant = createTolerantState(checkpoint?.state ?? createState());
  const journal: SurveyedJournal = {
    fileSystem,
    directory: directories.journal,
    logId: checkpoint?.logId,
    neededLsn: found.neededLsn,
    attestedLsn: Math.max(attestation?.lsn ?? 0, found.highestLsn),
  };
  const { walk, holes, lastHole } = await surveyJournal(context, journal, tolerant, checkpoint);
  const isBeginningLost = checkpoint === undefined && holes[0]?.fromLsn === 1;
  const isEndUncertain = attested === 'damaged' && walk.tornBytes > 0;
  const segmentsOf = (topicId: number): SegmentState[] | undefined =>
    checkpoint?.segments.get(topicId) ?? (isBeginningLost ? undefined : []);
  const { topics, damages } = await surveyTopics(context, tolerant, segmentsOf, certainEnds, holes.length > 0);
  await compareJournal(context, journal, topics);
  settleLosses(list, topics, damages, lastHole);
  checkPositions(list, directories, tolerant.state);
  await findStrays(fileSystem, directories, tolerant.state, list);
  const lastTimestampMs = Math.max(tolerant.state.lastTimestampMs, attestation?.timestampMs ?? 0);
  const logId = checkpoint?.logId;
  const { checkpoints } = found;
  const verdicts = { holes, isBeginningLost, isEndUncertain };
  return { list, logId, checkpoints, tolerant, walk, ...verdicts, segmentsOf, topics, lastTimestampMs, counts };
}

async function listOrNone(fileSystem: FileSystem, path: string): Promise<string[]> {
  try {
    return await fileSystem.list(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function surveyJournal(
  { fileSystem, directories, list, progress }: Context,
  journal: SurveyedJournal,
  tolerant: TolerantState,
  checkpoint: Checkpoint | undefined,
): Promise<{ walk: JournalWalk; holes: JournalHole[]; lastHole: Finding | undefined }> {
  const holes: JournalHole[] = [];
  let lastHole: Finding | undefined;
  const checkpointLsn = tolerant.state.lsn;
  const visit = ({ frame, path, position }: WalkedFrame): void => {
    if (frame.lsn === checkpointLsn && frame.crc !== checkpoint?.frameCrc) {
      list.add('damage', path, position, `frame ${frame.lsn} is not the one that the checkpoint knows`);
    }
    if (frame.lsn <= checkpointLsn) return;
    const mismatches: string[] = [];
    tolerant.apply(frame, (what) => mismatches.push(what));
    const [first] = mismatches;
    if (first !== undefined && holes.length === 0) list.add('damage', path, position, first);
  };
  const onHole = async (hole: JournalHole): Promise<void> => {
    lastHole = hole.finding;
    // The checkpoint knows what frames before it came to, but for their messages.
    if (hole.toLsn <= checkpointLsn) return;
    holes.push(hole);
    tolerant.lostFrames(await readKnownTopics(fileSystem, directories.topics));
  };
  const walk = await walkJournal({ ...journal, list, visit, onHole, onBytes: progress('journal') });
  if (holes.length > 0) tolerant.adopt();
  return { walk, holes, lastHole };
}

async function surveyTopics(
  context: Context,
  { state, nameless, uncertainGroups }: TolerantState,
  segmentsOf: Survey['segmentsOf'],
  certainEnds: ReadonlyMap<number, number>,
  hasHoles: boolean,
): Promise<{ topics: Map<number, SurveyedTopic>; damages: DamagedRange[] }> {
  const { fileSystem, directories, list, counts } = context;
  const topics = new Map<number, SurveyedTopic>();
  const damages: DamagedRange[] = [];
  const sources = new Set([...state.groups.values()].flatMap(({ positions }) => [...positions.keys()]));
  for (const topic of state.topicsById.values()) {
    const surveyed: SurveyedTopic = {
      topic,
      incarnation: topic.incarnation,
      directory: `${directories.topics}/${topicDirectoryName(topic.topic)}`,
      segments: [],
      certainEnd: certainEnds.get(topic.id) ?? 0,
      durable: [],
      inFiles: [],
      inJournal: [],
      // What a group stored together with a position that is lost would be stored once more.
      usesLoose: hasHoles && (uncertainGroups.size === 0 || sources.has(topic.id)),
      missing: [],
    };
    topics.set(topic.id, surveyed);
    if (nameless.has(topic.id)) continue;
    const result = await checkTopic({
      fileSystem,
      directory: surveyed.directory,
      topic,
      segments: segmentsOf(topic.id),
      certainEnd: surveyed.certainEnd,
      list,
      onBlock: ({ baseOffset, recordCount, timestampMs, segment, entry, isDurable }) => {
        const range = { fromOffset: baseOffset, toOffset: baseOffset + recordCount };
        counts.blocks += 1;
        addRange(surveyed.inFiles, range);
        if (isDurable) addRange(surveyed.durable, range);
        if (isDurable || surveyed.usesLoose) extend(topic, range.toOffset, timestampMs, hasHoles);
        let last = surveyed.segments.at(-1);
        if (last?.baseOffset !== segment) {
          last = { baseOffset: segment, nextOffset: segment, entries: 0, isDamaged: false };
          surveyed.segments.push(last);
        }
        // Entries before this one were left out: they are damaged.
        if (last.entries !== entry) last.isDamaged = true;
        last.entries = entry + 1;
        last.nextOffset = range.toOffset;
      },
      onDamage: (range) => damages.push(range),
      onBytes: context.progress('topics'),
    });
    counts.topicSegments += result.segments;
    for (const name of result.strays) {
      list.add('note', `${surveyed.directory}/${name}`, 0, 'the file belongs to nothing that is stored');
    }
  }
  return { topics, damages };
}

/** Behind a hole, the files may hold more than the frames that are left tell of. */
function extend(topic: TopicState, toOffset: number, timestampMs: number, hasHoles: boolean): void {
  if (!hasHoles || toOffset <= topic.nextOffset) return;
  topic.nextOffset = toOffset;
  topic.lastTimestampMs = Math.max(topic.lastTimestampMs, timestampMs);
}

/** Reads the journal once more, now that it is known what of each topic the files hold. */
async function compareJournal(
  { fileSystem, list, progress, onPiece }: Context,
  journal: SurveyedJournal,
  topics: ReadonlyMap<number, SurveyedTopic>,
): Promise<void> {
  const comparison = createComparison(fileSystem);
  const compare = async (surveyed: SurveyedTopic, entry: Appended, timestampMs: number): Promise<void> => {
    const { segments, inFiles, durable } = surveyed;
    const range = rangeOf(entry);
    const segment = segments.findLast(({ baseOffset }) => baseOffset <= entry.baseOffset);
    if (segment === undefined || segment.isDamaged || range.toOffset > segment.nextOffset) return;
    if (!isCovered(inFiles, range)) return;
    const difference = await comparison.compare(surveyed, entry, timestampMs);
    if (difference === undefined) return;
    segment.isDamaged = true;
    const isDurable = isCovered(durable, range);
    const rest = isDurable ? '' : '; no checkpoint covers it, a start writes it again';
    list.add(isDurable ? 'damage' : 'note', difference.path, difference.byteOffset, difference.what + rest);
  };
  const visit = async ({ frame, path, position }: WalkedFrame): Promise<void> => {
    const frameStart = frame.entries.find((entry) => entry.kind === 'appended')?.start ?? 0;
    const payloadsAt = position + frame.frameLength - payloadBytes(frame.entries);
    for (const entry of frame.entries) {
      if (entry.kind !== 'appended') continue;
      const surveyed = topics.get(entry.topicId);
      const range = rangeOf(entry);
      if (surveyed === undefined || range.toOffset <= surveyed.topic.startOffset) continue;
      addRange(surveyed.inJournal, range);
      await compare(surveyed, entry, frame.timestampMs);
      if (onPiece === undefined || isCovered(surveyed.durable, range)) continue;
      onPiece(surveyed, {
        ...range,
        timestampMs: frame.timestampMs,
        path,
        position: payloadsAt + entry.start - frameStart,
        length: entry.length,
      });
    }
  };
  try {
    const silent = createFindingList();
    await walkJournal({ ...journal, list: silent, visit, onHole: () => undefined, onBytes: progress('comparison') });
  } finally {
    await comparison.close();
  }
}

function rangeOf({ baseOffset, recordCount }: Appended): OffsetRange {
  return { fromOffset: baseOffset, toOffset: baseOffset + recordCount };
}

function payloadBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === 'appended' ? entry.length : 0), 0);
}
