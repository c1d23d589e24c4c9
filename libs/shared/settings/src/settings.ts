// Settings from flags, environment variables and defaults, in that order.
//
// Guarantees: every value has passed the check of its declaration. A failure is one line with the flag or variable, the
// value (never of a secret) and the allowed values. What is legal but unwise is one warning line. A flag that has no effect
// with the other settings is refused; a variable is not, since several programs share an environment.

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
  /** The names of the allowed positional arguments; open-ended when any number may follow them. */
  readonly positionals?: { readonly names: readonly string[]; readonly isOpenEnded?: boolean };
}

export interface ParsedSettings<Definition extends SettingsDefinition> {
  readonly values: SettingsOf<Definition>;
  /** Legal but unwise values, one line each. */
  readonly warnings: readonly string[];
  readonly positionals: readonly string[];
}

/** Flags of every program besides its own settings. */
const OWN_FLAGS = ['help', 'version'];

/** The original's flags, which may have one dash as they had there: `-port 9000`. */
const ONE_DASH = /^-(?=(?:port|source-topic|stub|stub-tenants|stub-skus|stub-clean)(?:=|$))/;

/** Characters of a bad value that an error repeats. */
const SHOWN_MAX = 200;

/** @throws PulsesError CONFIG_INVALID */
export function parseSettings<Definition extends SettingsDefinition>(
  definition: Definition,
  sources: SettingsSources,
): ParsedSettings<Definition> {
  const { flags, positionals } = readFlags(definition, sources);
  const values = Object.fromEntries(
    Object.entries(definition).map(([key, setting]) => [key, valueOf(setting, flags, sources)]),
  );
  checkConditions(definition, values, flags);
  return { values: values as SettingsOf<Definition>, warnings: warningsOf(definition, values, flags), positionals };
}

/** @throws PulsesError CONFIG_INVALID for a flag that has no effect */
function checkConditions(
  definition: SettingsDefinition,
  values: Readonly<Record<string, unknown>>,
  flags: ReadonlyMap<string, string>,
): void {
  const valueOfFlag = new Map(Object.entries(definition).map(([key, { flag }]) => [flag, values[key]]));
  for (const { flag, onlyWith, secret } of Object.values(definition)) {
    const given = (secret ? [flag, `${flag}-file`] : [flag]).find((name) => flags.has(name));
    if (given === undefined || onlyWith === undefined || !valueOfFlag.has(onlyWith.flag)) continue;
    const chosen = String(valueOfFlag.get(onlyWith.flag));
    if (chosen !== onlyWith.choice)
      throw new PulsesError(
        'CONFIG_INVALID',
        `--${given}: has no effect with --${onlyWith.flag} ${chosen}; allowed: only with --${onlyWith.flag} ${onlyWith.choice}`,
      );
  }
}

function warningsOf(
  definition: SettingsDefinition,
  values: Readonly<Record<string, unknown>>,
  flags: ReadonlyMap<string, string>,
): string[] {
  return Object.values(definition).flatMap(({ flag, secret, warning }) => {
    const shown =
      secret && flags.has(flag)
        ? `--${flag}: other users of this machine can read it in the list of processes; use --${flag}-file`
        : undefined;
    return [shown, warning?.(values)].filter((line) => line !== undefined);
  });
}

/** Whether `--help` or `--version` is among the arguments (before a lone `--`). */
export function asksFor(flag: 'help' | 'version', argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  return own.includes(`--${flag}`) || (flag === 'help' && own.includes('-h'));
}

/**
 * What flags say of these settings, as variables for a child process that inherits the others. Flags of other settings are
 * left out. A variable that a flag beats is undefined.
 */
export function variablesOf(
  definition: SettingsDefinition,
  argv: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const { flags } = readFlags(definition, { argv }, 'left out');
  const given = Object.values(definition)
    .map(({ flag, secret }) => (secret ? [flag, `${flag}-file`] : [flag]))
    .filter((names) => names.some((name) => flags.has(name)));
  return Object.fromEntries(given.flat().map((name) => [variableOf(name), flags.get(name)]));
}

function readFlags(
  definition: SettingsDefinition,
  { argv, positionals }: Pick<SettingsSources, 'argv' | 'positionals'>,
  others: 'refused' | 'left out' = 'refused',
): { flags: ReadonlyMap<string, string>; positionals: string[] } {
  const settings = Object.values(definition);
  const booleans = new Set(settings.filter(({ boolean }) => boolean).map(({ flag }) => flag));
  const known = new Set(settings.flatMap(({ flag, secret }) => (secret ? [flag, `${flag}-file`] : [flag])));
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    [...known].map((flag) => [flag, { type: booleans.has(flag) ? 'boolean' : 'string' }]),
  );
  const { tokens } = parseArgs({
    args: withTwoDashes(argv, known),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });

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
    if (!known.has(flag) || token.rawName.length === 2) {
      if (others === 'left out') continue;
      throw unknownFlag(token.rawName, [...known, ...OWN_FLAGS]);
    }
    if (negated && token.value !== undefined)
      throw new PulsesError(
        'CONFIG_INVALID',
        `${token.rawName}: '${token.value}' is not valid: no value, or --${flag}=true|false`,
      );
    // `--host --port 1`: the next flag is not the value; one that starts with dashes is written with `=`.
    const isNextFlag = token.inlineValue === false && token.value.startsWith('--');
    if (negated) flags.set(flag, 'false');
    else if (token.value !== undefined && !isNextFlag) flags.set(flag, token.value);
    else if (booleans.has(flag)) {
      flags.set(flag, 'true');
      bareBoolean = flag;
    } else throw new PulsesError('CONFIG_INVALID', `${token.rawName}: a value is missing`);
  }
  const allowed = positionals?.names ?? [];
  if (others === 'refused' && rest.length > allowed.length && positionals?.isOpenEnded !== true)
    throw new PulsesError('CONFIG_INVALID', `'${rest[allowed.length] ?? ''}': unexpected argument; see --help`);
  return { flags, positionals: rest };
}

/** Two dashes for each flag of the original's that this program has. Such a value has to be written with `=`. */
function withTwoDashes(argv: readonly string[], known: ReadonlySet<string>): string[] {
  const end = argv.indexOf('--');
  return argv.map((argument, index) => {
    const isFlag = (end < 0 || index < end) && known.has(argument.replace(/^-|=.*$/gs, ''));
    return isFlag ? argument.replace(ONE_DASH, '--') : argument;
  });
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
  const shown = setting.secret ? 'the value given' : `'${shownText(text)}'`;
  const origin = given?.origin ?? `--${setting.flag}`;
  const hint = origin === variableOf(setting.flag) && !setting.secret ? hintFor(text) : '';
  throw new PulsesError('CONFIG_INVALID', `${origin}: ${shown} is not valid: ${setting.allowed}${hint}`);
}

/** A value on one line of bounded length. What stands before an @ may be the password of a URL. */
function shownText(text: string): string {
  const safe = text.replace(/^.*@/s, '…@');
  const cut = safe.length > SHOWN_MAX ? `${safe.slice(0, SHOWN_MAX)}…` : safe;
  return cut.replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Kubernetes describes a Service named `pulses` in variables such as `PULSES_PORT`. */
function hintFor(text: string): string {
  if (!/^(tcp|udp|sctp):\/\//.test(text)) return '';
  return "; a Kubernetes Service named pulses sets this variable: put 'enableServiceLinks: false' into the pod's spec";
}

/** The user's text, and the flag or variable it comes from. */
interface Given {
  readonly text: string;
  readonly origin: string;
}

function givenText(
  setting: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  sources: SettingsSources,
): Given | undefined {
  const { flag, secret } = setting;
  const fromFlag = (name: string): Given | undefined => {
    const text = flags.get(name);
    return text === undefined ? undefined : { text, origin: `--${name}` };
  };
  const fromVariable = (name: string): Given | undefined => {
    const text = sources.env[variableOf(name)];
    return text ? { text, origin: variableOf(name) } : undefined;
  };
  const fromFile = (file: Given | undefined) => file && { text: readSecret(file, sources), origin: file.origin };
  if (!secret) return fromFlag(flag) ?? fromVariable(flag);
  return (
    onlyOne(fromFlag(flag), fromFlag(`${flag}-file`), fromFile) ??
    onlyOne(fromVariable(flag), fromVariable(`${flag}-file`), fromFile)
  );
}

/** The secret that is given directly or in a file. @throws PulsesError CONFIG_INVALID when it is given in both ways */
function onlyOne(
  direct: Given | undefined,
  file: Given | undefined,
  fromFile: (file: Given | undefined) => Given | undefined,
): Given | undefined {
  if (direct !== undefined && file !== undefined)
    throw new PulsesError(
      'CONFIG_INVALID',
      `${direct.origin} and ${file.origin}: both are given; allowed: one of them`,
    );
  return direct ?? fromFile(file);
}

function readSecret({ text: path, origin }: Given, { readFile }: SettingsSources): string {
  try {
    return readFile(path).replace(/\r?\n$/, '');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new PulsesError('CONFIG_INVALID', `${origin}: '${path}' is not valid: a file that can be read (${reason})`);
  }
}
