// pulses audit: proves that the outputs are right, or shows where they are not.

import {
  runAudit,
  skimInThread,
  type AuditProgress,
  type AuditReport,
  type Finding,
  type UncheckedRange,
} from '@pulses/audit';
import type { TopicReader } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { booleanSetting, integerKind, optional, textKind, textSetting } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { auditAccess, connectForAudit } from '../audit-access';
import { connectorCommandSettings, findPartitions, withConnections } from '../connector-access';
import { groupedDigits, partitionText } from '../listing';
import { chosenPartitions, partitionSettings } from '../partitions';
import { startProgress } from '../progress';
import { visibleJson, visibleText } from '../visible-text';

/** A dead letter can be megabytes long. */
const SHOWN_CHARACTERS_MAX = 500;

/** With retention, each topic may have a range of its own. */
const UNCHECKED_SHOWN_MAX = 20;

const CONNECTIONS = 4;

const offsetKind = integerKind({ min: 0, max: Number.MAX_SAFE_INTEGER });

export const auditCommand = defineCommand({
  name: 'audit',
  purpose: 'Recomputes every output from the source log and compares.',
  details:
    'Exit code 0: all that was asked for was compared and is equal, byte for byte. 1: there are differences, of which the ' +
    'first are printed, or ranges that could not be compared, which are named. Works while the system runs: it compares ' +
    'what was stored when it started. With --from or --to, windows that lie only partly within are skipped. A source of several partitions has a report for each; time and rate are those of the whole audit.',
  settings: {
    ...connectorCommandSettings,
    sourceTopic: textSetting({ flag: 'source-topic', default: 'source.pulses', description: 'Topic of the pulses.' }),
    group: textSetting({ flag: 'group', default: 'ingestor', description: 'Group of the ingestor.' }),
    ...partitionSettings,
    from: optional(offsetKind, { flag: 'from', description: 'First source offset to compare the outputs of.' }),
    to: optional(offsetKind, { flag: 'to', description: 'Source offset after the last one to compare.' }),
    tenant: optional(textKind, {
      flag: 'tenant',
      description: "Compare only this tenant's topics; the whole source is still read.",
    }),
    allowTrimmed: booleanSetting({
      flag: 'allow-trimmed',
      description: 'Exit code 0 also when retention has removed a part, and all the rest is equal.',
    }),
  },
  async run({ settings, terminal }) {
    const { sourceTopic, group, from, to, tenant } = settings;
    if (from !== undefined && to !== undefined && from > to)
      throw new PulsesError('CONFIG_INVALID', `--to: '${to}' is not valid: an offset from --from=${from} on`);
    let latest: AuditProgress | undefined;
    const progress = await startProgress(terminal, nodeClock, () => progressText(latest));
    let reports: readonly AuditReport[];
    try {
      reports = await withConnections(settings, CONNECTIONS, async (readers) =>
        runAudit({
          readers,
          skimElsewhere: skimInThread(process.argv[1] ?? '', connectForAudit, auditAccess(settings), CONNECTIONS),
          sourceTopic,
          partitions: await sourcePartitions(readers[0] as TopicReader, settings),
          group,
          from,
          to,
          tenant,
          clock: nodeClock,
          random: nodeRandom,
          onProgress: (at) => {
            latest = at;
          },
        }),
      );
    } finally {
      progress.stop();
    }
    const asJson = settings.json || !terminal.isInteractive;
    const rate = rateOf(reports);
    for (const report of reports)
      await terminal.write(asJson ? reportJson(report, rate, { group, tenant }) : reportText(report, rate));
    return reports.every((report) => isPassed(report, settings.allowTrimmed)) ? 0 : 1;
  },
});

interface AskedPartitions {
  readonly sourceTopic: string;
  readonly partition?: number | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** @throws PulsesError TOPIC_UNKNOWN, CONFIG_INVALID */
async function sourcePartitions(
  reader: TopicReader,
  { sourceTopic, partition, from, to }: AskedPartitions,
): Promise<readonly (number | undefined)[]> {
  const found = await findPartitions(reader, sourceTopic);
  return chosenPartitions(found, { partition, offsets: { from, to } }).map((chosen) => chosen.partition);
}

function isPassed({ findings, unchecked }: AuditReport, allowTrimmed: boolean): boolean {
  return findings.count === 0 && unchecked.every(({ reason }) => allowTrimmed && reason === 'trimmed');
}

function progressText(progress: AuditProgress | undefined): string {
  if (progress === undefined) return 'connecting';
  const { doing, done, of } = progress;
  const share = of === 0 ? 100 : Math.floor((100 * done) / of);
  return `${doing}: ${groupedDigits(done)} of ${groupedDigits(of)} messages, ${share} %`;
}

/** The differences, then the summary: an object a line. */
function reportJson(
  report: AuditReport,
  rate: number,
  { group, tenant }: { group: string; tenant: string | undefined },
): string {
  const { scope, replayed, found, findings, unchecked, seconds } = report;
  const differences = findings.first.map((finding) => {
    const { topic, offset, problem, expected, found: actual } = shortened(finding);
    return { difference: problem, topic, offset, expected, found: actual };
  });
  const summary = {
    equal: findings.count === 0,
    complete: unchecked.length === 0,
    differences: findings.count,
    source_topic: scope.source.topic,
    partition: scope.source.partition,
    group,
    tenant,
    from_offset: scope.startOffset,
    grouped_offset: scope.groupedOffset,
    windowed_offset: scope.windowedOffset,
    messages_read: replayed.messages,
    pulses: replayed.pulses,
    dead_letters: replayed.deadLetters,
    windows: replayed.windows,
    sums: replayed.sums,
    grouped_lines: found.grouped,
    dead_letter_lines: found.deadLetters,
    aggregated_lines: found.sums,
    lines_of_other_sources: found.ofOtherSources,
    seconds: Number(seconds.toFixed(3)),
    messages_per_second: rate,
    unchecked: unchecked.map(({ outputs, fromOffset, toOffset, reason }) => ({
      outputs: typeof outputs === 'string' ? outputs : outputs.topic,
      from_offset: fromOffset,
      to_offset: isFinite(toOffset) ? toOffset : null,
      reason,
    })),
  };
  return [...differences, summary].map((line) => `${visibleJson(line)}\n`).join('');
}

function reportText(report: AuditReport, rate: number): string {
  const { scope, replayed, found, findings, unchecked, seconds } = report;
  const { topic, partition } = scope.source;
  const lines = findings.first.map((finding) => {
    const { topic, offset, problem, expected, found: actual } = shortened(finding);
    return [
      `${topic}${offset === undefined ? '' : `, offset ${offset}`}: ${problem}`,
      ...(expected === undefined ? [] : [`  expected  ${expected}`]),
      ...(actual === undefined ? [] : [`  found     ${actual}`]),
    ].map(visibleText);
  });
  return [
    ...(partition === undefined ? [] : [visibleText(partitionText(topic, partition))]),
    ...lines.flat(),
    `source      ${groupedDigits(replayed.messages)} messages: ${groupedDigits(replayed.pulses)} pulses, ${groupedDigits(replayed.deadLetters)} invalid`,
    `outputs     ${groupedDigits(found.grouped)} grouped, ${groupedDigits(found.deadLetters)} dead letters, ${groupedDigits(found.sums)} sums of ${groupedDigits(replayed.windows)} windows`,
    `compared in ${seconds.toFixed(1)} s, ${groupedDigits(rate)} messages/s`,
    ...unchecked.slice(0, UNCHECKED_SHOWN_MAX).map(uncheckedText),
    ...(unchecked.length > UNCHECKED_SHOWN_MAX
      ? [`and ${groupedDigits(unchecked.length - UNCHECKED_SHOWN_MAX)} more; --json lists all`]
      : []),
    verdictOf(report),
    '',
  ].join('\n');
}

function verdictOf({ scope, findings, unchecked }: AuditReport): string {
  if (findings.count > 0) return `${groupedDigits(findings.count)} differences`;
  if (unchecked.length > 0) return 'not complete: what could be compared is equal';
  return scope.hasPositions
    ? 'equal: the outputs are what the source says'
    : 'nothing to compare: the group has stored no position on this source';
}

function uncheckedText({ outputs, fromOffset, toOffset, reason }: UncheckedRange): string {
  const what = { all: 'all outputs', sums: 'sums' };
  const of = typeof outputs === 'string' ? what[outputs] : outputs.topic;
  const range = isFinite(toOffset) ? `${fromOffset} to ${toOffset - 1}` : `${fromOffset} on`;
  const why = reason === 'trimmed' ? 'removed by retention' : 'not committed yet';
  return visibleText(`not compared: ${of} of source offsets ${range}: ${why}`);
}

/** Messages a second of the whole audit. */
function rateOf(reports: readonly AuditReport[]): number {
  const { seconds = 0 } = reports[0] ?? {};
  const messages = reports.reduce((sum, { replayed }) => sum + replayed.messages, 0);
  return seconds === 0 ? 0 : Math.round(messages / seconds);
}

function shortened(finding: Finding): Finding {
  const short = (text: string) =>
    text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
  const { expected, found } = finding;
  return {
    ...finding,
    ...(expected === undefined ? {} : { expected: short(expected) }),
    ...(found === undefined ? {} : { found: short(found) }),
  };
}
