// Tumbling windows aligned to the Unix epoch: [k * length, (k + 1) * length). All times are whole milliseconds.

/** Start of the window that contains `timestampMs`. */
export function windowStartOf(timestampMs: number, windowMs: number): number {
  return Math.floor(timestampMs / windowMs) * windowMs;
}

/** First millisecond after the window. */
export function windowEndOf(windowStartMs: number, windowMs: number): number {
  return windowStartMs + windowMs;
}
