export { connectorNames, connectorSettings, openConnector, openTools, type ConnectorName } from './connectors';
