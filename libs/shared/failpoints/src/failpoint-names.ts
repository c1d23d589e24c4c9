// All failpoints. The end-to-end tests kill a process at each one, in this order.

/** Failpoints of the broker. A journal segment goes only after two checkpoints that know its runs. */
export const BROKER_FAILPOINTS = [
  'recovery.after-replay',
  'recovery.before-segment',
  'recovery.after-copy',
  'recovery.after-sync',
  'recovery.after-rename',
  'journal.before-write',
  'journal.after-write',
  'journal.after-sync',
  'journal.roll.after-name',
  'journal.roll.after-header',
  'journal.roll.after-sync',
  'group-commit.after-apply',
  'answer.before-send',
  'answer.after-send',
  'lines.after-append',
  'records.before-send',
  'records.after-send',
  'head.before-send',
  'group.before-epoch',
  'group.after-epoch',
  'seal.after-run-sync',
  'seal.after-run-rename',
  'seal.after-runs',
  'seal.after-store',
  'checkpoint.after-sync',
  'replaced-file.after-sync',
  'replaced-file.after-rename',
  'checkpoint.after-store',
  'checkpoint.after-retire',
  'retention.after-trim',
  'retention.after-drop',
  'stop.before-attestation',
] as const;

/** Failpoints of the ingestor. */
export const INGESTOR_FAILPOINTS = [
  'session.after-connect',
  'session.after-join',
  'session.after-positions',
  'pipeline.after-open',
  'pipeline.after-records',
  'pipeline.before-commit',
  'pipeline.after-commit',
  'commit.before-send',
  'commit.after-send',
  'commit.after-answer',
  'window.before-seal',
  'window.after-seal',
  'window.after-slice',
  'window.before-drop',
  'window.after-drop',
  'session.before-leave',
] as const;

export type Failpoint = (typeof BROKER_FAILPOINTS)[number] | (typeof INGESTOR_FAILPOINTS)[number];
