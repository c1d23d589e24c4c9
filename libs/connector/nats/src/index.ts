export { natsConnector } from './registration';
