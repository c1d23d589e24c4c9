// pulses audit: proves that the outputs are what the source says, or shows where they are not.

import { nodeClock } from '@pulses/shared-node-platform';
import { textSetting } from '@pulses/shared-service-host';
import { runAudit, type AuditReport } from '../audit/run-audit';
import type { Finding } from '../audit/findings';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { groupedDigits } from '../listing';
import { startProgress } from '../progress';
import { visibleJson, visibleText } from '../visible-text';

/** A dead letter can be megabytes long. */
const SHOWN_CHARACTERS_MAX = 500;

export const auditCommand = defineCommand({
  name: 'audit',
  purpose: 'Recomputes every output from the source log and compares.',
  details:
    'Exit code 0: all equal. 1: there are differences; the first are printed. Works while the system runs: it compares what ' +
    'was stored when it started.',
  settings: {
    ...brokerCommandSettings,
    sourceTopic: textSetting({ flag: 'source-topic', default: 'source.pulses', description: 'Topic of the pulses.' }),
    group: textSetting({ flag: 'group', default: 'ingestor', description: 'Group of the ingestor.' }),
  },
  async run({ settings, terminal }) {
    const { sourceTopic, group } = settings;
    let doing = 'connecting';
    const progress = await startProgress(terminal, nodeClock, () => doing);
    let report: AuditReport;
    try {
      report = await withBroker(settings, (client) =>
        runAudit({
          client,
          sourceTopic,
          group,
          clock: nodeClock,
          onProgress: (text) => {
            doing = text;
          },
        }),
      );
    } finally {
      progress.stop();
    }
    const asJson = settings.json || !terminal.isInteractive;
    await terminal.write(asJson ? reportJson(report, group) : reportText(report));
    return report.findings.count === 0 ? 0 : 1;
  },
});

/** The differences, then the summary: an object a line. */
function reportJson(report: AuditReport, group: string): string {
  const { scope, replayed, found, findings, seconds } = report;
  const differences = findings.first.map((finding) => {
    const { topic, offset, problem, expected, found: actual } = shortened(finding);
    return { difference: problem, topic, offset, expected, found: actual };
  });
  const summary = {
    equal: findings.count === 0,
    differences: findings.count,
    source_topic: scope.source.topic,
    group,
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
    messages_per_second: rateOf(report),
  };
  return [...differences, summary].map((line) => `${visibleJson(line)}\n`).join('');
}

function reportText(report: AuditReport): string {
  const { replayed, found, findings, seconds } = report;
  const lines = findings.first.map((finding) => {
    const { topic, offset, problem, expected, found: actual } = shortened(finding);
    return [
      `${topic}${offset === undefined ? '' : `, offset ${offset}`}: ${problem}`,
      ...(expected === undefined ? [] : [`  expected  ${expected}`]),
      ...(actual === undefined ? [] : [`  found     ${actual}`]),
    ].map(visibleText);
  });
  const verdict =
    findings.count === 0 ? 'equal: the outputs are what the source says' : `${groupedDigits(findings.count)} differences`;
  return [
    ...lines.flat(),
    `source      ${groupedDigits(replayed.messages)} messages: ${groupedDigits(replayed.pulses)} pulses, ${groupedDigits(replayed.deadLetters)} that are none`,
    `outputs     ${groupedDigits(found.grouped)} grouped, ${groupedDigits(found.deadLetters)} dead letters, ${groupedDigits(found.sums)} sums of ${groupedDigits(replayed.windows)} windows`,
    `compared in ${seconds.toFixed(1)} s, ${groupedDigits(rateOf(report))} messages/s`,
    verdict,
    '',
  ].join('\n');
}

function rateOf({ replayed, seconds }: AuditReport): number {
  return seconds === 0 ? 0 : Math.round(replayed.messages / seconds);
}

function shortened(finding: Finding): Finding {
  const short = (text: string) => (text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text);
  const { expected, found } = finding;
  return {
    ...finding,
    ...(expected === undefined ? {} : { expected: short(expected) }),
    ...(found === undefined ? {} : { found: short(found) }),
  };
}
