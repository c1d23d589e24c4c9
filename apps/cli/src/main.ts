#!/usr/bin/env node
import { isMainThread } from 'node:worker_threads';
import { runSkimThread } from '@pulses/audit';
import { nodeProcess } from '@pulses/shared-process';
import { connectForAudit } from './audit-access';
import { commands } from './commands';
import { runCli } from './run-cli';
import { nodeTerminal } from './terminal';

if (isMainThread) void runCli(commands, nodeProcess(), nodeTerminal());
else void runSkimThread(connectForAudit);
