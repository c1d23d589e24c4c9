// Input budget: bytes received and not yet stored, over many connections. It bounds the broker's memory for clients.
//
// Each connection holds two kinds. `partial` is an incomplete frame or line. `working` are complete requests that the
// log has not answered. Over the limit no connection is read until a quarter is free again: TCP applies
// back-pressure. Working bytes leave as the log answers. Partial bytes do not, since their rest is not read. When only
// partial bytes are left over the limit, the connections with most of them are dropped.
//
// Guarantees: the total exceeds the limit by at most one read. Some connection can always be read again.

export interface InputAccount {
  /** States what the connection holds now. */
  set(partialBytes: number, workingBytes: number): void;
  close(): void;
}

export interface AccountOwner {
  /** `isFull` of the budget has changed: stop reading, or resume. */
  onFullChanged(): void;
  /** The connection has to go, to make room; its account is closed already. */
  onEvicted(): void;
}

export interface InputBudget {
  readonly bytes: number;
  /** True while no connection may read. */
  readonly isFull: boolean;
  open(owner: AccountOwner): InputAccount;
}

interface Account {
  readonly owner: AccountOwner;
  partialBytes: number;
  workingBytes: number;
}

export function createInputBudget(bytesMax: number): InputBudget {
  const resumeBytes = bytesMax * 0.75;
  const accounts = new Set<Account>();
  let partialTotal = 0;
  let workingTotal = 0;
  let isFull = false;

  const bytes = (): number => partialTotal + workingTotal;

  const setBytes = (account: Account, partialBytes: number, workingBytes: number): void => {
    partialTotal += partialBytes - account.partialBytes;
    workingTotal += workingBytes - account.workingBytes;
    account.partialBytes = partialBytes;
    account.workingBytes = workingBytes;
  };

  const forget = (account: Account): void => {
    setBytes(account, 0, 0);
    accounts.delete(account);
  };

  const evictLargestPartial = (): void => {
    let largest: Account | undefined;
    for (const account of accounts) {
      if (largest === undefined || account.partialBytes > largest.partialBytes) largest = account;
    }
    if (largest === undefined) return;
    forget(largest);
    largest.owner.onEvicted();
  };

  const setFull = (value: boolean): void => {
    isFull = value;
    for (const account of [...accounts]) {
      if (isFull !== value) return; // an owner changed it back, and every owner was told
      if (accounts.has(account)) account.owner.onFullChanged();
    }
  };

  const settle = (): void => {
    if (!isFull && bytes() > bytesMax) setFull(true);
    while (isFull && workingTotal === 0 && bytes() > resumeBytes) evictLargestPartial();
    if (isFull && bytes() <= resumeBytes) setFull(false);
  };

  return {
    get bytes() {
      return bytes();
    },
    get isFull() {
      return isFull;
    },
    open: (owner) => {
      const account: Account = { owner, partialBytes: 0, workingBytes: 0 };
      accounts.add(account);
      return {
        set: (partialBytes, workingBytes) => {
          if (!accounts.has(account)) return;
          setBytes(account, partialBytes, workingBytes);
          settle();
        },
        close: () => {
          if (!accounts.has(account)) return;
          forget(account);
          settle();
        },
      };
    },
  };
}
