// The broker of the baseline pipeline: the minimum that a broker does with pulses and grouped lines.
//
// It writes them to one journal with group commit: one fdatasync for all that arrived meanwhile. Then it acknowledges,
// forwards pulses to the reader and lines to the watcher, and writes each tenant's file within half a second.
// It has no checksums, offsets, producers, positions, index or recovery. Writes and syncs run in the thread pool, all
// else in the main thread, which can be given extra work a line.

import { once } from 'node:events';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  ACKNOWLEDGEMENT,
  createMessageReader,
  forEachSection,
  LINE_FEED,
  BASELINE_ROLES,
  sendMessage,
} from './baseline-messages';

const FLUSH_MS = 500;
const WRITERS = 8;
/** Back-pressure: above this, producers are paused. Commits are not, or reader and broker would wait for each other. */
const READER_BYTES_MAX = 16 * 1024 * 1024;

export interface BaselineBroker {
  readonly directory: string;
  readonly tenants: number;
  /** Extra work of the main thread for each grouped line. */
  readonly lineWorkMicros: number;
}

interface Arrived {
  readonly from: Socket;
  readonly bytes: Buffer;
  readonly isGrouped: boolean;
}

interface LineFile {
  readonly handle: FileHandle;
  pending: Buffer[];
}

/** File 0 holds the source, file n the lines of tenant n. */
export const lineFilePath = (directory: string, index: number): string => join(directory, `topic-${index}`, 'lines');

async function writeWhole(handle: FileHandle, buffers: Buffer[]): Promise<void> {
  const { bytesWritten } = await handle.writev(buffers);
  if (bytesWritten !== buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)) throw new Error('short write');
}

function countLines(message: Buffer): number {
  let count = 0;
  forEachSection(message, (_tenant, start, end) => {
    for (let at = message.indexOf(LINE_FEED, start); at >= 0 && at < end; at = message.indexOf(LINE_FEED, at + 1))
      count += 1;
  });
  return count;
}

/** Busy-waits for the work of all lines of a message. By the clock: counting them, or waiting for a core, is included. */
function workOn(message: Buffer, lineWorkMicros: number): void {
  const startMs = performance.now();
  const endMs = startMs + (countLines(message) * lineWorkMicros) / 1000;
  while (performance.now() < endMs);
}

/** Prints its port. At SIGTERM it writes what is pending and exits. */
export async function runBaselineBroker({ directory, tenants, lineWorkMicros }: BaselineBroker): Promise<void> {
  const journal = await open(join(directory, 'journal'), 'w');
  const files: LineFile[] = [];
  for (let index = 0; index <= tenants; index += 1) {
    await mkdir(join(directory, `topic-${index}`));
    files.push({ handle: await open(lineFilePath(directory, index), 'w'), pending: [] });
  }
  let reader: Socket | undefined;
  /** Receives the stored lines of all tenants. */
  let watcher: Socket | undefined;
  let waiting: Arrived[] = [];
  let storing: Promise<void> | undefined;
  const paused = new Set<Socket>();

  const resume = (): void => {
    for (const producer of paused) producer.resume();
    paused.clear();
  };

  const forgetReader = (): void => {
    reader = undefined;
    resume();
  };

  const route = (bytes: Buffer): void => {
    forEachSection(bytes, (tenant, start, end) => {
      files[tenant]?.pending.push(bytes.subarray(start, end));
    });
  };

  const store = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await writeWhole(
        journal,
        group.map(({ bytes }) => bytes),
      );
      await journal.datasync();
      for (const { from, bytes, isGrouped } of group) {
        from.write(ACKNOWLEDGEMENT);
        if (isGrouped) {
          route(bytes);
          if (lineWorkMicros > 0) workOn(bytes, lineWorkMicros);
          if (watcher !== undefined) sendMessage(watcher, bytes);
        } else {
          files[0]?.pending.push(bytes);
          if (reader === undefined) continue;
          sendMessage(reader, bytes);
          if (reader.writableLength > READER_BYTES_MAX) paused.add(from.pause());
        }
      }
    }
    storing = undefined;
  };

  const flush = async (): Promise<void> => {
    const due = files.filter(({ pending }) => pending.length > 0);
    const writer = async () => {
      for (let file = due.pop(); file !== undefined; file = due.pop()) {
        const { pending } = file;
        file.pending = [];
        await writeWhole(file.handle, pending);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
  };

  let isStopping = false;
  const flushing = (async () => {
    while (!isStopping) {
      await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
      await flush();
    }
  })();

  const serve = (from: Socket): void => {
    const take = createMessageReader();
    let role: number | undefined;
    from.setNoDelay(true);
    from.on('error', () => undefined);
    from.on('data', (chunk: Buffer) => {
      if (role === undefined) {
        role = chunk[0];
        if (role === BASELINE_ROLES.reader) reader = from.on('drain', resume).on('close', forgetReader);
        if (role === BASELINE_ROLES.watcher) watcher = from.on('close', () => (watcher = undefined));
        chunk = chunk.subarray(1);
      }
      for (const bytes of take(chunk)) waiting.push({ from, bytes, isGrouped: role === BASELINE_ROLES.committer });
      if (waiting.length > 0) storing ??= store();
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`);
  await once(process, 'SIGTERM');
  isStopping = true;
  await flushing;
  await storing;
  await flush();
  process.exit(0);
}
