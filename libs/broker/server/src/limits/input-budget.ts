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
  return new SharedBudget(bytesMax);
}

class SharedBudget implements InputBudget {
  readonly #bytesMax: number;
  readonly #resumeBytes: number;
  readonly #accounts = new Set<Account>();
  #partialTotal = 0;
  #workingTotal = 0;
  #isFull = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#resumeBytes = bytesMax * 0.75;
  }

  get bytes(): number {
    return this.#partialTotal + this.#workingTotal;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  open(owner: AccountOwner): InputAccount {
    const account: Account = { owner, partialBytes: 0, workingBytes: 0 };
    this.#accounts.add(account);
    return {
      set: (partialBytes, workingBytes) => {
        if (!this.#accounts.has(account)) return;
        this.#setBytes(account, partialBytes, workingBytes);
        this.#settle();
      },
      close: () => {
        if (!this.#accounts.has(account)) return;
        this.#forget(account);
        this.#settle();
      },
    };
  }

  #setBytes(account: Account, partialBytes: number, workingBytes: number): void {
    this.#partialTotal += partialBytes - account.partialBytes;
    this.#workingTotal += workingBytes - account.workingBytes;
    account.partialBytes = partialBytes;
    account.workingBytes = workingBytes;
  }

  #forget(account: Account): void {
    this.#setBytes(account, 0, 0);
    this.#accounts.delete(account);
  }

  #settle(): void {
    if (!this.#isFull && this.bytes > this.#bytesMax) this.#setFull(true);
    while (this.#isFull && this.#workingTotal === 0 && this.bytes > this.#resumeBytes) this.#evictLargestPartial();
    if (this.#isFull && this.bytes <= this.#resumeBytes) this.#setFull(false);
  }

  #setFull(value: boolean): void {
    this.#isFull = value;
    for (const account of [...this.#accounts]) {
      if (this.#isFull !== value) return; // an owner changed it back, and every owner was told
      if (this.#accounts.has(account)) account.owner.onFullChanged();
    }
  }

  #evictLargestPartial(): void {
    let largest: Account | undefined;
    for (const account of this.#accounts) {
      if (largest === undefined || account.partialBytes > largest.partialBytes) largest = account;
    }
    if (largest === undefined) return;
    this.#forget(largest);
    largest.owner.onEvicted();
  }
}
