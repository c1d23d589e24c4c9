export { type FsConnectorOptions } from './fs-connector';
export { fsConnector } from './registration';
