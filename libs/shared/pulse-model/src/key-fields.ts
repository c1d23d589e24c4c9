// The key fields of output lines, by key id: `"tenant_id":…,"product_sku":…,"use_unit":…`. They are encoded once per key
// and window and copied into each line.
//
// The fields lie back to back in pages, so a key takes six bytes more than its text. A buffer of its own would take a
// hundred more. Growth copies nothing, and reading allocates nothing. Bounds: `PAGES_MAX` pages.

import { PulsesError } from '@pulses/shared-errors';
import { LABEL_BYTES_MAX } from './limits';

/** Maximum bytes of a key's fields: their names, and three quoted labels with every byte escaped. */
export const KEY_FIELDS_BYTES_MAX = '"tenant_id":,"product_sku":,"use_unit":'.length + 3 * (2 + 2 * LABEL_BYTES_MAX);

/** Key fields to copy into lines, by key id. */
export interface KeyFieldsSource {
  /** Number of bytes that `write` writes. */
  lengthOf(id: number): number;
  /** Writes the fields of a key and returns the position after them. */
  write(id: number, out: Uint8Array, position: number): number;
}

/** @see createKeyFields */
export interface KeyFields extends KeyFieldsSource {
  /** Number of keys. */
  readonly size: number;
  /**
   * Adds the next key, whose id is the current `size`. The ranges refer to `text` and hold valid UTF-8.
   * @throws PulsesError WINDOW_FULL when all pages are full
   */
  add(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): void;
}

const PAGE_BYTES_LOG2 = 18;
const PAGE_BYTES = 2 ** PAGE_BYTES_LOG2;
/** Positions have 32 bits. */
const PAGES_MAX = 2 ** (32 - PAGE_BYTES_LOG2);
const LENGTH_BYTES = 2;
const KEYS_AT_FIRST = 1024;

/** Creates key fields without keys. */
export function createKeyFields(): KeyFields {
  return new PagedKeyFields();
}

/** The fields of a key are a u16le length and their bytes, all in one page. */
class PagedKeyFields implements KeyFields {
  size = 0;
  private readonly pages: Buffer[] = [];
  /** By id: the number of the page times PAGE_BYTES plus the position in it. */
  private places = new Uint32Array(KEYS_AT_FIRST);
  /** Start of the free rest of the last page; without a page nothing is free. */
  private usedBytes = PAGE_BYTES;

  add(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): void {
    const fields =
      `"tenant_id":${quoted(text, tenantStart, tenantEnd)},"product_sku":${quoted(text, skuStart, skuEnd)},` +
      `"use_unit":${quoted(text, unitStart, unitEnd)}`;
    const length = Buffer.byteLength(fields, 'utf8');
    const start = this.reserve(LENGTH_BYTES + length);
    const page = this.pages.at(-1) as Buffer;
    page.write(fields, page.writeUInt16LE(length, start), 'utf8');
    if (this.size === this.places.length) this.growPlaces();
    this.places[this.size] = (this.pages.length - 1) * PAGE_BYTES + start;
    this.size += 1;
  }

  lengthOf(id: number): number {
    const place = this.places[id] as number;
    const page = this.pages[place >>> PAGE_BYTES_LOG2] as Buffer;
    const start = place & (PAGE_BYTES - 1);
    return (page[start] as number) | ((page[start + 1] as number) << 8);
  }

  write(id: number, out: Uint8Array, position: number): number {
    const place = this.places[id] as number;
    const page = this.pages[place >>> PAGE_BYTES_LOG2] as Buffer;
    const start = (place & (PAGE_BYTES - 1)) + LENGTH_BYTES;
    return position + page.copy(out, position, start, start + this.lengthOf(id));
  }

  /** Reserves room in the last page and returns where it starts. */
  private reserve(bytes: number): number {
    if (this.usedBytes + bytes > PAGE_BYTES) {
      if (this.pages.length === PAGES_MAX)
        throw new PulsesError(
          'WINDOW_FULL',
          `The key fields are full: limit of ${PAGES_MAX} pages of ${PAGE_BYTES} bytes reached.`,
        );
      this.pages.push(Buffer.allocUnsafeSlow(PAGE_BYTES));
      this.usedBytes = 0;
    }
    const start = this.usedBytes;
    this.usedBytes += bytes;
    return start;
  }

  private growPlaces(): void {
    const grown = new Uint32Array(2 * this.places.length);
    grown.set(this.places);
    this.places = grown;
  }
}

function quoted(text: Uint8Array, start: number, end: number): string {
  return JSON.stringify(Buffer.from(text.buffer, text.byteOffset + start, end - start).toString('utf8'));
}
