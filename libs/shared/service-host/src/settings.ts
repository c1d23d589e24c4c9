// Settings from flags, environment variables and defaults, in that order.
//
// Guarantees: every value has passed its declaration's check; a failure is one line that names the flag or variable, the
// value (never a secret's) and what is allowed.

import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { PulsesError } from '@pulses/shared-errors';
import { closest } from './closest';
import { variableOf, type Setting } from './setting';

export type SettingsDefinition = Readonly<Record<string, Setting<unknown>>>;

/** The values of a definition, typed by it. */
export type SettingsOf<Definition extends SettingsDefinition> = {
  readonly [Key in keyof Definition]: Definition[Key] extends Setting<infer Value> ? Value : never;
};

export interface SettingsSources {
  /** Arguments after the program and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text, for secrets. */
  readonly readFile: (path: string) => string;
  /** How many arguments that are not flags are allowed, with what they are. */
  readonly positionals?: { readonly names: readonly string[] };
}

export interface ParsedSettings<Definition extends SettingsDefinition> {
  readonly values: SettingsOf<Definition>;
  readonly positionals: readonly string[];
}

/** What every program understands beside its own settings. */
const OWN_FLAGS = ['help', 'version'];

/** @throws PulsesError CONFIG_INVALID */
export function parseSettings<Definition extends SettingsDefinition>(
  definition: Definition,
  sources: SettingsSources,
): ParsedSettings<Definition> {
  const { flags, positionals } = readFlags(definition, sources);
  const values = Object.fromEntries(
    Object.entries(definition).map(([key, setting]) => [key, valueOf(setting, flags, sources)]),
  );
  return { values: values as SettingsOf<Definition>, positionals };
}

/** True when `--help` or `--version` stands among the arguments (before a lone `--`). */
export function asksFor(flag: 'help' | 'version', argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  return own.includes(`--${flag}`) || (flag === 'help' && own.includes('-h'));
}

function readFlags(
  definition: SettingsDefinition,
  { argv, positionals }: SettingsSources,
): { flags: ReadonlyMap<string, string>; positionals: string[] } {
  const settings = Object.values(definition);
  const booleans = new Set(settings.filter(({ boolean }) => boolean).map(({ flag }) => flag));
  const known = new Set(settings.flatMap(({ flag, secret }) => (secret ? [flag, `${flag}-file`] : [flag])));
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    [...known].map((flag) => [flag, { type: booleans.has(flag) ? 'boolean' : 'string' }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });

  const flags = new Map<string, string>();
  const rest: string[] = [];
  let bareBoolean: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      // `--stub false`: the word after a bare boolean flag, when it can only be its value.
      if (bareBoolean !== undefined && /^(true|false)$/.test(token.value)) flags.set(bareBoolean, token.value);
      else rest.push(token.value);
      bareBoolean = undefined;
      continue;
    }
    bareBoolean = undefined;
    if (token.kind !== 'option') continue;
    const negated = token.name.startsWith('no-') && booleans.has(token.name.slice(3));
    const flag = negated ? token.name.slice(3) : token.name;
    if (!known.has(flag) || token.rawName.length === 2) throw unknownFlag(token.rawName, [...known, ...OWN_FLAGS]);
    if (negated) flags.set(flag, 'false');
    else if (token.value !== undefined) flags.set(flag, token.value);
    else if (booleans.has(flag)) {
      flags.set(flag, 'true');
      bareBoolean = flag;
    } else throw new PulsesError('CONFIG_INVALID', `${token.rawName}: a value is missing`);
  }
  const allowed = positionals?.names ?? [];
  if (rest.length > allowed.length)
    throw new PulsesError('CONFIG_INVALID', `'${rest[allowed.length] ?? ''}': unexpected argument; see --help`);
  return { flags, positionals: rest };
}

function unknownFlag(rawName: string, known: readonly string[]): PulsesError {
  const near = closest(rawName.replace(/^-+/, ''), known);
  return new PulsesError(
    'CONFIG_INVALID',
    `${rawName}: unknown flag${near === undefined ? '' : `; did you mean --${near}?`} (see --help)`,
  );
}

function valueOf(setting: Setting<unknown>, flags: ReadonlyMap<string, string>, sources: SettingsSources): unknown {
  const given = givenText(setting, flags, sources);
  const text = given?.text ?? setting.defaultText;
  if (text === undefined) {
    if (setting.optional) return undefined;
    throw new PulsesError('CONFIG_INVALID', `--${setting.flag}: a value is needed: ${setting.allowed}`);
  }
  const result = setting.schema.safeParse(text);
  if (result.success) return result.data;
  const shown = setting.secret ? 'the value given' : `'${text}'`;
  throw new PulsesError(
    'CONFIG_INVALID',
    `${given?.origin ?? `--${setting.flag}`}: ${shown} is not valid: ${setting.allowed}`,
  );
}

function givenText(
  setting: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  sources: SettingsSources,
): { text: string; origin: string } | undefined {
  const lookUp = (flag: string) => {
    const fromFlag = flags.get(flag);
    if (fromFlag !== undefined) return { text: fromFlag, origin: `--${flag}` };
    const variable = variableOf(flag);
    const fromEnvironment = sources.env[variable];
    return fromEnvironment ? { text: fromEnvironment, origin: variable } : undefined;
  };
  const direct = lookUp(setting.flag);
  if (direct || !setting.secret) return direct;
  const file = lookUp(`${setting.flag}-file`);
  if (!file) return undefined;
  try {
    return { text: sources.readFile(file.text).replace(/\r?\n$/, ''), origin: file.origin };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new PulsesError('CONFIG_INVALID', `${file.origin}: '${file.text}' is not valid: a file that can be read (${reason})`);
  }
}
