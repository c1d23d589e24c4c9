// How many bytes a log reads from its runs.

import type { FileSystem, OpenMode } from '@pulses/shared-ports';
import type { Machine } from './torture-run';

export interface CountedRunReads {
  /** The machine's, for the log. */
  readonly fileSystem: FileSystem;
  /** Read so far; may be set back. */
  bytes: number;
}

export function countedRunReads({ fileSystem }: Machine): CountedRunReads {
  const counted: CountedRunReads = {
    bytes: 0,
    fileSystem: {
      ...fileSystem,
      async open(path: string, mode: OpenMode) {
        const handle = await fileSystem.open(path, mode);
        const read: typeof handle.read = async (into, at) => {
          const count = await handle.read(into, at);
          if (path.endsWith('.run')) counted.bytes += count;
          return count;
        };
        return { ...handle, read };
      },
    },
  };
  return counted;
}
