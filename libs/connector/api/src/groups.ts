// Groups and their positions, as tools see them.

/** A group as the system keeps it. */
export interface GroupInfo {
  readonly group: string;
  /** Of its active member, or of its last one; 0 before the first; undefined where the system does not tell. */
  readonly epoch?: number | undefined;
  /** Topics whose outputs belong to the group. */
  readonly sources: readonly string[];
}

/** Which position. */
export interface PositionName {
  /** As `groups` answers it. */
  readonly group: string;
  readonly topic: string;
  readonly partition?: number | undefined;
  readonly name: string;
}

/** A position of a group, as it is stored. */
export interface GroupPosition extends PositionName {
  /** Of the partition on which it stands. */
  readonly incarnation: string;
  /** Next offset to read. */
  readonly offset: number;
  /** How often it was changed; undefined on a system that does not count it. */
  readonly revision?: number | undefined;
  readonly metadata: string;
}
