#!/usr/bin/env node
import { isMainThread } from 'node:worker_threads';
import { nodeProcess } from '@pulses/shared-process';
import { runSkimThread } from './audit/skim-thread';
import { commands } from './commands';
import { runCli } from './run-cli';
import { nodeTerminal } from './terminal';

if (isMainThread) void runCli(commands, nodeProcess(), nodeTerminal());
else void runSkimThread();
