// What a service says of its readiness.

interface Ready {
  readonly reason?: string;
  readonly detail?: string;
}

const readinessOf = async (httpPort: number): Promise<Ready> =>
  (await (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).json()) as Ready;

/** Why it is not ready; empty when it is. */
export async function readyReason(httpPort: number): Promise<string> {
  return (await readinessOf(httpPort)).reason ?? '';
}

/** What it does: `active`, `standby: …`; empty when it is not ready. */
export async function readyDetail(httpPort: number): Promise<string> {
  return (await readinessOf(httpPort)).detail ?? '';
}
