// Limits of a pulse (contract, section 2). Lengths are bytes of UTF-8.

export const PULSE_BYTES_MAX = 1024 * 1024;
export const LABEL_BYTES_MAX = 256;
export const PULSE_ID_BYTES_MAX = 128;
