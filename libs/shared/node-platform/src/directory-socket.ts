// A directory as the name of a socket, which one process can hold.
//
// The name is made of device and inode, so it stands for the directory itself, whatever is removed from it. It is in Linux'
// abstract namespace: the kernel frees it at the end of the process, even after SIGKILL, and no file is left behind.
// Does not survive: another network namespace (two containers on one volume), another system than Linux.

import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/** Answers wait this long: a holder that is stopped gives none. */
const ANSWER_MS = 500;
const PID_DIGITS_MAX = 10;
/** Programs that may ask at the same time; more are refused. */
const CONNECTIONS_MAX = 8;

export type Claim =
  | { readonly kind: 'held'; release(): Promise<void> }
  /** `pid` is undefined when the holder does not answer. */
  | { readonly kind: 'taken'; readonly pid: number | undefined }
  /** The system has no such sockets. */
  | { readonly kind: 'unsupported' };

/** Claims the directory until the end of the process. @throws the system's error when it cannot be looked at */
export async function claimDirectory(path: string): Promise<Claim> {
  const { dev, ino } = statSync(path, { bigint: true });
  if (process.platform !== 'linux') return { kind: 'unsupported' };
  const name = `\0pulses-directory/${dev}/${ino}`;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(String(process.pid));
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.unref();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: name, exclusive: true }, resolve);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return { kind: 'unsupported' };
    return { kind: 'taken', pid: await pidOf(name) };
  }
  return {
    kind: 'held',
    release: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** What the holder of the name says about itself. */
async function pidOf(name: string): Promise<number | undefined> {
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect({ path: name });
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => {
      text += data;
      if (text.length > PID_DIGITS_MAX) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(text);
    });
  });
  return /^[1-9]\d{0,9}$/.test(answer) ? Number(answer) : undefined;
}
