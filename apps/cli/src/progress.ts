// A spinner with a line of progress on standard error. Shows nothing when that is no terminal.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { Terminal } from './terminal';

const REFRESH_MS = 250;

export interface Progress {
  /** Writes a line above the spinner. */
  note(text: string): void;
  stop(): void;
}

/** @param text called for the line to show */
export async function startProgress(terminal: Terminal, clock: Clock, text: () => string): Promise<Progress> {
  if (!terminal.showsProgress) return { note: terminal.note, stop: () => undefined };
  const { default: ora } = await import('ora');
  // Standard input is data here, not a keyboard.
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
