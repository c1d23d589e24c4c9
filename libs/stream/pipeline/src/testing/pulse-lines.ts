// Seeded source lines of every kind: usual pulses, unusual ones, and what is no pulse. A pure function of its options.

import type { Random } from '@pulses/shared-ports';

export interface PulseLinesOptions {
  readonly random: Random;
  readonly tenants: number;
  readonly skus: number;
  /** Share of lines in the usual form, from 0 to 1. */
  readonly usualShare: number;
}

const UNITS = ['hours', 'GiB', 'requests', 's'];
const SPACES = ['', '', '', ' ', '  ', '\t', '\r', ' \n '];
const LABELS = [
  'a.b',
  'é',
  '計量',
  '😀',
  '__proto__',
  'with space',
  'per%cent/slash',
  'x'.repeat(15),
  'x'.repeat(16),
  'x'.repeat(17),
  'x'.repeat(255),
  'x'.repeat(256),
  'é'.repeat(128),
  '.'.repeat(90),
];
const ESCAPED = ['\\u0061', 'a\\"b', 'a\\\\b', 'a\\/b', '\\u00e9', '\\ud83d\\ude00', 'tenant\\u002d1', '\\u20ac'];
const WRONG_LABELS = [
  '',
  'x'.repeat(257),
  `${'é'.repeat(128)}x`,
  '\u007f',
  '\u0085',
  '\\u0000',
  '\\ud800',
  '\\q',
  'a\tb',
];
const WRONG_VALUES = ['null', 'true', '7', '{}', '[]', '["a"]', '"open'];
const FINE_NUMBERS = [
  '0',
  '-0',
  '0.0',
  '-0.000',
  '1.50',
  '100',
  '1e2',
  '1E-3',
  '-12.5e+1',
  '0e99999999999',
  '999999999999999',
  '-999999999999999.999999999999999',
  '1000000000000000',
  '0.1234567890123456',
  '99999999999999999999',
  '-99999999999999999999.999999999999999999999999999999',
  '0.000000000000000000000000000001',
  '1.0000000000000000000000000000000000',
];
const WRONG_NUMBERS = [
  '100000000000000000000',
  '1e400',
  '1e-31',
  '01',
  '1.',
  '.5',
  '+1',
  '-',
  '--1',
  '1.2.3',
  '1e',
  '1e+',
  'NaN',
  'Infinity',
  '0x10',
  '1 2',
];
const UNKNOWN = [
  '"region":"eu-1"',
  '"x":null',
  '"":[1,{"a":2}]',
  '"note":"a\\"b"',
  '"tenant":"other"',
  '"__proto__":{}',
  '"deep":[[[[{"tenant_id":"no"}]]]]',
];
const NO_PULSE = [
  '',
  ' ',
  '\r',
  'nonsense',
  'null',
  '7',
  '"text"',
  '[]',
  '[{}]',
  '{}',
  '{',
  '}',
  '{"tenant_id":"a"}',
  '{"a":1,"a":2}',
  '\ufeff{}',
  '{} x',
  '{"tenant_id":"a",}',
  '\u0000',
];

type Member = readonly [name: string, value: string];

/** Draws one line after another. A line holds no line end of its own, except where white space may stand. */
export class PulseLines {
  readonly #options: PulseLinesOptions;

  constructor(options: PulseLinesOptions) {
    this.#options = options;
  }

  next(): Buffer {
    if (this.#options.random.fraction() < this.#options.usualShare) return Buffer.from(this.#usual(), 'latin1');
    switch (this.#below(12)) {
      case 0:
        return this.#joined(this.#shuffled(this.#members()), '', '');
      case 1:
        return this.#joined(this.#members(), ' ', ' ');
      case 2:
        return this.#spaced(this.#members());
      case 3:
        return this.#withMember('used_ammount', this.#one(FINE_NUMBERS));
      case 4:
        return this.#withMember('used_ammount', `"${this.#one(FINE_NUMBERS)}"`);
      case 5:
        return this.#withMember('used_ammount', this.#one(WRONG_NUMBERS));
      case 6:
        return this.#withMember(this.#labelName(), `"${this.#one(LABELS)}"`);
      case 7:
        return this.#withMember(this.#labelName(), `"${this.#one(ESCAPED)}"`);
      case 8:
        return this.#withMember(
          this.#labelName(),
          this.#below(2) === 0 ? `"${this.#one(WRONG_LABELS)}"` : this.#one(WRONG_VALUES),
        );
      case 9:
        return this.#withMore();
      case 10:
        return this.#mutated(Buffer.from(this.#usual(), 'latin1'));
      default:
        return Buffer.from(this.#one(NO_PULSE));
    }
  }

  #below(count: number): number {
    return Math.floor(this.#options.random.fraction() * count);
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item;
  }

  #tenant(): string {
    return `"tenant-${this.#below(this.#options.tenants)}"`;
  }

  #sku(): string {
    return `"sku-${this.#below(this.#options.skus)}"`;
  }

  /** Up to 15 digits on either side of the point, and sometimes none behind it. */
  #amount(): string {
    const sign = this.#below(20) === 0 ? '-' : '';
    const whole = this.#below(10 ** (1 + this.#below(this.#below(4) === 0 ? 15 : 5)));
    const digits = this.#below(4) === 0 ? this.#below(16) : 6;
    if (digits === 0) return `${sign}${whole}`;
    return `${sign}${whole}.${String(this.#below(10 ** digits)).padStart(digits, '0')}`;
  }

  #usual(): string {
    const unit = this.#one(UNITS);
    const line = `{"tenant_id":${this.#tenant()},"product_sku":${this.#sku()},"used_ammount":${this.#amount()},"use_unity":"${unit}"`;
    if (this.#below(4) !== 0) return `${line}}`;
    return `${line},"timestamp":1700000000.${this.#below(1000)},"pulse_id":"${this.#below(1e9)}"}`;
  }

  #members(): Member[] {
    const members: Member[] = [
      ['tenant_id', this.#tenant()],
      ['product_sku', this.#sku()],
      [this.#below(3) === 0 ? 'used_amount' : 'used_ammount', this.#amount()],
      [this.#below(3) === 0 ? 'use_unit' : 'use_unity', `"${this.#one(UNITS)}"`],
    ];
    if (this.#below(3) === 0) members.push(['pulse_id', this.#one(['"p"', `"${'p'.repeat(128)}"`, '"é"', '"p"'])]);
    if (this.#below(3) === 0) members.push(['timestamp', this.#one(['0', '1700000000', '-1.5', '1.7e9', '"1"'])]);
    return members;
  }

  #shuffled(members: readonly Member[]): Member[] {
    const left = [...members];
    return members.map(() => left.splice(this.#below(left.length), 1)[0] as Member);
  }

  #joined(members: readonly Member[], afterColon: string, afterComma: string): Buffer {
    const texts = members.map(([name, value]) => `"${name}":${afterColon}${value}`);
    return Buffer.from(`{${texts.join(`,${afterComma}`)}}`);
  }

  #spaced(members: readonly Member[]): Buffer {
    const space = (): string => this.#one(SPACES);
    const texts = members.map(([name, value]) => `${space()}"${name}"${space()}:${space()}${value}${space()}`);
    return Buffer.from(`${space()}{${texts.join(',')}}${space()}`);
  }

  #labelName(): string {
    return this.#one(['tenant_id', 'product_sku', 'use_unity']);
  }

  /** A pulse in which one member has another value. */
  #withMember(name: string, value: string): Buffer {
    const members: Member[] = [
      ['tenant_id', this.#tenant()],
      ['product_sku', this.#sku()],
      ['used_ammount', this.#amount()],
      ['use_unity', `"${this.#one(UNITS)}"`],
    ];
    return this.#joined(
      members.map((member) => (member[0] === name ? [name, value] : member)),
      '',
      '',
    );
  }

  /** A pulse with unknown keys, with a key twice, or with both spellings of one. */
  #withMore(): Buffer {
    const usual = this.#usual().slice(1, -1);
    switch (this.#below(6)) {
      case 0:
        return Buffer.from(`{${usual},${this.#one(['"tenant_id":"twice"', '"used_amount":1', '"use_unit":"h"'])}}`);
      case 1:
        return Buffer.from(`{${Array.from({ length: 12 }, (_, index) => `"k${index}":${index}`).join(',')},${usual}}`);
      case 2:
        return Buffer.from(`{${this.#one(UNKNOWN)},${usual}}`);
      default:
        return Buffer.from(`{${usual},${this.#one(UNKNOWN)}}`);
    }
  }

  #mutated(line: Buffer): Buffer {
    const at = this.#below(line.byteLength);
    const byte = this.#one([
      0, 0x09, 0x0b, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x5c, 0x7d, 0x7f, 0x80, 0xc2, 0xe9, 0xff,
    ]);
    switch (this.#below(4)) {
      case 0:
        line[at] = byte;
        return line;
      case 1:
        return Buffer.concat([line.subarray(0, at), line.subarray(at + 1)]);
      case 2:
        return Buffer.concat([line.subarray(0, at), Buffer.of(byte), line.subarray(at)]);
      default:
        return line.subarray(0, at);
    }
  }
}
