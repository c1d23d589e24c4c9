// Bugs that a design like this one is prone to, each as a change that puts it in.
//
// A mutation that no longer applies follows the code: the same bug at its new place, never a weaker one.

import type { Mutation } from './mutation.ts';

const SESSION_RUN = 'libs/stream/pipeline/src/session-run.ts';
const STEP_HANDLER = 'libs/stream/pipeline/src/step-handler.ts';
const GROUPED_WRITER = 'libs/stream/pipeline/src/commits/grouped-writer.ts';
const DEFINITION_KERNEL = 'libs/stream/pipeline/src/kernel/definition-kernel.ts';

const SEND_BATCH = `    await flow.send(commit, (isStored) => {
      if (isStored) this.#countStored(lineCount, reasons);
`;

const KERNEL_TEST: Mutation['test'] = {
  project: 'libs/stream/pipeline',
  files: 'kernel-differential',
  name: 'give the same bytes, sums and stops',
  compilesKernel: true,
};

export const MUTATIONS: readonly Mutation[] = [
  {
    number: 1,
    bug: 'outputs are stored first, and their position in a second commit: a crash in between doubles them',
    edits: [
      {
        file: GROUPED_WRITER,
        find: SEND_BATCH,
        replace: `    await flow.send({ ...commit, positions: new Map() }, () => undefined);
    await flow.send({ ...commit, grouped: undefined, deadLetters: undefined }, (isStored) => {
      if (isStored) this.#countStored(lineCount, reasons);
`,
      },
    ],
    test: {
      project: 'libs/stream/pipeline',
      files: 'restarts',
      name: 'continues in a new process that crashes at every commit',
    },
  },
  {
    number: 2,
    bug: 'the position is stored before the outputs: a crash between the two loses them',
    edits: [
      {
        file: GROUPED_WRITER,
        find: SEND_BATCH,
        replace: `    await flow.send({ ...commit, grouped: undefined, deadLetters: undefined }, () => undefined);
    await flow.send({ ...commit, positions: new Map() }, (isStored) => {
      if (isStored) this.#countStored(lineCount, reasons);
`,
      },
    ],
    test: {
      project: 'libs/stream/pipeline',
      files: 'restarts',
      name: 'continues in a new process that crashes at every commit',
    },
  },
  {
    number: 3,
    bug: 'a batch that is sent again after its acknowledgement was lost is stored again',
    edits: [
      {
        file: 'libs/broker/segment-log/src/commit/staged-producers.ts',
        find: 'if (stamp.sequence < expected) return this.#firstResult(stamp);',
        replace: 'if (stamp.sequence < expected) return undefined;',
      },
    ],
    test: {
      project: 'libs/broker/segment-log',
      files: 'conformance',
      name: 'gets the first result for a repeat, and nothing is stored again',
      casesIn: 'libs/testing/broker-log-conformance/src/describe-producers.ts',
    },
  },
  {
    number: 4,
    bug: 'a commit is acknowledged before its frames are synchronised',
    edits: [
      {
        file: 'libs/broker/segment-log/src/commit/commit-queue.ts',
        find: 'if (syncsEachGroup) await journal.sync();',
        replace: 'if (syncsEachGroup) void journal.sync().catch(() => undefined);',
      },
    ],
    test: { project: 'libs/broker/segment-log', files: 'power-cut', name: 'never lose, repeat, reorder or split' },
  },
  {
    number: 4,
    bug: 'readers see messages before fdatasync',
    edits: [
      {
        file: 'libs/broker/segment-log/src/commit/commit-queue.ts',
        find: '    if (syncsEachGroup) await journal.sync();\n    this.#options.onDurable(staging.frames);\n',
        replace: '    this.#options.onDurable(staging.frames);\n    if (syncsEachGroup) await journal.sync();\n',
      },
    ],
    test: {
      project: 'libs/broker/segment-log',
      files: 'conformance',
      name: 'is not answered and seen by no reader; once durable it is seen before it is answered',
      casesIn: 'libs/testing/broker-log-conformance/src/describe-disk.ts',
    },
  },
  {
    number: 5,
    bug: 'a message that is published is sent to a reader at once, although its replay has not got there',
    edits: [
      {
        file: 'libs/broker/server/src/protocols/fetch-streams.ts',
        find: 'log.onChange(request.topic, () => {\n',
        replace:
          'log.onChange(request.topic, () => {\n          stream.next = Math.max(stream.next, (log.topic(request.topic)?.nextOffset ?? 0) - 2);\n',
      },
    ],
    test: { project: 'libs/broker/server', files: 'fetch-streams', name: 'is gapless however the bytes are chopped' },
  },
  {
    number: 11,
    bug: 'the log takes commits of a member that has been replaced',
    edits: [
      {
        file: 'libs/broker/segment-log/src/commit/staged-groups.ts',
        find: 'if (request.groupEpoch !== epoch)',
        replace: 'if (request.groupEpoch > epoch)',
      },
    ],
    test: {
      project: 'libs/broker/segment-log',
      files: 'conformance',
      name: 'takes commits of its current epoch alone, and fences every other',
      casesIn: 'libs/testing/broker-log-conformance/src/describe-commits.ts',
    },
  },
  {
    number: 11,
    bug: 'a member that slept past its lease continues, if it wakes before the timer has run',
    edits: [
      {
        file: 'libs/broker/server/src/groups/groups.ts',
        find: 'if (member.lease.hasPassed) {',
        replace: 'if (member.epoch === undefined) {',
      },
    ],
    test: {
      project: 'libs/broker/server',
      files: 'groups',
      name: 'fences a member whose lease has passed although its timer has not run',
    },
  },
  {
    number: 11,
    bug: 'the lease of a sleeping member never expires, so no standby takes over',
    edits: [
      {
        file: 'libs/broker/server/src/groups/groups.ts',
        find: '        member.lease.start();\n        member.resolve(epoch);\n',
        replace: '        member.resolve(epoch);\n',
      },
    ],
    test: { project: 'libs/broker/server', files: 'groups', name: 'lets a fenced member join again' },
  },
  {
    number: 12,
    bug: "grouped lines carry the ingestor's wall clock",
    edits: [
      {
        file: DEFINITION_KERNEL,
        find: 'const timestampS = Math.floor(timestampMs / 1000);',
        replace: 'const timestampS = Math.floor(Date.now() / 1000);',
      },
    ],
    test: { project: 'libs/stream/pipeline', files: 'determinism', name: 'are the same bytes' },
  },
  {
    number: 12,
    bug: 'ids of sums are random',
    edits: [
      {
        file: 'libs/shared/pulse-model/src/object-ids.ts',
        find: "hash('sha256', views[length], 'hex')",
        replace: "hash('sha256', `${Math.random()}`, 'hex')",
      },
    ],
    test: { project: 'libs/stream/pipeline', files: 'determinism', name: 'are the same bytes' },
  },
  {
    number: 13,
    bug: 'a message that is no pulse is skipped',
    edits: [
      {
        file: DEFINITION_KERNEL,
        find: '} else if (offset >= groupedOffset) {',
        replace: '} else if (offset < groupedOffset) {',
      },
    ],
    test: { project: 'libs/stream/pipeline', files: 'outputs', name: 'stores what is no pulse as a dead letter' },
  },
  {
    number: 15,
    bug: 'a commit without an answer counts as failed: the next session continues from the acknowledged positions',
    edits: [
      {
        file: SESSION_RUN,
        find: "import { StepHandler } from './step-handler';\n",
        replace: "import { answered, StepHandler } from './step-handler';\n",
      },
      {
        file: SESSION_RUN,
        find: '  const stored = readPositions(session);\n',
        replace:
          '  const stored = readPositions({ ...session, positions: answered.get(options.connector) ?? session.positions });\n',
      },
      {
        file: STEP_HANDLER,
        find: '/** Calls never overlap.',
        replace: 'export const answered = new WeakMap();\n\n/** Calls never overlap.',
      },
      {
        file: STEP_HANDLER,
        find: '    this.#flow = new CommitFlow({\n      session,\n',
        replace: `    this.#flow = new CommitFlow({
      session: {
        ...session,
        commit: async (commit) => {
          await session.commit(commit);
          answered.set(options.connector, new Map([...(answered.get(options.connector) ?? []), ...commit.positions]));
        },
      },
`,
      },
    ],
    test: {
      project: 'apps/e2e',
      files: 'uncertain-commit',
      name: 'is settled by reading the positions back',
      bundles: ['broker', 'ingestor', 'cli'],
    },
  },
  {
    number: 16,
    bug: 'the kernel takes a line with text behind its object',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/parse.ts',
        find: 'at == end || (at + 1 == end',
        replace: 'at <= end || (at + 1 == end',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 16,
    bug: 'the kernel takes a pulse with a key twice',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/parse.ts',
        find: 'if ((seen & field) != 0) return false;',
        replace: '',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 16,
    bug: 'the kernel takes a number with leading zeros',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/parse.ts',
        find: 'if (wholeDigits > 1 && load<u8>(wholeAt) == ZERO) return 0;',
        replace: '',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 16,
    bug: 'the kernel loses the borrow of a sum that falls below a limb',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/ingest-kernel.ts',
        find: '    low += BASE;\n    carry = -1;',
        replace: '    low += BASE;',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 16,
    bug: 'the kernel takes keys that differ in their last bytes for one',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/bytes.ts',
        find: 'return !v128.any_true(v128.and(rest, v128.load(masks + ((bytes & 15) << 4))));',
        replace: 'return true;',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 16,
    bug: 'the kernel writes the minus of zero',
    edits: [
      {
        file: 'libs/stream/pipeline/assembly/parse.ts',
        find: 'amountAt = isZero ? wholeAt : start;',
        replace: 'amountAt = start;',
      },
    ],
    test: KERNEL_TEST,
  },
  {
    number: 21,
    bug: 'a segment goes when one checkpoint knows its runs',
    edits: [
      {
        file: 'libs/broker/segment-log/src/checkpoint/checkpointer.ts',
        find: 'if (kept.length > 1) await this.#retire(Math.min(...this.#sealedLsns.values()));',
        replace: 'await this.#retire(Math.max(...this.#sealedLsns.values()));',
      },
    ],
    test: { project: 'libs/broker/segment-log', files: 'sealing', name: 'is read back from its runs after a restart' },
  },
  {
    number: 22,
    bug: 'a segment that is given up keeps its header: used again, it says that it holds the frames of before',
    edits: [
      {
        file: 'libs/broker/segment-log/src/journal/spare-segments.ts',
        find: "    await withFile(this.#fileSystem, path, 'write', markSpare);\n",
        replace: '',
      },
    ],
    test: { project: 'libs/broker/segment-log', files: 'power-cut', name: 'never lose, repeat, reorder or split' },
  },
  {
    number: 23,
    bug: 'a stale frame of a segment that is used again is accepted',
    edits: [
      {
        file: 'libs/broker/segment-log/src/journal/journal-scan.ts',
        find: 'if (header === undefined || header.lsn !== lsn + 1 || header.previousCrc !== crc) break;',
        replace: 'if (header === undefined) break;',
      },
    ],
    test: { project: 'libs/broker/segment-log', files: 'power-cut', name: 'never lose, repeat, reorder or split' },
  },
  {
    number: 24,
    bug: 'the directory of a run is used without its checksum',
    edits: [
      {
        file: 'libs/broker/segment-log/src/segments/run-format.ts',
        find: 'if (end < 0 || view.getUint32(end, true) !== crc32(bytes.subarray(0, end), blockSeed(headerCrc, block))) {',
        replace: 'if (end < 0) {',
      },
    ],
    test: {
      project: 'libs/broker/segment-log',
      files: 'run-format',
      name: 'is not valid with any bit of its header, index or directory changed',
    },
  },
  {
    number: 25,
    bug: 'two partitions share an engine',
    edits: [
      {
        file: 'libs/stream/pipeline/src/partitions/partition-engines.ts',
        find: 'this.#engines.get(partition) ?? this.#create()',
        replace: 'this.#engines.values().next().value ?? this.#create()',
      },
    ],
    test: { project: 'libs/stream/pipeline', files: 'partitions', name: 'makes of each what its log says' },
  },
  {
    number: 26,
    bug: 'a window begins with the gap before its first message',
    edits: [
      { file: STEP_HANDLER, find: 'timestampMs, records.baseOffset)', replace: 'timestampMs, kernel.nextOffset)' },
    ],
    test: { project: 'libs/stream/pipeline', files: 'partitions', name: 'makes of each what its log says' },
  },
];
