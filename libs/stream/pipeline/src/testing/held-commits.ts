// A session whose commits wait until the test answers them.

import type { OutputCommit, Session } from '@pulses/connector-api';
import { settle } from '@pulses/testing-sim';

interface HeldCommit {
  readonly commit: OutputCommit;
  readonly answer: PromiseWithResolvers<void>;
}

export class HeldCommits {
  readonly #held: HeldCommit[] = [];
  #answered = 0;
  readonly session: Pick<Session, 'commit'> = {
    commit: (commit) => {
      const answer = Promise.withResolvers<void>();
      this.#held.push({ commit, answer });
      return answer.promise;
    },
  };

  /** All that were sent, answered or not. */
  get sent(): readonly OutputCommit[] {
    return this.#held.map(({ commit }) => commit);
  }

  get underWay(): number {
    return this.#held.length - this.#answered;
  }

  /** Answers every commit as stored until the promise settles. */
  async answerUntil<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    while (!isSettled) {
      if (this.underWay > 0) await this.answer();
      else await settle();
    }
    return await promise;
  }

  /** Answers the oldest one: stored, or refused with the error. */
  async answer(error?: Error): Promise<void> {
    const next = this.#held[this.#answered];
    if (next === undefined) throw new Error('no commit is under way');
    this.#answered += 1;
    if (error === undefined) next.answer.resolve();
    else next.answer.reject(error);
    await settle();
  }
}
