#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { exitCodes } from './shared/exit-codes.ts';

// Before anything allocates: short-lived garbage then stays within the processor's cache (DESIGN.md 5).
setFlagsFromString('--max-semi-space-size=4');

const { reportFailure } = await import('./commands/cli-report.ts');

// An error that nobody took is a bug, whichever callback it comes out of: say so and stop.
process.on('uncaughtException', (error) => {
  const reason = reportFailure(error, (text) => process.stderr.write(text));
  process.exit(exitCodes[reason].code);
});

const { main } = await import('./commands/cli.ts');
const code = await main(process.argv.slice(2));
// A command that went well has closed everything, and the process ends by itself. After a failure something may still be open.
if (code !== 0) process.exit(code);
