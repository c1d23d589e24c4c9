import { describe, expect, it } from '@jest/globals';
import {
  COMMIT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  GROUP_NAME_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  PRODUCER_IN_FLIGHT_MAX,
  PRODUCER_RESULTS_KEPT,
  TOPIC_NAME_BYTES_MAX,
} from './limits';

describe('the limits of the protocols', () => {
  it('let a producer repeat everything that it has under way', () => {
    expect(PRODUCER_IN_FLIGHT_MAX).toBeLessThan(PRODUCER_RESULTS_KEPT);
  });

  it('let a dead letter hold the longest message in base64, and a frame hold the dead letter', () => {
    const base64Bytes = Math.ceil(MESSAGE_BYTES_MAX / 3) * 4;
    expect(base64Bytes).toBeLessThan(COMMIT_MESSAGE_BYTES_MAX);
    expect(COMMIT_MESSAGE_BYTES_MAX).toBeLessThan(FRAME_BYTES_MAX);
  });

  it('leave room for a group in front of its source', () => {
    expect(TOPIC_NAME_BYTES_MAX + 1).toBeLessThan(GROUP_NAME_BYTES_MAX);
  });
});
