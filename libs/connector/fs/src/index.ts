export { createFsConnector, type FsConnectorOptions } from './fs-connector';
