import { describe, expect, it } from '@jest/globals';
import { peerAddressOf } from './peer-address';

describe('the address of a peer', () => {
  it.each([
    ['127.0.0.1:9000', '127.0.0.1'],
    ['::ffff:10.1.2.3:9000', '10.1.2.3'],
    ['::1:9000', '0:0:0:0'],
    ['2001:db8::1:2:9000', '2001:db8:0:0'],
    ['2001:db8:1:2:3:4:5:6:9000', '2001:db8:1:2'],
    ['2001::4:5:6:7:8:9000', '2001:0:0:4'],
    ['?:?', '?'],
  ])('of %s is %s', (peer, address) => {
    expect(peerAddressOf(peer)).toBe(address);
  });
});
