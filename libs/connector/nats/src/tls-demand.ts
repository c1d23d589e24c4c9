// Whether a server asks its clients for a certificate, as its first line says in plain text.
//
// Bounds: ANSWER_MS_MAX and LINE_BYTES_MAX for each server.

import { connect } from 'node:net';
import type { NatsAddress } from './settings';

const ANSWER_MS_MAX = 2_000;
const LINE_BYTES_MAX = 64 * 1024;

/** False as well when the server does not say it in time. */
export async function asksForCertificate({ host, port }: Pick<NatsAddress, 'host' | 'port'>): Promise<boolean> {
  return await new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port, timeout: ANSWER_MS_MAX });
    const end = () => {
      socket.destroy();
      resolve(isDemand(text));
    };
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('\n') || text.length > LINE_BYTES_MAX) end();
    });
    for (const event of ['timeout', 'error', 'close']) socket.on(event, end);
  });
}

function isDemand(text: string): boolean {
  try {
    const info: unknown = JSON.parse(/^INFO (.*)/.exec(text)?.[1] ?? 'null');
    return typeof info === 'object' && info !== null && 'tls_verify' in info && info.tls_verify === true;
  } catch {
    return false;
  }
}
