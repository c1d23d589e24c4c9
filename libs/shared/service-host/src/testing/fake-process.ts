// A fake process, which records its output and exit codes and lets a test send its events.

import type { ProcessPort } from '@pulses/shared-process';

export interface FakeProcess extends ProcessPort {
  readonly out: string;
  readonly error: string;
  /** Requested exit codes in order; in a real process only the first takes effect. */
  readonly exitCodes: readonly number[];
  /** @param earliestMs when it may have come, as early-signals.ts tells it; now by default */
  signal(name: 'SIGINT' | 'SIGTERM', earliestMs?: number): void;
  reload(): void;
  loseParent(): void;
  crash(error: unknown): void;
}

export function createFakeProcess(argv: readonly string[], env: ProcessPort['env'] = {}): FakeProcess {
  const written = { out: '', error: '' };
  const exitCodes: number[] = [];
  const onSignal: Parameters<ProcessPort['onSignal']>[0][] = [];
  const onParentGone: (() => void)[] = [];
  const onReload: (() => void)[] = [];
  const onCrash: ((error: unknown) => void)[] = [];
  return {
    argv,
    env,
    columns: 80,
    errorTerminal: 'none',
    writeOut: (text) => {
      written.out += text;
    },
    writeError: (text) => {
      written.error += text;
      return true;
    },
    errorLinesDropped: () => 0,
    readFile: (path) => {
      throw Object.assign(new Error(path), { code: 'ENOENT' });
    },
    onSignal: (handler) => onSignal.push(handler),
    onReload: (handler) => onReload.push(handler),
    onParentGone: (handler) => onParentGone.push(handler),
    onCrash: (handler) => onCrash.push(handler),
    exit: (code) => exitCodes.push(code),
    get out() {
      return written.out;
    },
    get error() {
      return written.error;
    },
    exitCodes,
    signal: (name, earliestMs = performance.now()) => {
      for (const handler of onSignal) handler(name, earliestMs);
    },
    reload: () => {
      for (const handler of onReload) handler();
    },
    loseParent: () => {
      for (const handler of onParentGone) handler();
    },
    crash: (error) => {
      for (const handler of onCrash) handler(error);
    },
  };
}
