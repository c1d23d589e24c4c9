import { describe, expect, it } from '@jest/globals';
import { lineFilterOf, type LineSelection } from './line-filter';

const line = (tenant: string, sku: string, timestamp: number) =>
  `{"tenant_id":"${tenant}","product_sku":"${sku}","used_amount":9007199254740993,"timestamp":${timestamp}}\n`;
const LINES = [line('a', 's', 10), line('a', 't', 11), 'not json\n', '7\n', line('b', 's', 12), line('a', 's', 13)];
const batch = { baseOffset: 0, recordCount: LINES.length, timestampMs: 11_900, payload: Buffer.from(LINES.join('')) };

const chosen = (selection: LineSelection, topic = 'tenants.a.grouped.pulses') =>
  lineFilterOf(topic, selection)?.(batch).map((bytes) => LINES.indexOf(bytes.toString()));

describe('the filter of cat', () => {
  it.each<[LineSelection, number[]]>([
    [{ tenant: 'a' }, [0, 1, 5]],
    [{ sku: 's' }, [0, 4, 5]],
    [{ tenant: 'a', sku: 's' }, [0, 5]],
    [{ sku: 's', until: 12 }, [0]],
    [{ sku: 's', through: 12 }, [0, 4]],
    [{ tenant: 'c' }, []],
  ])('chooses lines as they are stored: %j', (selection, indexes) => {
    expect(chosen(selection)).toEqual(indexes);
  });

  it('goes by the time of the broker in a source', () => {
    expect(chosen({ until: 11 }, 'source.pulses')).toEqual([]);
    expect(chosen({ through: 11 }, 'source.pulses')).toEqual([0, 1, 4, 5]);
  });

  it('is none when nothing is asked for', () => {
    expect(lineFilterOf('source.pulses', {})).toBeUndefined();
  });
});
