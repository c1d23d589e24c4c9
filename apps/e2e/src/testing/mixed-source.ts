// A small fixed source with what a source may hold: escapes, both spellings, long and negative amounts, names that topics
// encode, and lines that are no pulses.
//
// Guarantees: the same seed gives the same bytes, and every kind of line and amount is among 200 messages.

import { createSimRandom } from '@pulses/testing-sim';
import { exactUnits, pulseLine, type Pulse } from '@pulses/testing-system';
import { plainText, type OutputValues } from './output-values';

/** The last one is too long for a topic's name, which then holds its hash. */
const TENANTS = ['acme', 'a.b', 'ünïcode', 'quote"d', '*', `long-${'n'.repeat(200)}`];
const SKUS = ['vm', 'disk "big" \\', 'größe', '😀'];
const EVERY_BAD_LINE = 9;

export interface MixedSource {
  /** Its messages, each with its line feed. */
  readonly text: Buffer;
  readonly messages: number;
  readonly pulses: readonly Pulse[];
  /** What is no pulse, with its reason. */
  readonly bad: readonly (readonly [reason: string, line: Buffer])[];
}

export function mixedSource({ messages, seed }: { messages: number; seed: number }): MixedSource {
  const random = createSimRandom(seed);
  const below = (bound: number) => Math.floor(random.fraction() * bound);
  const digits = (count: number) => Array.from({ length: count }, () => below(10)).join('');
  const amounts = [
    () => `${below(100)}.${digits(6)}`,
    () => `-${below(1_000)}.${digits(3)}`,
    () => `${1 + below(9)}${digits(19)}.${digits(30)}`,
    () => `-0.${digits(30)}`,
    () => `${below(10)}.${digits(2)}e-${below(20)}`,
    () => `${below(10)}E${below(12)}`,
    () => '9007199254740993',
  ];
  const lines: Buffer[] = [];
  const pulses: Pulse[] = [];
  const bad: (readonly [string, Buffer])[] = [];
  for (let index = 0; index < messages; index += 1) {
    if (index % EVERY_BAD_LINE === EVERY_BAD_LINE - 1) {
      const one = BAD[bad.length % BAD.length]!; // a remainder is an index
      bad.push(one);
      lines.push(one[1]);
      continue;
    }
    const pulse = {
      tenant: TENANTS[below(TENANTS.length)]!, // below the length
      sku: SKUS[below(SKUS.length)]!,
      unit: below(2) === 0 ? 'h' : 'GiB',
      amount: amounts[index % amounts.length]!(),
    };
    pulses.push(pulse);
    lines.push(Buffer.from(SPELLINGS[below(SPELLINGS.length)]!(pulse)));
  }
  const text = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
  return { text, messages, pulses, bad };
}

/** What outputs of sources that follow one another have to say. */
export function expectedValues(...sources: readonly MixedSource[]): OutputValues {
  const grouped = new Map<string, string[]>();
  const sums = new Map<string, { pulses: number; units: bigint }>();
  for (const { tenant, sku, unit, amount } of sources.flatMap(({ pulses }) => pulses)) {
    const units = exactUnits(amount);
    grouped.set(tenant, [...(grouped.get(tenant) ?? []), `${JSON.stringify([sku, unit])} ${plainText(units)}`]);
    const key = JSON.stringify([tenant, sku, unit]);
    const sum = sums.get(key) ?? { pulses: 0, units: 0n };
    sums.set(key, { pulses: sum.pulses + 1, units: sum.units + units });
  }
  const letters = sources.flatMap(({ bad }) => bad.map(([reason, line]) => `${reason} ${line.toString('base64')}`));
  return { grouped, sums, letters: letters.sort() };
}

const SPELLINGS: readonly ((pulse: Pulse) => string)[] = [
  pulseLine,
  (pulse) => pulseLine(pulse).replace(/[\u0080-\uffff]|a/g, (char) => `\\u${hex4(char)}`),
  ({ tenant, sku, unit, amount }) =>
    JSON.stringify({ use_unit: unit, used_amount: amount, product_sku: sku, tenant_id: tenant }),
  (pulse) => ` ${pulseLine(pulse).slice(0, -1)} , "timestamp":1700000000.5,"pulse_id":"p","more":{"in":[1,"}"]} } `,
];

const hex4 = (char: string) => char.charCodeAt(0).toString(16).padStart(4, '0');

/** By reason; bytes as `latin1`. */
const BAD = Object.entries({
  not_json: 'no pulse',
  not_object: '[1,2]',
  missing_key: '{"tenant_id":"acme"}',
  duplicate_key: '{"tenant_id":"a","tenant_id":"a","product_sku":"s","used_ammount":1,"use_unity":"u"}',
  wrong_type: '{"tenant_id":1,"product_sku":"s","used_ammount":1,"use_unity":"u"}',
  conflicting_keys: '{"tenant_id":"a","product_sku":"s","used_ammount":1,"used_amount":1,"use_unity":"u"}',
  number_out_of_range: pulseLine({ tenant: 'a', sku: 's', unit: 'u', amount: '1e400' }),
  invalid_value: pulseLine({ tenant: '', sku: 's', unit: 'u', amount: '1' }),
  invalid_utf8: '{"\u00ff"}',
}).map(([reason, line]) => [reason, Buffer.from(line, 'latin1')] as const);
