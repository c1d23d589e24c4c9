// JSON log lines as text for a person at a terminal.
//
// Guarantees: a line of a level, the event and its fields stays one line, an error's stack trace aside. No character of
// a value steers the terminal.

import { prettyFactory } from 'pino-pretty';

/** An escape of JSON, or a character that JSON leaves as it is although a terminal may obey it. */
const ESCAPE_OR_CONTROL = /\\(?:u[\da-f]{4}|.)|[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
const SHOWN_ESCAPES = new Set(['\\"', '\\\\', '\\n', '\\t']);

/** Makes the function that turns one line of JSON, with its line feed, into text. */
export function createPrettyLines({ isColoured }: { isColoured: boolean }): (line: string) => string {
  const format = prettyFactory({
    colorize: isColoured,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: '{service}: {msg}',
    ignore: 'pid,service,version',
  });
  return (line) => format(withVisibleControls(line));
}

function withVisibleControls(json: string): string {
  return json.replace(ESCAPE_OR_CONTROL, (found) => {
    if (SHOWN_ESCAPES.has(found)) return found;
    if (found.startsWith('\\')) return `\\${found}`;
    return `\\\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
