// The form of a commit's message: CONTRIBUTING.md, "Commits".

const TYPES = ['build', 'chore', 'ci', 'docs', 'feat', 'fix', 'perf', 'refactor', 'style', 'test'];
const SUBJECT_LENGTH_MAX = 72;
const SUBJECT = new RegExp(`^(?:${TYPES.join('|')})(?:\\([a-z0-9-]+\\))?: \\S`);

/** What is wrong with a message; empty when nothing is. */
export function faultsOf(message: string): string[] {
  const [subject = '', separator = '', ...body] = message.trimEnd().split('\n');
  const faults: string[] = [];
  if (!SUBJECT.test(subject))
    faults.push(`the subject does not start with a type and a scope, like 'fix(broker-log): '`);
  if (subject.length > SUBJECT_LENGTH_MAX)
    faults.push(`the subject has ${subject.length} characters; at most ${SUBJECT_LENGTH_MAX}`);
  if (subject.includes(';')) faults.push('the subject joins several changes by a semicolon');
  if (separator !== '') faults.push('the second line is not empty');
  if (body.join('').trim() === '') faults.push('there is no body that says symptom, cause and why');
  return faults;
}
