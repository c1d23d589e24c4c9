// Why a service is not ready.

/** The reason in the answer of /readyz; empty when it is ready. */
export async function readyReason(httpPort: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  const { reason = '' } = (await response.json()) as { reason?: string };
  return response.ok ? '' : reason;
}
