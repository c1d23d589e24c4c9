#!/usr/bin/env node
import { nodeProcess } from '@pulses/shared-service-host';
import { commands } from './commands';
import { runCli } from './run-cli';
import { nodeTerminal } from './terminal';

void runCli(commands, nodeProcess(), nodeTerminal());
