// The aggregation engines of an ingestor, by their name in --engine.
//
// A new engine is one line in ENGINES: its adapter exports its settings, and a call that makes the engines from them.
// Names of settings are shared by all engines; two different settings of one name fail at the start.

import type { EngineParts } from '@pulses/aggregation-api';
import { memoryEngine } from '@pulses/aggregation-memory';
import { redisEngine } from '@pulses/aggregation-redis';
import type { Clock, Logger, Random } from '@pulses/shared-ports';
import { mergeSettings, type SettingsDefinition, type SettingsOf } from '@pulses/shared-settings';

/** The services that the program provides to any engine. */
export interface EngineContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Registration {
  readonly settings: SettingsDefinition;
  /** Takes the values of its settings; `engineParts` checks that they fit. */
  create(settings: never, context: EngineContext): Promise<EngineParts>;
}

const ENGINES = {
  memory: memoryEngine,
  redis: redisEngine,
} satisfies Readonly<Record<string, Registration>>;

export type EngineName = keyof typeof ENGINES;

export const engineNames = Object.keys(ENGINES) as readonly EngineName[];

/** The settings of every engine. */
export const engineSettings = mergeSettings(Object.values(ENGINES).map(({ settings }) => settings));

/** @throws PulsesError CONFIG_INVALID for a setting that can't be met; waits for no server */
export function engineParts(
  name: EngineName,
  settings: SettingsOf<typeof engineSettings>,
  context: EngineContext,
): Promise<EngineParts> {
  return ENGINES[name].create(settings, context);
}
