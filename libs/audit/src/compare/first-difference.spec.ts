import { describe, expect, it } from '@jest/globals';
import { describeDifference } from './first-difference';

const line = (members: Record<string, unknown>) => JSON.stringify(members);
const grouped = { object_id: 'a5', tenant_id: 't', used_amount: 1, source_offset: 5 };
const sum = { object_id: 'a', product_sku: 's', total_amount: 1, source: { topic: 'p', from_offset: 1, to_offset: 4 } };

describe('what differs', () => {
  it.each([
    ['a line is missing', line(grouped), undefined],
    ['a line too many', undefined, line(grouped)],
    ['used_amount', line(grouped), line({ ...grouped, used_amount: 2 })],
    ['object_id', line(grouped), line({ ...grouped, object_id: 'a6' })],
    ['used_amount', '{"used_amount":9007199254740993}', '{"used_amount":9007199254740992}'],
    ['to_offset', line(sum), line({ ...sum, source: { ...sum.source, to_offset: 3 } })],
    ['a line is missing or comes too late', line(grouped), line({ ...grouped, object_id: 'a6', source_offset: 6 })],
    ['a line is too many or comes too late', line(grouped), line({ ...grouped, object_id: 'a4', source_offset: 4 })],
    ['another line comes first', line(sum), line({ ...sum, object_id: 'b', product_sku: 't', total_amount: 2 })],
    ['the form of the line', line(grouped), line(grouped).replace(',', ', ')],
    ['the form of the line', '{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['the line is not a JSON object', line(grouped), '{'],
    ['the line is not a JSON object', line(grouped), '7'],
  ])('is told as: %s', (told, expected, found) => {
    expect(describeDifference(expected, found)).toBe(told);
  });
});
