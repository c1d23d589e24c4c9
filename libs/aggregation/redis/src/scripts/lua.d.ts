// A Lua script, loaded as text.
declare module '*.lua' {
  const text: string;
  export = text;
}
