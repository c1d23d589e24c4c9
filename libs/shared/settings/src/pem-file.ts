// PEM files that settings name.

import { PulsesError } from '@pulses/shared-errors';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** What a PEM file has to hold. */
export type PemContent = 'certificates' | 'a private key without password';

const PARSERS: Readonly<Record<PemContent, (pem: string) => unknown>> = {
  certificates: (pem) => new X509Certificate(pem),
  'a private key without password': createPrivateKey,
};

/**
 * Reads a PEM file.
 * @param flag without dashes, for the error
 * @throws PulsesError CONFIG_INVALID when it can't be read or holds something else
 */
export async function readPemFile(flag: string, path: string, content: PemContent): Promise<string> {
  const refused = (allowed: string) =>
    new PulsesError('CONFIG_INVALID', `--${flag}: '${path}' is not valid: ${allowed}`);
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw refused(`a file that can be read (${code})`);
  }
  // TLS ignores any other text, and then trusts or shows nothing.
  try {
    PARSERS[content](pem);
  } catch {
    throw refused(`a PEM file of ${content}`);
  }
  return pem;
}
