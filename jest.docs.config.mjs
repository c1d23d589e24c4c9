// The specs that hold documents to the code (`x.docs.spec.ts`), over the whole workspace. They are apart from the
// projects' own tests so that a change in a document selects no project, and they are never cached.
import projectConfig from './jest.config.mjs';

export default {
  ...projectConfig,
  rootDir: '.',
  testMatch: ['<rootDir>/{apps,libs,tools}/**/*.docs.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
};
