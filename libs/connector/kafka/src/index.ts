export { kafkaConnector } from './registration';
