// A line on standard error that moves while a person waits; nothing when nobody looks.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { Terminal } from './terminal';

const REFRESH_MS = 250;

export interface Progress {
  /** A line of its own, above the moving one. */
  note(text: string): void;
  stop(): void;
}

/** @param text what to show at the moment */
export async function startProgress(terminal: Terminal, clock: Clock, text: () => string): Promise<Progress> {
  if (!terminal.showsProgress) return { note: terminal.note, stop: () => undefined };
  const { default: ora } = await import('ora');
  // Standard input is the data, not a keyboard to guard.
  const spinner = ora({ text: text(), stream: process.stderr, discardStdin: false }).start();
  let timer: Timer | undefined;
  const refresh = () => {
    spinner.text = text();
    timer = clock.setTimer(REFRESH_MS, refresh, { keepAlive: false });
  };
  refresh();
  return {
    note(line) {
      spinner.clear();
      terminal.note(line);
      spinner.render();
    },
    stop() {
      timer?.cancel();
      spinner.stop();
    },
  };
}
