// A plugin of TypeDoc: a library's page has the name of its project, `connector-api`, not the path of its index.

import { Converter } from 'typedoc';

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const library of context.project.children ?? [])
      library.name = library.name.replace(/\/src$/, '').replaceAll('/', '-');
  });
}
