// Bytes received and not yet stored, over many connections: what bounds the broker's memory towards its clients.
//
// Each connection holds two kinds: `partial` (a frame or line that is not complete) and `working` (complete requests
// that the log has not answered). Over the limit no connection reads until a quarter is free again, so TCP slows the
// clients down. Working bytes are freed as the log answers. Partial bytes are not, since their rest is not read. So when
// only partial bytes remain over the limit, the connections with the most of them are dropped.
//
// Guarantees: the total passes the limit by at most one read; some connection can always read again.

export interface InputAccount {
  /** States what the connection holds now. */
  set(partialBytes: number, workingBytes: number): void;
  close(): void;
}

export interface AccountOwner {
  /** `isFull` of the budget has changed: stop reading, or go on. */
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
      if (isFull !== value) return; // an owner changed it back and has notified every account
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
