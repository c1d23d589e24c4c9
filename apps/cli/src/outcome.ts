// What a command that has changed something says about it, in one line.

import type { Terminal } from './terminal';
import { visibleJson, visibleText } from './visible-text';

export interface Outcome {
  /** JSON on a terminal too. */
  readonly asJson: boolean;
  readonly json: object;
  /** For people; its control characters are shown, not obeyed. */
  readonly text: string;
}

/** Writes the text to a terminal, the JSON elsewhere. @throws as `Terminal.write` */
export async function writeOutcome(
  terminal: Pick<Terminal, 'isInteractive' | 'write'>,
  { asJson, json, text }: Outcome,
): Promise<void> {
  await terminal.write(`${asJson || !terminal.isInteractive ? visibleJson(json) : visibleText(text)}\n`);
}
