export { closest } from './closest';
export { hostOf, hostSetting, hostsKind, httpAddressKind, isLoopback } from './host';
export { renderHelp, renderSettingsTable, type HelpOptions } from './help';
export { listenError } from './listen-error';
export { mergeSettings } from './merge-settings';
export { readPemFile, type PemContent } from './pem-file';
export { SecretToken } from './secret-token';
export {
  booleanSetting,
  choiceKind,
  choiceSetting,
  customSetting,
  durationKind,
  durationSetting,
  integerKind,
  integerSetting,
  optional,
  portSetting,
  secretSetting,
  sizeKind,
  sizeSetting,
  textKind,
  textSetting,
  tokenSetting,
  type Setting,
  type SettingKind,
} from './setting';
export {
  asksFor,
  parseSettings,
  variablesOf,
  type ParsedSettings,
  type SettingsDefinition,
  type SettingsOf,
  type SettingsSources,
} from './settings';
