// The graph of imports between files, types included: no circle of files.
module.exports = {
  forbidden: [{ name: 'no-circle', severity: 'error', from: {}, to: { circular: true } }],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: require('node:path').join(__dirname, '../../tsconfig.json') },
    enhancedResolveOptions: { extensions: ['.ts', '.mts', '.mjs', '.cjs', '.js', '.json'] },
  },
};
