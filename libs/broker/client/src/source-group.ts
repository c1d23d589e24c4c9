// The broker's name for a group that reads a source.

/** One source, one active member: the broker's group carries the source in its name. */
export function brokerGroupOf(group: string, sourceTopic: string): string {
  return `${group}@${sourceTopic}`;
}
