// A bug to be put in, and the test that has to notice it.

export interface Mutation {
  /** Its number in the list of what breaks designs like this one. */
  readonly number: number;
  readonly bug: string;
  readonly edits: readonly Edit[];
  readonly test: {
    /** Root of the project whose tests run. */
    readonly project: string;
    /** Pattern of the test files' paths. */
    readonly files: string;
    /** Part of the name of a test that has to fail. */
    readonly name: string;
    /** The file with the test's cases, where the test files take them from a suite. */
    readonly casesIn?: string;
    /** Apps whose bundles the test runs. */
    readonly bundles?: readonly string[];
    /** True when the edits are to the sources of the ingest kernel, which is compiled before the test. */
    readonly compilesKernel?: boolean;
  };
}

export interface Edit {
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** The text with the edit made. @throws Error when the text to replace does not occur exactly once */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times, expected once:\n${find}`);
  return parts.join(replace);
}
