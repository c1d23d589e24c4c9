// Where the lines that a topic must hold are written.

/** Source offsets `[fromOffset, toOffset)`. */
export interface OffsetRange {
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** The lines of one topic, written in place one after the other. */
export interface ExpectedLines {
  /** The first source offset whose lines are compared. */
  readonly fromOffset: number;
  /** The next line starts at `position` of `buffer`. */
  readonly buffer: Buffer;
  readonly position: number;
  /** Makes room for a line of this length; `buffer` and `position` may change. */
  reserve(bytes: number): void;
  /** A line was written; its line feed stands before `end`. */
  wrote(end: number): void;
  /** The source led to a line of `[fromOffset, toOffset)`, which the topic does not keep any more. */
  passOver(fromOffset: number, toOffset: number): void;
}
