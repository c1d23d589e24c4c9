// Opens connections to one broker.
//
// Guarantees: when the broker refuses the token, the settings are read again, once a connection. A token in a file can
// so be replaced while its clients run.

import { isPulsesError } from '@pulses/shared-errors';
import { connectBroker, type BrokerAddress, type BrokerClient, type BrokerClientOptions } from './broker-client';

/** @param reread reads the address again; without it a refusal is final */
export function createDialer(
  options: BrokerClientOptions,
  reread?: () => Promise<BrokerAddress>,
): () => Promise<BrokerClient> {
  let { token } = options;
  const dial = () => connectBroker({ ...options, ...(token === undefined ? {} : { token }) });
  return async () => {
    try {
      return await dial();
    } catch (error) {
      if (reread === undefined || !isPulsesError(error, 'UNAUTHENTICATED')) throw error;
      const fresh = (await reread()).token;
      if (fresh === token) throw error;
      token = fresh;
      return await dial();
    }
  };
}
