// The messages of a payload, which are lines.

const LINE_FEED = 10;

/** Calls `visit` with where each message starts, where its line feed is, and its number from 0. */
export function forEachMessage(payload: Uint8Array, visit: (start: number, end: number, index: number) => void): void {
  for (let [start, index] = [0, 0]; start < payload.length; index += 1) {
    const end = payload.indexOf(LINE_FEED, start);
    visit(start, end, index);
    start = end + 1;
  }
}
