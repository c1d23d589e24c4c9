// A new certificate for TLS on loopback.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * Creates a self-signed certificate for 127.0.0.1 and localhost in `directory`.
 * @throws Error when the `openssl` program is missing, since Node can't sign certificates
 */
export async function makeCertificate(directory: string): Promise<Certificate> {
  const [certificatePath, privateKeyPath] = [join(directory, 'certificate.pem'), join(directory, 'private-key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  try {
    await run('openssl', [...request, ...names, '-keyout', privateKeyPath, '-out', certificatePath]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('the TLS tests need the openssl program on the PATH', { cause: error });
  }
  const [certificatePem, privateKeyPem] = await Promise.all(
    [certificatePath, privateKeyPath].map((path) => readFile(path, 'utf8')),
  );
  return { certificatePath, privateKeyPath, certificatePem: certificatePem ?? '', privateKeyPem: privateKeyPem ?? '' };
}
