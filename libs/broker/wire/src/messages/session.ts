// The start of a connection, its liveness, and answers that several requests share.

import { str, u16, u32, u64 } from '@pulses/shared-binary';
import { message } from './schema';

export const SESSION_REQUESTS = {
  hello: message(1, {
    protocolVersion: u16,
    /** Name of the program, for the broker's log. */
    client: str,
    /** Empty when the client has none. */
    token: str,
  }),
  ping: message(15, {}),
};

export const SESSION_RESPONSES = {
  'hello-ok': message(129, {
    protocolVersion: u16,
    server: str,
    frameBytesMax: u32,
    messageBytesMax: u32,
  }),
  done: message(139, {}),
  pong: message(140, { clockMs: u64 }),
  /** `code` is a row of docs/errors.md. */
  error: message(141, { code: str, message: str }),
};
