// The declaration of a setting: flag, variable, type, default, unit and check in one place.

import { z } from 'zod';

/** The syntax of a value, as shown in the help. */
export interface SettingKind<Value> {
  /** Shown in the help, such as `port` or `duration`. */
  readonly type: string;
  /** The allowed values, for the error line. */
  readonly allowed: string;
  /** Reads the text of a flag or variable. */
  readonly schema: z.ZodType<Value, string>;
}

export interface Setting<Value> extends SettingKind<Value> {
  /** Without dashes. The variable is `PULSES_` and the flag in capitals. */
  readonly flag: string;
  readonly description: string;
  /** The default as a user would write it. Absent for optional and required settings. */
  readonly defaultText?: string;
  /** Whether the value may be undefined. */
  readonly optional: boolean;
  /** A flag without a value means `true`. */
  readonly boolean: boolean;
  /** Never shown, and also read from the file of `<flag>-file`. */
  readonly secret: boolean;
  /** What is legal but unwise about the value, as one line; undefined when nothing is. */
  readonly warning?: Warning;
  /** The value of another setting without which this one has no effect: then its flag is refused. */
  readonly onlyWith?: Condition;
}

/** A choice that another setting must have. */
export interface Condition {
  /** Of the other setting. */
  readonly flag: string;
  readonly choice: string;
}

/** @param values all settings of the program by their keys */
export type Warning = (values: Readonly<Record<string, unknown>>) => string | undefined;

interface Common {
  readonly flag: string;
  readonly description: string;
}

interface WithDefault extends Common {
  readonly default: string;
}

interface Warned {
  readonly warning?: Warning;
}

function setting<Value>(kind: SettingKind<Value>, options: WithDefault): Setting<Value> {
  const { flag, description } = options;
  return { ...kind, flag, description, defaultText: options.default, optional: false, boolean: false, secret: false };
}

/** Makes a setting optional: without a value it is undefined. */
export function optional<Value>(kind: SettingKind<Value>, options: Common): Setting<Value | undefined> {
  return { ...kind, ...options, optional: true, boolean: false, secret: false };
}

/** As long as the largest safe integer. */
const digits = z.string().regex(/^\d{1,16}$/);

/** Whole numbers within bounds. */
export function integerKind(bounds: { min: number; max: number }): SettingKind<number> {
  return {
    type: 'integer',
    allowed: `a whole number from ${bounds.min} to ${bounds.max}`,
    schema: digits.transform(Number).pipe(z.number().min(bounds.min).max(bounds.max)),
  };
}

/** Any text that is not empty. */
export const textKind: SettingKind<string> = {
  type: 'text',
  allowed: 'text that is not empty',
  schema: z.string().min(1),
};

const TOKEN_BYTES_MAX = 4096;

/** A token that fits one line of a file and one message. */
const tokenKind: SettingKind<string> = {
  type: 'secret',
  allowed: `1 to ${TOKEN_BYTES_MAX} bytes without control characters`,
  schema: z
    .string()
    .refine((token) => token !== '' && !/\p{Cc}/u.test(token) && Buffer.byteLength(token) <= TOKEN_BYTES_MAX),
};

/** One of a few words. */
export function choiceKind<const Choice extends string>(choices: readonly Choice[]): SettingKind<Choice> {
  return {
    type: choices.join('|'),
    allowed: `one of ${choices.join(', ')}`,
    schema: z.string().refine((text): text is Choice => (choices as readonly string[]).includes(text)),
  };
}

/** `true` or `false`. */
const booleanKind: SettingKind<boolean> = {
  type: 'boolean',
  allowed: 'true or false',
  schema: z
    .string()
    .regex(/^(true|false)$/)
    .transform((text) => text === 'true'),
};

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A duration such as `500ms`, `5s` or `2m`; the value is whole milliseconds. */
export function durationKind(bounds: { min: string; max: string }): SettingKind<number> {
  const schema = quantity(/^(\d{1,12})(ms|s|m|h|d)$/, DURATION_UNITS_MS, bounds);
  return {
    type: 'duration',
    allowed: `a duration from ${bounds.min} to ${bounds.max}${examples(['500ms', '5s', '2m'], schema)}`,
    schema,
  };
}

/** A size such as `64KiB` or `1MiB`; the value is bytes. */
export function sizeKind(bounds: { min: string; max: string }): SettingKind<number> {
  const schema = quantity(/^(\d{1,12})(B|KiB|MiB|GiB|TiB|)$/, SIZE_UNITS, bounds);
  return {
    type: 'size',
    allowed: `a size from ${bounds.min} to ${bounds.max}${examples(['64KiB', '1MiB', '64MiB'], schema)}`,
    schema,
  };
}

const alternatives = new Intl.ListFormat('en-GB', { type: 'disjunction' });

/** Those of `texts` that the setting takes. */
function examples(texts: readonly string[], schema: z.ZodType): string {
  const fitting = texts.filter((text) => schema.safeParse(text).success);
  return fitting.length === 0 ? '' : `, such as ${alternatives.format(fitting)}`;
}

function quantity(
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
  bounds: { min: string; max: string },
): z.ZodType<number, string> {
  const read = (text: string): number => {
    const [, count = '', unit = ''] = pattern.exec(text) ?? [];
    return Number(count) * (units[unit] ?? NaN);
  };
  const [min, max] = [read(bounds.min), read(bounds.max)];
  return z.string().regex(pattern).transform(read).pipe(z.number().min(min).max(max));
}

export const textSetting = (options: WithDefault) => setting(textKind, options);
export const integerSetting = ({ min, max, ...options }: WithDefault & { min: number; max: number }) =>
  setting(integerKind({ min, max }), options);
export const portSetting = (options: WithDefault) =>
  setting({ ...integerKind({ min: 0, max: 65_535 }), type: 'port' }, options);
export const durationSetting = ({ min, max, ...options }: WithDefault & { min: string; max: string }) =>
  setting(durationKind({ min, max }), options);
export const sizeSetting = ({ min, max, ...options }: WithDefault & { min: string; max: string }) =>
  setting(sizeKind({ min, max }), options);
export const choiceSetting = <const Choice extends string>({
  choices,
  ...options
}: WithDefault & { choices: readonly Choice[] }) => setting(choiceKind(choices), options);
/** A setting of a kind that the app defines. */
export const customSetting = setting;

/** `--flag`, `--flag=true|false` or `--no-flag`; false unless said otherwise. */
export function booleanSetting({ warning, ...options }: Common & Warned): Setting<boolean> {
  const declared = { ...setting(booleanKind, { ...options, default: 'false' }), boolean: true };
  return warning === undefined ? declared : { ...declared, warning };
}

/** Text that is never shown. It can come from a file (`--<flag>-file`), without the trailing line end. */
export function secretSetting(options: Common): Setting<string | undefined> {
  return { ...optional(textKind, options), type: 'secret', allowed: 'text that is not empty', secret: true };
}

/** A secret that both sides of a connection know, such as a token. */
export function tokenSetting(options: Common & Warned): Setting<string | undefined> {
  return { ...optional(tokenKind, options), secret: true };
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `PULSES_${flag.toUpperCase().replaceAll('-', '_')}`;
}
