// The address that the limits of one peer apply to.

/** @param peer address and port, as a socket names them. An IPv6 address counts as its /64 network: one host has it all. */
export function peerAddressOf(peer: string): string {
  const address = peer.slice(0, peer.lastIndexOf(':')).replace(/^::ffff:(?=\d+\.)/, '');
  if (!address.includes(':')) return address;
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
