// The settings of several parts of a program as one definition.

import type { Setting } from './setting';
import type { SettingsDefinition } from './settings';

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/**
 * All settings of all definitions. Parts may share a setting, which is then the same object.
 * @throws TypeError for two settings of one key or flag
 */
export function mergeSettings<Definition extends SettingsDefinition>(
  definitions: readonly Definition[],
): Intersection<Definition> {
  const merged: Record<string, Setting<unknown>> = {};
  const flags = new Map<string, Setting<unknown>>();
  for (const [key, setting] of definitions.flatMap((definition) => Object.entries(definition))) {
    const known = merged[key] ?? flags.get(setting.flag) ?? setting;
    if (known !== setting) throw new TypeError(`--${setting.flag} (${key}) is declared twice`);
    merged[key] = setting;
    flags.set(setting.flag, setting);
  }
  return merged as Intersection<Definition>;
}
