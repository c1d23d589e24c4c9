// The behaviours that the tools' side of every connector shows, over a real system.

import { describe } from '@jest/globals';
import { describeGroups } from './group-scenarios';
import { ToolsSuite, type ToolsHarness } from './tools-suite';
import { describeTopics } from './topic-scenarios';

/**
 * Declares the suite.
 *
 * @param name the adapter, for the title
 * @param start brings up a system with nothing stored
 */
export function describeTools(name: string, start: () => Promise<ToolsHarness>): void {
  describe(`the tools of ${name}`, () => {
    const suite = new ToolsSuite(start);
    describeTopics(suite);
    describeGroups(suite);
  });
}
