import { describe, expect, it } from '@jest/globals';
import { tenantKeyOf } from './tenant-key';

const keyOfText = (text: string) => {
  const bytes = Buffer.from(`before ${text} after`);
  const key = tenantKeyOf()(bytes, 7, 7 + Buffer.byteLength(text));
  return key === undefined ? undefined : Buffer.from(key).toString();
};
const pulse = (tenant: string) => `{"tenant_id":${tenant},"product_sku":"s","used_ammount":1,"use_unity":"h"}`;

describe('the key of a message', () => {
  it('is the tenant of a pulse, however it is written', () => {
    expect(keyOfText(pulse('"acme"'))).toBe('acme');
    expect(keyOfText(pulse('"\\u0061c\\u00e9"'))).toBe('acé');
  });

  it('is none when the message is no pulse', () => {
    expect(keyOfText('no pulse')).toBeUndefined();
    expect(keyOfText(pulse('7'))).toBeUndefined();
  });
});
