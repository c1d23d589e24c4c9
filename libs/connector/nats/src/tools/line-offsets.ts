// Offsets of lines. A message of the source is one line, and its sequence is the offset. A message of an output holds many:
// the offset of a line is its message's sequence times LINES_A_MESSAGE_MAX, and its number in the message.

/** More than the shortest lines that the longest message holds. */
const LINES_A_MESSAGE_MAX = 2 ** 20;

export interface OffsetScale {
  toOffset(sequence: number): number;
  toSequence(offset: number): number;
}

export const SOURCE_OFFSETS: OffsetScale = { toOffset: (sequence) => sequence, toSequence: (offset) => offset };

export const OUTPUT_OFFSETS: OffsetScale = {
  toOffset: (sequence) => sequence * LINES_A_MESSAGE_MAX,
  toSequence: (offset) => Math.floor(offset / LINES_A_MESSAGE_MAX),
};
