// What a repair has saved and lost.

import type { InspectionSummary } from './inspect';
import type { Finding, LostMessages } from './report';

export interface LostRange extends LostMessages {
  readonly incarnation: string;
  readonly messages: number;
  readonly reason: string;
}

export interface Repair {
  /** What the check of the original found. */
  readonly findings: readonly Finding[];
  readonly summary: InspectionSummary;
  readonly saved: { readonly topics: number; readonly messages: number };
  /** Messages that are not in the new directory, by topic and offset. */
  readonly lost: readonly LostRange[];
  /** What else is lost, or not known, as sentences. */
  readonly lostState: readonly string[];
  /** True when nothing is lost. */
  readonly isWhole: boolean;
}
