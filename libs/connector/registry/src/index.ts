export { connectorNames, connectorSettings, openConnector, type ConnectorName } from './connectors';
